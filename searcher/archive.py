"""The archive: collecting, reading, indexing and searching in one place. Each step is a room's; here they are wired."""

from __future__ import annotations

import datetime as dt
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from searcher.engine import WhooshEngine
from searcher.errors import ArchiveError, IndexMismatch, SearcherError
from searcher.files import copy_or_link, sync_folder
from searcher.model import Article, Attribution, Capture, Copies, Hit, IndexState, Match, Query, Record, Results, Scope, Sort
from searcher.query import Frequency, KwicSort, Line, Unit, frequency, kwic, parse_bound, scan, search
from searcher.store import Citation, Store, back_up_corpus, cdxj, cite, copy_tree, replay, utc_now
from searcher.vietnamese.analysis import Analyser
from searcher.vietnamese.names import Names, read_names
from searcher.wire import export_lines

if TYPE_CHECKING:
    from searcher.crawl import CrawlReport, Resolver
    from searcher.importing import ImportReport
    from searcher.reading import ExtractReport

Progress = Callable[[str, int, int | None], None]

_INDEX_BATCH = 200
#: Articles between two commits of the index: what a killed run has to do again at most.
_COMMIT_EVERY = 20_000


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What indexing did: articles brought up to date, and the state reached."""

    extracted: ExtractReport
    indexed: int
    state: IndexState


def _silent(what: str, done: int, total: int | None) -> None:
    """Report no progress."""


class Archive:
    """One folder with ``corpus/`` (what was collected) and ``index/`` (derived, always rebuildable).

    >>> with Archive.open("path") as archive:          # doctest: +SKIP
    ...     archive.import_files(["news.jsonl"])
    ...     archive.index()
    ...     for hit in archive.search("ngập úng", since="2025"):
    ...         print(hit.date, hit.title)

    One process may write at a time, any number may read. Not for use by several threads at once, except ``search``.
    """

    def __init__(self, folder: Path, store: Store, clock: Callable[[], dt.datetime], progress: Progress) -> None:
        self.folder = folder
        self._store = store
        self._clock = clock
        self._progress = progress
        self._engine = WhooshEngine(folder / "index", clock=clock)
        self._thread = threading.local()
        self._known_names: tuple[tuple[int, int], Names] | None = None

    @classmethod
    def create(cls, path: str | Path, *, clock: Callable[[], dt.datetime] = utc_now, progress: Progress = _silent) -> Archive:
        """Make an archive in a folder that is new, empty or already laid out as one, and open it.

        Raises:
            ArchiveError: there is an archive already, or something else.
        """
        folder = Path(path)
        if (folder / "corpus" / "archive.db").exists():
            raise ArchiveError(f"{folder} is an archive already; use it as it is")
        if folder.exists() and not folder.is_dir():
            raise ArchiveError(f"{folder} is a file; name a new or empty folder")
        laid_out = (folder / "corpus").is_dir() and (folder / "index").is_dir()
        started = folder.is_dir() and {entry.name for entry in folder.iterdir()} <= {"corpus", "index"}
        if folder.exists() and not (laid_out or started):
            raise ArchiveError(f"{folder} is not empty and not an archive; nothing was changed; name a new or empty folder")
        try:
            (folder / "index").mkdir(parents=True, exist_ok=True)
            store = Store.create(folder / "corpus", clock)
        except OSError as error:
            raise ArchiveError(f"{folder}: {error.strerror or error}; choose a folder that can be written to") from error
        return cls(folder, store, clock, progress)

    @classmethod
    def open(cls, path: str | Path, *, clock: Callable[[], dt.datetime] = utc_now, progress: Progress = _silent) -> Archive:
        """Open an archive.

        Raises:
            ArchiveError: the folder is none, or its corpus is damaged or of another version.
        """
        folder = Path(path)
        return cls(folder, Store.open(folder / "corpus", clock), clock, progress)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all files."""
        self._engine.close()
        self._store.close()

    # Collecting

    def crawl(
        self,
        seeds: Sequence[str],
        *,
        limit: int | None = None,
        delay: float = 1.0,
        since: str | None = None,
        due: bool = False,
        dry_run: bool = False,
        hosts: int = 8,
        resolve: Resolver | None = None,
        unverified: Sequence[str] = (),
        contact: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> CrawlReport:
        """Fetch the sites of ``seeds``, politely; go on with what an earlier call left undone.

        ``limit`` bounds the requests for pages, ``delay`` is the pause per host in seconds, ``hosts`` are asked at once, ``contact``
        is named to the sites. ``since`` leaves out what sitemaps date before it; with ``due`` only what is due again is asked for:
        what never changes ever more seldom. Hosts in ``unverified`` need no valid certificate. A ``dry_run`` asks for nothing and
        reports as problems how many addresses are known to be due.

        Raises:
            QueryError: a seed is no address, or ``since`` is no date.
            ArchiveLocked: another process is writing to the archive.
        """
        from searcher import __version__  # noqa: PLC0415  the package's root imports this module
        from searcher.crawl import Crawler, CrawlOptions, CrawlReport, Fetcher  # noqa: PLC0415  as in ``extract``
        from searcher.extract import is_article  # noqa: PLC0415
        from searcher.html import use_profiles  # noqa: PLC0415

        use_profiles(self.folder / "profiles")
        agent = f"searcher/{__version__}" + (f" (+{contact})" if contact else " (archive of ward news)")
        fetcher = Fetcher(agent, resolve, unverified=unverified)
        first = parse_bound(since, today=self._clock().date()).first if since else None
        options = CrawlOptions(delay=delay, limit=limit, since=first, due=due, hosts=hosts)
        crawler = Crawler(
            self._store,
            fetcher,
            options,
            is_article,
            clock=self._clock,
            sleep=sleep,
            progress=lambda url, done: self._progress(url, done, limit),
        )
        try:
            if dry_run:
                return CrawlReport(
                    finished=False, problems=tuple(f"{host}: {count} addresses are due" for host, count in crawler.plan(seeds))
                )
            return crawler.run(seeds)
        finally:
            fetcher.close()

    def propose_profile(self, urls: Sequence[str]) -> str:
        """Return a site profile, as TOML, that reads the articles at ``urls``, which were crawled; one puts it into ``profiles/``.

        Raises:
            ArchiveError: an address was not crawled.
            InputError: nothing marks title and text of these pages alike.
        """
        from searcher.html import canonical  # noqa: PLC0415  as in ``extract``
        from searcher.html.propose import propose  # noqa: PLC0415

        pages = []
        for url in urls:
            capture = self._store.last_capture(canonical(url) or url)
            if capture is None:
                raise ArchiveError(f"{url} was not crawled; crawl it first: searcher crawl {url}")
            pages.append((url, self._store.payload(capture).content))
        return propose(pages)

    def import_files(self, paths: Iterable[str | Path]) -> ImportReport:
        """Keep documents (.jsonl, .txt, .html, .docx, .pdf) as captures; lines and files that cannot be kept are reported.

        Raises:
            ArchiveLocked: another process is writing to the archive.
        """
        from searcher.importing import import_files  # noqa: PLC0415  as in ``extract``

        return import_files(self._store, [Path(path) for path in paths], self._progress)

    # Reading

    def extract(self) -> ExtractReport:
        """Read articles and statements from all captures that this version of the program has not read yet."""
        from searcher.html import use_profiles  # noqa: PLC0415  as below
        from searcher.reading import read_captures  # noqa: PLC0415  a search starts three times as fast without

        use_profiles(self.folder / "profiles")
        return read_captures(self._store, self._progress)

    def index(self, *, rebuild: bool = False) -> IndexReport:
        """Extract what is new and bring the index up to date with the corpus. Safe to repeat and to interrupt.

        Raises:
            IndexMismatch: another version built the index and ``rebuild`` is not set.
            ArchiveLocked: another process is writing to the archive.
        """
        extracted = self.extract()
        indexed = 0
        with self._store.lock:
            if rebuild:
                self._engine.start_over()
            last, newest = self._engine.last_change(), self._store.last_change()
            if last > newest:
                raise IndexMismatch(f"{self.folder / 'index'} belongs to another corpus; rebuild it with: searcher index --rebuild")
            if last == newest and not rebuild and self._engine.exists():
                return IndexReport(extracted, 0, self._engine.snapshot().state())
            total = self._store.count_changes(last)
            for batch in batched(self._store.changes(last), _INDEX_BATCH):
                indexed += self._engine.add(batch)
                self._progress("index", indexed, total)
                if indexed % _COMMIT_EVERY == 0:
                    self._engine.commit()
            self._engine.commit()
            self._engine.settle()
        return IndexReport(extracted, indexed, self._engine.snapshot().state())

    # Searching

    def search(
        self,
        text: str = "",
        *,
        since: str | None = None,
        until: str | None = None,
        speaker: str | None = None,
        source: str | None = None,
        scope: Scope = "articles",
        sort: Sort = "relevance",
        match: Match = "auto",
        copies: Copies = "all",
        limit: int = 10,
        cursor: str | None = None,
        snippets: bool = True,
        facets: Sequence[str] = (),
    ) -> Results:
        """Search the index; see the README for what a query may hold.

        Raises:
            QueryError: the query or a parameter cannot be understood.
            IndexDamaged: there is no index, or it does not open.
            IndexMismatch: another version built it.
        """
        query = Query(text, since, until, speaker, source, scope, sort, match, copies, limit, cursor, snippets, tuple(facets))
        return self.answer(query)

    def answer(self, query: Query) -> Results:
        """Search for a query that is already put together, as the doors do."""
        return search(self._engine, query, self._analyser(), self._names(), clock=self._clock)

    def scan(
        self,
        text: str = "",
        *,
        since: str | None = None,
        until: str | None = None,
        speaker: str | None = None,
        source: str | None = None,
        scope: Scope = "articles",
        match: Match = "auto",
        snippets: bool = False,
    ) -> Iterator[Hit]:
        """Yield every hit by id, ascending, in constant memory."""
        query = Query(text, since, until, speaker, source, scope, match=match, snippets=snippets)
        return scan(self._engine, query, Analyser(), self._names(), clock=self._clock)

    def frequency(self, query: Query | str, unit: Unit = "year") -> list[Frequency]:
        """Count the documents of a query by ``year`` or ``month``, gaps included, against all there are.

        Raises:
            QueryError: the query cannot be understood.
        """
        query = Query(query) if isinstance(query, str) else query
        return frequency(self._engine, query, self._analyser(), self._names(), unit, clock=self._clock)

    def kwic(self, query: Query | str, *, width: int = 60, order: KwicSort = "date") -> list[Line]:
        """Return each place where the words of a query stand, with ``width`` characters of context, by ``date``, ``left`` or ``right``.

        Raises:
            QueryError: the query cannot be understood or has no words, or there are too many places.
        """
        query = Query(query, limit=1000) if isinstance(query, str) else query
        return kwic(self._engine, query, self._analyser(), self._names(), width=width, order=order, clock=self._clock)

    def _analyser(self) -> Analyser:
        """One analyser a thread: it remembers how words split."""
        found: Analyser | None = getattr(self._thread, "analyser", None)
        if found is None:
            found = self._thread.analyser = Analyser()
        return found

    def _names(self) -> Names:
        """Other names, as of the newest commit and the office's own list (``names.tsv`` beside ``corpus/``)."""
        own = self.folder / "names.tsv"
        state = (self._engine.last_change(), own.stat().st_mtime_ns if own.is_file() else 0)
        if self._known_names is None or self._known_names[0] != state:
            self._known_names = state, Names(self._store.definitions(), read_names(own) if own.is_file() else ())
        return self._known_names[1]

    def get(self, article_id: str) -> Article:
        """Return an article in its current version.

        Raises:
            ArchiveError: there is none of this id.
        """
        article = self._store.article(article_id)
        if article is None:
            raise ArchiveError(f"no article has the id {article_id!r}; ids are those that search prints")
        return article

    def attribution(self, article_id: str) -> Attribution:
        """Return who speaks, presides and attends in an article."""
        return self._store.attribution(article_id)

    def versions(self, article_id: str) -> list[tuple[str, Article]]:
        """Return (time of capture, article) of all versions of an article, oldest first."""
        return self._store.versions(article_id)

    def presence(self, article_id: str) -> Mapping[str, str | None]:
        """Return when an article was first seen, last seen and first missing (ISO times; None if it is not missing)."""
        first, last, missing = self._store.presence(article_id)
        return {"first_seen": first, "last_seen": last, "missing_since": missing}

    def speakers(self, name: str | None = None) -> list[tuple[str, str, int, int]]:
        """Return (speaker, role, statements, articles) of all speakers, or of those of one name, most statements first."""
        return self._store.speakers(name)

    def export(self, hits: Iterable[Hit], form: str) -> Iterator[str]:
        """Yield whole articles of ``hits`` as ``jsonl``, ``csv``, ``ris`` or ``bibtex``.

        Raises:
            SearcherError: another form is asked for.
        """
        return export_lines(hits, self.get, form)

    def status(self) -> dict[str, object]:
        """Return counts of the corpus, states of the crawl, and how far the index has come."""
        counts: dict[str, object] = dict(self._store.counts())
        try:
            state = self._engine.snapshot().state()
            index: dict[str, object] = {"generation": state.generation, "documents": state.documents, "built_at": state.built_at}
            index["behind"] = self._store.count_changes(self._engine.last_change())
        except SearcherError as error:
            index = {"problem": str(error)}
        return counts | {
            "crawl": self._store.frontier.states(),
            "unfinished": self._store.frontier.unfinished(),
            "hosts": [{"host": h, "requests": n, "delay_s": d} for h, n, d in self._store.frontier.ledger()],
            "index": index,
        }

    # Keeping

    def cite(self, article_id: str) -> Citation:
        """Return address, time of capture, digest, WARC file and offset of an article's current version.

        Raises:
            ArchiveError: there is none of this id.
        """
        return cite(self._store, article_id)

    def replay(self, article_id: str) -> tuple[Capture, bytes]:
        """Return the capture that an article's current version was read from, and its content as received.

        Raises:
            ArchiveError: there is none of this id.
        """
        return replay(self._store, article_id)

    def cdxj(self) -> Iterator[str]:
        """Yield the lines of a CDXJ index of all WARC files, for replay tools."""
        return cdxj(self.folder / "corpus" / "warc")

    def copies(self, article_id: str) -> list[tuple[str, str, str]]:
        """Return (id, address, date) of all articles that tell the same story, first publication first."""
        return self._store.copies(article_id)

    def documents(self, article_id: str) -> list[tuple[str, str, str]]:
        """Return (address, text, why there is no text) of the documents an article links to, as far as they were fetched."""
        return self._store.documents(article_id)

    def withhold(self, article_id: str, why: str) -> None:
        """Take an article out of every door, at once; what was captured is kept. ``release`` undoes it.

        Raises:
            ArchiveError: there is none of this id.
        """
        with self._store.transaction():
            self._store.withhold(article_id, why)
        self.index()

    def release(self, article_id: str) -> None:
        """Let an article that is withheld be found again.

        Raises:
            ArchiveError: it is not withheld.
        """
        with self._store.transaction():
            self._store.release(article_id)
        self.index()

    def withheld(self) -> list[tuple[str, str, str]]:
        """Return (id, why, since when) of what is withheld."""
        return self._store.withheld()

    def backup(self, path: str | Path) -> None:
        """Copy the whole archive, as it is at one moment, into a new folder; it may be in use. The copy is an archive itself.

        Raises:
            ArchiveError: the folder exists already.
        """
        folder = Path(path)
        if folder.exists():
            raise ArchiveError(f"{folder} exists already; name a folder that does not")
        draft = folder.with_name(folder.name + ".draft")
        shutil.rmtree(draft, ignore_errors=True)  # of a backup that was killed
        draft.mkdir(parents=True)
        # The index first: it may know less than the corpus, never more.
        if self._engine.exists():
            self._engine.backup(draft / "index")
        else:
            (draft / "index").mkdir()
        back_up_corpus(self.folder / "corpus", draft / "corpus")
        if (self.folder / "names.tsv").is_file():
            copy_or_link(self.folder / "names.tsv", draft / "names.tsv")
        sync_folder(draft)
        draft.rename(folder)
        sync_folder(folder.parent)

    @classmethod
    def restore(cls, backup: str | Path, path: str | Path) -> None:
        """Make a backup an archive in a new or empty folder. Every byte of it is checked first.

        Raises:
            ArchiveError: the backup is none or is damaged, or the folder holds something.
        """
        source, folder = Path(backup), Path(path)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ArchiveError(f"{folder} is not empty; nothing was changed; name a new or empty folder")
        with cls.open(source) as archive:
            problems = archive.check(deep=True)
        if problems:
            raise ArchiveError(f"{source} cannot be restored: {problems[0]}")
        draft = folder.with_name(folder.name + ".draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.parent.mkdir(parents=True, exist_ok=True)
        copy_tree(source, draft)
        if folder.exists():
            folder.rmdir()
        draft.rename(folder)
        sync_folder(folder.parent)

    def check(self, deep: bool = False) -> list[str]:
        """Return the problems found in corpus and index; nothing is repaired. ``deep`` reads every byte."""
        problems = self._store.check(deep)
        if self._store.last_change() or self._engine.last_change():
            problems += self._engine.check(deep)
        return problems


def batched(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    """Yield lists of up to ``size`` records."""
    source = iter(records)
    while batch := list(islice(source, size)):
        yield batch
