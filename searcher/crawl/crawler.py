"""The crawl: which address next, when, and what becomes of the answer."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from protego import Protego

from searcher.crawl.discover import page_links, wanted, xml_links
from searcher.crawl.fetch import Fetched, Fetcher, inflate
from searcher.errors import FetchError, QueryError
from searcher.html import Page, canonical, host_of, pattern_of, profile_of, same_site
from searcher.store import Due, Store

_ROBOTS_AGE = dt.timedelta(hours=24)
_ROBOTS_BYTES = 500 << 10
_SITEMAP_BYTES = 50 << 20
_GONE = frozenset({404, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: A pattern of addresses that was no use this often, and four times as often as it was, is a trap.
_FRUITLESS = 10


@dataclass(frozen=True, slots=True)
class CrawlOptions:
    """How to crawl. ``delay`` and ``retry_after`` are seconds; ``limit`` bounds the requests for pages in this call."""

    delay: float = 1.0
    limit: int | None = None
    max_depth: int = 50
    attempts: int = 3
    retry_after: float = 2.0
    agent: str = "searcher"


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


class _Unreachable(Exception):
    """A host that does not answer is left alone for this run."""


class Crawler:
    """Fetches what is due, host by host. ``is_article`` tells which pages are worth having."""

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

    def run(self, seeds: Sequence[str]) -> CrawlReport:
        """Crawl the sites of ``seeds``. An interrupted crawl of the same seeds goes on; a finished one starts anew.

        Raises:
            QueryError: a seed is no http(s) address.
        """
        urls = []
        for seed in seeds:
            url = canonical(seed if "://" in seed else f"http://{seed}")
            if url is None:
                raise QueryError(f"{seed} is not an http(s) address")
            urls.append(url)
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

    def _work(self, run: int, hosts: list[str]) -> bool:
        """Take turns among ``hosts``, each at its own pace; return whether nothing is left to do."""
        ready = dict.fromkeys(hosts, 0.0)
        done = 0
        while ready:
            host = min(ready, key=ready.__getitem__)
            due = self._frontier.next_due(run, host)
            if due is None:
                del ready[host]
                continue
            if self._options.limit is not None and done >= self._options.limit:
                return False
            wait = ready[host] - time.monotonic()
            if wait > 0:
                self._sleep(wait)
            try:
                asked = self._visit(run, host, due)
            except _Unreachable:
                del ready[host]
                continue
            done += asked
            self._progress(due.url, done)
            if asked:
                ready[host] = time.monotonic() + self._delay(host)
        return True

    def _visit(self, run: int, host: str, due: Due) -> bool:
        """Deal with one address; return whether a request was made for it."""
        refusal = self._refusal(run, host, due)
        if refusal:
            with self._store.transaction():
                self._frontier.settle(due.url, run, "refused", reason=refusal)
            self._count(refused=1)
            return False
        try:
            answer = self._fetch(due)
        except FetchError as error:
            with self._store.transaction():
                self._frontier.settle(due.url, run, "failed", reason=str(error))
            self._count(failed=1, problem=str(error))
            return True
        with self._store.transaction():
            self._frontier.count_request(host, self._delay(host))
            self._keep(run, due, answer)
        return True

    def _refusal(self, run: int, host: str, due: Due) -> str:
        """Why ``due`` is not to be fetched; empty if it may be."""
        rules = self._rules.get(host) or self._robots(run, host, due.url)
        if not rules.can_fetch(due.url, self._options.agent):
            return "robots.txt"
        if due.depth > self._options.max_depth:
            return "too far from the seeds"
        useful, useless = self._frontier.yields(run, host, due.pattern)
        if due.depth and useless >= _FRUITLESS and useless > 4 * useful:
            return f"trap: {useless} addresses like it gave nothing"
        return ""

    def _fetch(self, due: Due) -> Fetched:
        for attempt in range(self._options.attempts):
            try:
                answer = self._fetcher.get(due.url, etag=due.etag, last_modified=due.last_modified)
                if answer.status < 500 and answer.status != 429:
                    return answer
                error = FetchError(due.url, f"answered {answer.status} {answer.reason}", temporary=True)
            except FetchError as problem:
                if not problem.temporary:
                    raise
                error = problem
            if attempt + 1 < self._options.attempts:
                self._sleep(self._options.retry_after * 2**attempt)
        raise error

    def _keep(self, run: int, due: Due, answer: Fetched) -> None:
        """Keep the answer and what it leads to. Runs inside a transaction."""
        store, url = self._store, due.url
        etag, last_modified = answer.header("etag"), answer.header("last-modified")
        if answer.status == 304:
            store.add_not_modified(url, answer.headers, answer.request)
            store.mark_seen(url)
            self._frontier.settle(url, run, "done", fruitful=True, etag=etag, last_modified=last_modified)
            self._count(fetched=1, unchanged=1)
            return
        earlier = store.last_capture(url)
        capture = store.add_response(
            url, answer.content, decoded=answer.decoded, status=(answer.status, answer.reason), headers=_kept_headers(answer),
            request=answer.request, mime=answer.mime, charset=answer.charset,
        )  # fmt: skip
        if answer.status in _GONE:
            store.mark_missing(url)
            self._frontier.settle(url, run, "gone", reason=f"{answer.status} {answer.reason}", etag=etag, last_modified=last_modified)
            self._count(fetched=1, gone=1)
            return
        if answer.status not in _REDIRECTS and answer.status != 200:
            self._frontier.settle(url, run, "failed", reason=f"answered {answer.status} {answer.reason}")
            self._count(fetched=1, failed=1, problem=f"{url}: answered {answer.status} {answer.reason}")
            return
        links, useful = self._links(answer)
        fresh = sum(self._add(link, due.depth + (answer.status == 200), url) for link in links if pattern_of(link) != due.pattern)
        for link in links:
            self._add(link, due.depth + 1, url)  # addresses of its own pattern are followed, but prove no use
        self._frontier.settle(url, run, "done", fruitful=useful or fresh > 0, etag=etag, last_modified=last_modified)
        same = earlier is not None and earlier.digest == capture.digest
        if same:
            store.mark_seen(url)
        self._count(fetched=1, unchanged=same, new=earlier is None, changed=earlier is not None and not same)

    def _links(self, answer: Fetched) -> tuple[list[str], bool]:
        """Return where an answer leads and whether it is itself of use."""
        if answer.status in _REDIRECTS:
            target = canonical(answer.header("location") or "", answer.url)
            return ([target] if target else []), True
        if answer.url.endswith(".gz"):
            return xml_links(answer.url, inflate(answer.url, answer.decoded, _SITEMAP_BYTES)), True
        if "xml" in answer.mime and "html" not in answer.mime:
            return xml_links(answer.url, answer.decoded), True
        if "html" not in answer.mime:
            return [], True
        page = Page(answer.url, answer.decoded, answer.charset)
        return page_links(page, profile_of(page)), self._is_article(page)

    def _add(self, url: str, depth: int, found_on: str) -> bool:
        host = host_of(found_on)
        if not same_site(host_of(url), host):
            return False
        # One site is one host to us, however its links spell it.
        url = urlsplit(url)._replace(netloc=host).geturl()
        return self._frontier.add(url, host, depth, pattern_of(url), found_on)

    def _robots(self, run: int, host: str, url: str) -> Protego:
        """Return the host's rules (RFC 9309): 4xx allows all, 5xx and silence allow nothing."""
        known = self._frontier.robots(host)
        root = f"{urlsplit(url).scheme}://{host}"
        if known is None or self._clock() - known[1] > _ROBOTS_AGE:
            try:
                answer = self._fetch(Due(f"{root}/robots.txt", 0, "", None, None, 0))
            except FetchError as error:
                self._give_up(run, host, url, error)
                raise _Unreachable from error
            text = answer.decoded[:_ROBOTS_BYTES].decode("utf-8-sig", "replace") if answer.status == 200 else ""
            with self._store.transaction():
                self._frontier.keep_robots(host, text, self._clock(), answer.status)
            known = (text, self._clock(), answer.status)
        rules = Protego.parse(known[0])
        sitemaps = wanted(filter(None, (canonical(s, root) for s in rules.sitemaps)))
        with self._store.transaction():
            for link in sitemaps:
                self._add(link, 1, f"{root}/robots.txt")
        self._rules[host] = rules
        return rules

    def _give_up(self, run: int, host: str, url: str, error: FetchError) -> None:
        reason = str(error).removeprefix(f"{error.url}: ")
        with self._store.transaction():
            self._frontier.settle(url, run, "failed", reason=reason)
        self._count(failed=1, problem=f"{host}: {reason}")

    def _delay(self, host: str) -> float:
        rules = self._rules.get(host)
        asked = rules.crawl_delay(self._options.agent) if rules else None
        return max(self._options.delay, float(asked or 0))

    def _count(self, *, problem: str = "", **more: int) -> None:
        values = {name: getattr(self._report, name) + int(value) for name, value in more.items()}
        problems = (*self._report.problems, problem)[:50] if problem else self._report.problems
        self._report = replace(self._report, **values, problems=problems)


def _kept_headers(answer: Fetched) -> list[tuple[str, str]]:
    """The headers as received; the transfer encoding, already undone, under another name, as archives do."""
    return [("X-Archive-Orig-" + k if k.lower() == "transfer-encoding" else k, v) for k, v in answer.headers]
