"""The crawl: which address next, when, and what becomes of the answer."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import numpy as np
from protego import Protego

from searcher.crawl.discover import page_links, wanted, xml_links
from searcher.crawl.fetch import Fetched, Fetcher, inflate
from searcher.crawl.robots import parse_rules, read_rules
from searcher.errors import FetchError, QueryError
from searcher.html import Page, canonical, host_of, pattern_of, profile_of, same_site
from searcher.model import Capture
from searcher.store import Due, Store
from searcher.vietnamese.fingerprint import Hashes, shingles

_ROBOTS_AGE = dt.timedelta(hours=24)
_SITEMAP_BYTES = 50 << 20
_GONE = frozenset({404, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: A pattern of addresses that was no use this often, and four times as often as it was, is a trap.
_FRUITLESS = 10
_BATCH = 100
#: Seconds: the longest pause between two requests that a host's slowness brings about, and the longest one waits to try again.
_LONGEST_PAUSE = 30.0
_LONGEST_WAIT = 300.0
#: Days after which an article that never changes is asked for again at the latest.
_LONGEST_DAYS = 64
#: An address that no site has; what it shows there, it shows for pages that are gone.
_NO_SUCH_PAGE = "khong-co-trang-nay-404"
#: Two pages that share so much of their text are one.
_SAME_PAGE = 0.8


@dataclass(frozen=True, slots=True)
class CrawlOptions:
    """How to crawl. ``delay`` and ``retry_after`` are seconds; ``limit`` bounds the requests for pages in this call.

    ``since`` leaves out what sitemaps date before that day; with ``due`` only what is due again is asked for; ``hosts`` are
    fetched from at once, each by one request at a time.
    """

    delay: float = 1.0
    limit: int | None = None
    max_depth: int = 50
    attempts: int = 3
    retry_after: float = 2.0
    agent: str = "searcher"
    since: dt.date | None = None
    due: bool = False
    hosts: int = 8


@dataclass(frozen=True, slots=True)
class CrawlReport:
    """What a crawl did: pages by outcome, and why addresses failed."""

    fetched: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    refused: int = 0
    failed: int = 0
    finished: bool = True
    problems: tuple[str, ...] = field(default=())


@dataclass(slots=True)
class _Host:
    """A host in this run: when it may be asked again (monotonic seconds), how slow it is, what it shows for pages it lacks."""

    name: str
    ready: float = 0.0
    slowness: float = 0.0
    pause: float = 0.0
    missing_page: Hashes | None = None
    probed: bool = False
    waiting: list[Due] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Task:
    """A request under way: for a page (``due``), for robots.txt or for a page that cannot exist."""

    host: _Host
    due: Due
    kind: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """A page as it was answered, and whether it is an article."""

    page: Page
    is_article: bool


class Crawler:
    """Fetches what is due, several hosts at once. ``is_article`` tells which pages are worth having.

    Requests are made in threads; everything else, the store above all, is the calling thread's.
    """

    def __init__(
        self,
        store: Store,
        fetcher: Fetcher,
        options: CrawlOptions,
        is_article: Callable[[Page], bool],
        *,
        clock: Callable[[], dt.datetime],
        sleep: Callable[[float], None] = time.sleep,
        progress: Callable[[str, int], None] = lambda _url, _done: None,
    ) -> None:
        self._store = store
        self._frontier = store.frontier
        self._fetcher = fetcher
        self._options = options
        self._is_article = is_article
        self._clock = clock
        self._sleep = sleep
        self._progress = progress
        self._rules: dict[str, Protego] = {}
        self._report = CrawlReport()
        self._yields: dict[tuple[str, str], list[int]] = {}

    def run(self, seeds: Sequence[str]) -> CrawlReport:
        """Crawl the sites of ``seeds``. An interrupted crawl of the same seeds goes on; a finished one starts anew.

        Raises:
            QueryError: a seed is no http(s) address.
        """
        urls = self._addresses(seeds)
        with self._store.lock:
            with self._store.transaction():
                run = self._frontier.start_run(urls, self._clock())
                for url in urls:
                    self._frontier.add(url, host_of(url), 0, pattern_of(url), None)
            finished = self._work(run, list(dict.fromkeys(map(host_of, urls))))
            if finished:
                with self._store.transaction():
                    self._frontier.finish_run(run, self._clock())
        return replace(self._report, finished=finished)

    def plan(self, seeds: Sequence[str]) -> list[tuple[str, int]]:
        """Return (host, addresses known to be due) for the hosts of ``seeds``, and ask for nothing.

        Raises:
            QueryError: a seed is no http(s) address.
        """
        urls = self._addresses(seeds)
        now = self._clock() if self._options.due else None
        counts = {host: self._frontier.count_due(self._frontier.coming_run(urls), host, now) for host in map(host_of, urls)}
        return [(host, max(1, count)) for host, count in counts.items()]

    @staticmethod
    def _addresses(seeds: Sequence[str]) -> list[str]:
        urls = []
        for seed in seeds:
            url = canonical(seed if "://" in seed else f"http://{seed}")
            if url is None:
                raise QueryError(f"{seed} is not an http(s) address")
            urls.append(url)
        return urls

    def _work(self, run: int, hosts: list[str]) -> bool:
        """Ask each host at its own pace until nothing is left to do; return whether that is so."""
        idle = [_Host(name) for name in hosts]
        running: dict[Future[Fetched | FetchError], _Task] = {}
        asked = 0
        limited = False
        with ThreadPoolExecutor(self._options.hosts, thread_name_prefix="crawl") as pool:
            while idle or running:
                now = time.monotonic()
                for host in sorted((h for h in idle if h.ready <= now), key=lambda h: h.ready):
                    if len(running) >= self._options.hosts:
                        break
                    idle.remove(host)
                    task = self._next_task(run, host)
                    if task is not None and task.kind == "page":
                        if self._options.limit is not None and asked >= self._options.limit:
                            limited, task = True, None
                        else:
                            asked += 1
                    if task is not None:
                        running[pool.submit(self._ask, task)] = task
                if running:
                    soonest = min((h.ready for h in idle), default=None) if len(running) < self._options.hosts else None
                    patience = None if soonest is None else max(0.0, soonest - time.monotonic())
                    done, _ = wait(running, timeout=patience, return_when=FIRST_COMPLETED)
                    for future in done:
                        task = running.pop(future)
                        if self._settle(run, task, future.result()):
                            idle.append(task.host)
                            self._progress(task.due.url, asked)
                elif idle:
                    self._sleep(max(0.0, min(h.ready for h in idle) - time.monotonic()))
        return not limited

    def _next_task(self, run: int, host: _Host) -> _Task | None:
        """Return what to ask a host for next; None if nothing is left. Addresses that are refused are settled on the way."""
        now = self._clock() if self._options.due else None
        while True:
            if not host.waiting:
                # Looking for the next one means sorting all that are left: a batch at a time.
                host.waiting = self._frontier.due(run, host.name, _BATCH, now)[::-1]
            if not host.waiting:
                return None
            due = host.waiting[-1]
            if host.name not in self._rules and not self._known_rules(host.name, due.url):
                return _Task(host, Due(f"{urlsplit(due.url).scheme}://{host.name}/robots.txt", 0, "", None, None, 0), "robots")
            host.waiting.pop()
            refusal = self._refusal(run, host.name, due)
            if not refusal:
                return _Task(host, due, "page")
            with self._store.transaction():
                self._frontier.settle(due.url, run, "refused", reason=refusal)
            self._count(refused=1)

    def _refusal(self, run: int, host: str, due: Due) -> str:
        """Why ``due`` is not to be fetched; empty if it may be."""
        if not self._rules[host].can_fetch(due.url, self._options.agent):
            return "robots.txt"
        if due.depth > self._options.max_depth:
            return "too far from the seeds"
        useful, useless = self._tally(run, host, due.pattern)
        if due.depth and useless >= _FRUITLESS and useless > 4 * useful:
            return f"trap: {useless} addresses like it gave nothing"
        return ""

    def _tally(self, run: int, host: str, pattern: str) -> list[int]:
        """How many addresses of a pattern were of use in this run, and how many were not; counted on from what the store knows."""
        known = self._yields.get((host, pattern))
        if known is None:
            known = self._yields[host, pattern] = list(self._frontier.yields(run, host, pattern))
        return known

    def _ask(self, task: _Task) -> Fetched | FetchError:
        """Make a request, and again where trying again may help. Runs in a thread of its own."""
        due, host = task.due, task.host
        error = FetchError(due.url, "was not asked for", temporary=True)
        for attempt in range(self._options.attempts):
            began = time.monotonic()
            pause = self._options.retry_after * 2**attempt
            try:
                answer = self._fetcher.get(due.url, etag=due.etag, last_modified=due.last_modified)
                host.slowness = 0.7 * host.slowness + 0.3 * (time.monotonic() - began)
                if answer.status < 500 and answer.status != 429:
                    return answer
                error = FetchError(due.url, f"answered {answer.status} {answer.reason}", temporary=True)
                # A host that has enough is asked less often from now on.
                host.pause = min(_LONGEST_PAUSE, max(2 * host.pause, self._options.delay))
                pause = max(pause, _retry_after(answer, self._clock()))
            except FetchError as problem:
                if not problem.temporary:
                    return problem
                error = problem
            if attempt + 1 < self._options.attempts:
                self._sleep(min(pause, _LONGEST_WAIT))
        return error

    def _settle(self, run: int, task: _Task, answer: Fetched | FetchError) -> bool:
        """Keep what came of a request; return whether the host is to be asked again in this run."""
        host, due = task.host, task.due
        if task.kind == "robots":
            return self._keep_robots(run, host.name, due.url, answer)
        if isinstance(answer, FetchError):
            with self._store.transaction():
                self._frontier.settle(due.url, run, "failed", reason=str(answer))
            self._count(failed=1, problem=str(answer))
        elif self._is_soft_404(host, due, seen := self._page(answer)):
            with self._store.transaction():
                self._frontier.count_request(host.name, self._delay(host))
                self._keep_soft_404(run, due, answer)
            self._tally(run, host.name, due.pattern)[1] += 1
        else:
            tally = self._tally(run, host.name, due.pattern)
            with self._store.transaction():
                self._frontier.count_request(host.name, self._delay(host))
                fruitful = self._keep(run, due, answer, seen)
            if fruitful is not None:
                tally[not fruitful] += 1
        host.ready = time.monotonic() + self._delay(host)
        return True

    def _page(self, answer: Fetched) -> _Seen | None:
        """Parse an answer, once for all who look at it; None if it is no page to be read."""
        if answer.status != 200 or not _is_html(answer):
            return None
        page = Page(answer.url, answer.decoded, answer.charset)
        return _Seen(page, self._is_article(page))

    def _is_soft_404(self, host: _Host, due: Due, seen: _Seen | None) -> bool:
        """Whether an address that was an article now shows what the host shows for addresses that do not exist."""
        if seen is None or seen.is_article or self._store.article_of_url(due.url) is None:
            return False
        if not host.probed:
            host.probed = True
            self._sleep(self._delay(host))
            try:
                probe = self._fetcher.get(f"{urlsplit(due.url).scheme}://{host.name}/{_NO_SUCH_PAGE}")
            except FetchError:
                return False
            if probe.status == 200:
                host.missing_page = shingles(Page(probe.url, probe.decoded, probe.charset).tree.text_content())
        if host.missing_page is None or not len(host.missing_page):
            return False
        runs = shingles(seen.page.tree.text_content())
        return len(np.intersect1d(runs, host.missing_page)) > _SAME_PAGE * max(len(runs), len(host.missing_page))

    def _keep_soft_404(self, run: int, due: Due, answer: Fetched) -> None:
        self._capture(due.url, answer)
        self._store.mark_missing(due.url)
        self._frontier.settle(due.url, run, "gone", reason="200, but the page that stands for missing ones", etag="", last_modified="")
        self._count(fetched=1, gone=1)

    def _keep(self, run: int, due: Due, answer: Fetched, seen: _Seen | None) -> bool | None:
        """Keep the answer and what it leads to; return whether it was of use, None if it failed. Runs inside a transaction."""
        store, url = self._store, due.url
        etag, last_modified = answer.header("etag"), answer.header("last-modified")
        if answer.status == 304:
            store.add_not_modified(url, answer.headers, answer.request)
            store.mark_seen(url)
            self._frontier.settle(
                url, run, "done", fruitful=True, etag=etag, last_modified=last_modified, again=self._again(due, same=True)
            )
            self._count(fetched=1, unchanged=1)
            return True
        earlier = store.last_capture(url)
        capture = self._capture(url, answer)
        if answer.status in _GONE:
            store.mark_missing(url)
            self._frontier.settle(url, run, "gone", reason=f"{answer.status} {answer.reason}", etag=etag, last_modified=last_modified)
            self._count(fetched=1, gone=1)
            return False
        if answer.status not in _REDIRECTS and answer.status != 200:
            self._frontier.settle(url, run, "failed", reason=f"answered {answer.status} {answer.reason}")
            self._count(fetched=1, failed=1, problem=f"{url}: answered {answer.status} {answer.reason}")
            return None
        links, useful = self._links(answer, seen)
        own: list[str] = []  # addresses of its own pattern are followed, but prove no use
        others: list[str] = []
        for link in links:
            (own if pattern_of(link) == due.pattern else others).append(link)
        fresh = sum(self._add(link, due.depth + (answer.status == 200), url) for link in others)
        for link in own:
            self._add(link, due.depth + 1, url)
        same = earlier is not None and earlier.digest == capture.digest
        self._frontier.settle(
            url, run, "done", fruitful=useful or fresh > 0, etag=etag, last_modified=last_modified, again=self._again(due, same=same)
        )
        if same:
            store.mark_seen(url)
        self._count(fetched=1, unchanged=same, new=earlier is None, changed=earlier is not None and not same)
        return useful or fresh > 0

    def _capture(self, url: str, answer: Fetched) -> Capture:
        return self._store.add_response(
            url, answer.content, decoded=answer.decoded, status=(answer.status, answer.reason), headers=_kept_headers(answer),
            request=answer.request, mime=answer.mime, charset=answer.charset,
        )  # fmt: skip

    def _again(self, due: Due, *, same: bool) -> tuple[dt.datetime, int]:
        """When an address is due again, and for how many days it has been left alone: twice as long each time nothing changed."""
        days = min(_LONGEST_DAYS, max(1, 2 * due.interval)) if same and self._store.article_of_url(due.url) else 1 if same else 0
        return self._clock() + dt.timedelta(days=days), days

    def _links(self, answer: Fetched, seen: _Seen | None) -> tuple[list[str], bool]:
        """Return where an answer leads and whether it is itself of use."""
        if answer.status in _REDIRECTS:
            target = canonical(answer.header("location") or "", answer.url)
            return ([target] if target else []), False  # of use if it leads to an address of another pattern
        since = self._options.since
        if answer.url.endswith(".gz"):
            return xml_links(answer.url, inflate(answer.url, answer.decoded, _SITEMAP_BYTES), since), True
        if "xml" in answer.mime and "html" not in answer.mime:
            return xml_links(answer.url, answer.decoded, since), True
        if seen is None:
            return [], True
        return page_links(seen.page, profile_of(seen.page)), seen.is_article

    def _add(self, url: str, depth: int, found_on: str) -> bool:
        host = host_of(found_on)
        if not same_site(host_of(url), host):
            return False
        # One site is one host to us, however its links spell it.
        url = urlsplit(url)._replace(netloc=host).geturl()
        return self._frontier.add(url, host, depth, pattern_of(url), found_on)

    def _known_rules(self, host: str, url: str) -> bool:
        """Take up the rules of a host where they were read within a day."""
        known = self._frontier.robots(host)
        if known is None or self._clock() - known[1] > _ROBOTS_AGE:
            return False
        self._take_rules(host, f"{urlsplit(url).scheme}://{host}", known[0])
        return True

    def _keep_robots(self, run: int, host: str, url: str, answer: Fetched | FetchError) -> bool:
        """Keep a host's rules (RFC 9309): 4xx allows all; on 5xx and silence nothing may be asked for, and the host is left alone."""
        if isinstance(answer, FetchError):
            reason = str(answer).removeprefix(f"{answer.url}: ")
            with self._store.transaction():
                for due in self._frontier.due(run, host, 1):
                    self._frontier.settle(due.url, run, "failed", reason=reason)
            self._count(failed=1, problem=f"{host}: {reason}")
            return False
        text = read_rules(answer.decoded, answer.status)
        with self._store.transaction():
            self._frontier.keep_robots(host, text, self._clock(), answer.status)
        self._take_rules(host, url.removesuffix("/robots.txt"), text)
        return True

    def _take_rules(self, host: str, root: str, text: str) -> None:
        rules = self._rules[host] = parse_rules(text)
        sitemaps = wanted(filter(None, (canonical(s, root) for s in rules.sitemaps)))
        with self._store.transaction():
            for link in sitemaps:
                self._add(link, 1, f"{root}/robots.txt")

    def _delay(self, host: _Host) -> float:
        """Seconds to leave a host alone: what was asked for, what it asks for, and twice what it takes to answer."""
        rules = self._rules.get(host.name)
        asked = rules.crawl_delay(self._options.agent) if rules else None
        slow = 2 * host.slowness if self._options.delay else 0.0
        return max(self._options.delay, float(asked or 0), min(_LONGEST_PAUSE, slow), host.pause)

    def _count(self, *, problem: str = "", **more: int) -> None:
        values = {name: getattr(self._report, name) + int(value) for name, value in more.items()}
        problems = (*self._report.problems, problem)[:50] if problem else self._report.problems
        self._report = replace(self._report, **values, problems=problems)


def _kept_headers(answer: Fetched) -> list[tuple[str, str]]:
    """The headers as received; the transfer encoding, already undone, under another name, as archives do."""
    return [("X-Archive-Orig-" + k if k.lower() == "transfer-encoding" else k, v) for k, v in answer.headers]


def _is_html(answer: Fetched) -> bool:
    return "html" in answer.mime and not answer.url.endswith(".gz")


def _retry_after(answer: Fetched, now: dt.datetime) -> float:
    """The seconds that a Retry-After header asks for, given in seconds or as a date; 0 without one."""
    value = (answer.header("retry-after") or "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds()) if value else 0.0
    except (ValueError, TypeError):
        return 0.0
