"""The archive's corpus: WARC files (the truth) and what has been learnt from them, kept in step."""

from __future__ import annotations

import datetime as dt
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from searcher.errors import ArchiveError, StoreError
from searcher.files import sync_folder
from searcher.model import Capture
from searcher.store import database
from searcher.store.articles import Articles, Clock
from searcher.store.frontier import Frontier
from searcher.store.warc import Payload, WarcFolder

Headers = Iterable[tuple[str, str]]


def utc_now() -> dt.datetime:
    """The clock of everyday use."""
    return dt.datetime.now(dt.UTC)


class Store(Articles):
    """The only door to ``corpus/``. Writing methods are for one thread, inside ``transaction()``."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, clock: Clock = utc_now) -> None:
        self._folder = folder
        super().__init__(connection, clock)
        self._warc = WarcFolder(folder / "warc", dict(connection.execute("SELECT name, size FROM warc_files")))
        self.lock = database.WriteLock(folder / "write.lock")
        self.frontier = Frontier(connection)

    @classmethod
    def create(cls, folder: Path, clock: Clock = utc_now) -> Store:
        """Create the corpus in ``folder``; whatever lies there stays."""
        (folder / "warc").mkdir(parents=True, exist_ok=True)
        # Made under another name first: a process killed half-way leaves no database that looks like one.
        draft = folder / "archive.db.new"
        for leftover in folder.glob("archive.db.new*"):
            leftover.unlink()
        database.create(draft).close()
        draft.rename(folder / "archive.db")
        sync_folder(folder)
        return cls.open(folder, clock)

    @classmethod
    def open(cls, folder: Path, clock: Clock = utc_now) -> Store:
        """Open the corpus in ``folder``.

        Raises:
            ArchiveError: there is none.
            StoreError: it is damaged or of another version.
        """
        if not (folder / "archive.db").is_file():
            raise ArchiveError(f"{folder.parent} is not an archive; make one with: searcher --archive {folder.parent} create")
        return cls(folder, database.open_existing(folder / "archive.db"), clock)

    def close(self) -> None:
        """Close all files."""
        self._warc.close()
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is acknowledged together at the end, WARC records first."""
        with self.lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                synced = self._warc.sync()
                if synced:
                    self._db.execute("INSERT INTO warc_files VALUES (?, ?) ON CONFLICT DO UPDATE SET size = excluded.size", synced)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # Captures

    def add_response(
        self,
        url: str,
        content: bytes,
        *,
        decoded: bytes,
        status: tuple[int, str],
        headers: Headers,
        request: tuple[str, Headers],
        mime: str,
        charset: str | None,
        at: dt.datetime | None = None,
    ) -> Capture:
        """Keep a response as received (``content``) with the request that led to it; ``decoded`` is what it means.

        ``at`` is when it was received, if that was not now.
        If the same content was captured before under ``url``, a revisit record is written in place of a second copy.
        """
        digest = hashlib.sha256(decoded).hexdigest()
        earlier = self.last_capture(url)
        http = (f"{status[0]} {status[1]}", headers)
        if earlier is not None and earlier.digest == digest and earlier.status == status[0]:
            return self._revisit(url, earlier, http, request, "identical-payload-digest", at)
        at = at or self._clock()
        name, offset = self._warc.append("response", url, content, at=at, mime=mime, http=http, request=request)
        return self._insert_capture(Capture(0, url, status[0], mime, charset, at, digest, name, offset), "response", None)

    def add_not_modified(self, url: str, headers: Headers, request: tuple[str, Headers]) -> Capture:
        """Keep that the server answered 304: ``url`` is as it was.

        Raises:
            StoreError: ``url`` was never captured.
        """
        earlier = self.last_capture(url)
        if earlier is None:
            raise StoreError(f"{url} was answered 'not modified' but was never captured; fetch it again without conditions")
        return self._revisit(url, earlier, ("304 Not Modified", headers), request, "server-not-modified")

    def add_resource(self, url: str, key: str, content: bytes, mime: str) -> Capture | None:
        """Keep an imported document for article ``key``; None if its last capture was the same, byte for byte."""
        digest = hashlib.sha256(content).hexdigest()
        row = self._db.execute("SELECT digest FROM captures WHERE key = ? ORDER BY id DESC LIMIT 1", (key,)).fetchone()
        if row and row[0] == digest:
            return None
        at = self._clock()
        name, offset = self._warc.append("resource", url, content, at=at, mime=mime)
        return self._insert_capture(Capture(0, url, 200, mime, None, at, digest, name, offset), "resource", key)

    def has_capture(self, url: str, content: bytes, at: dt.datetime) -> bool:
        """Whether this content was captured at ``url`` at this time."""
        digest = hashlib.sha256(content).hexdigest()
        row = self._db.execute(
            "SELECT 1 FROM captures WHERE url = ? AND digest = ? AND fetched_at = ?", (url, digest, at.isoformat())
        ).fetchone()
        return row is not None

    def last_capture(self, url: str) -> Capture | None:
        """Return the newest capture of ``url`` that has content."""
        row = self._db.execute(
            f"SELECT {_CAPTURE} FROM captures WHERE url = ? AND kind <> 'revisit' ORDER BY id DESC LIMIT 1", (url,)
        ).fetchone()
        return _capture(row) if row else None

    def capture_of(self, article_id: str) -> Capture | None:
        """Return the capture that gave an article's current version; None if there is none or the article is withheld."""
        if self.article(article_id) is None:
            return None
        columns = ", ".join(f"c.{name.strip()}" for name in _CAPTURE.split(","))
        row = self._db.execute(
            f"SELECT {columns} FROM articles a JOIN captures c ON c.id = a.capture WHERE a.id = ?", (article_id,)
        ).fetchone()
        return _capture(row) if row else None

    def payload(self, capture: Capture) -> Payload:
        """Read what was captured.

        Raises:
            StoreError: the WARC record cannot be read.
        """
        return self._warc.read(capture.path, capture.offset)

    def to_extract(self, extractor: int, limit: int) -> list[tuple[Capture, str | None]]:
        """Return up to ``limit`` captures, oldest first, that no extractor of version ``extractor`` or later has read,
        each with the article id that the importer gave.
        """
        rows = self._db.execute(
            f"SELECT {_CAPTURE}, key FROM captures WHERE extractor < ? AND kind <> 'revisit' ORDER BY extractor, id LIMIT ?",
            (extractor, limit),
        )
        return [(_capture(row[:-1]), row[-1]) for row in rows]

    def set_outcome(self, capture: Capture, extractor: int, outcome: str) -> None:
        """Record what extraction made of ``capture``."""
        self._db.execute("UPDATE captures SET extractor = ?, outcome = ? WHERE id = ?", (extractor, outcome, capture.id))

    # The whole

    def counts(self) -> dict[str, int]:
        """Return how many captures, articles, versions, statements and addresses there are, and what is left to do."""
        queries = {
            "captures": "SELECT count(*) FROM captures",
            "articles": "SELECT count(*) FROM articles",
            "versions": "SELECT count(*) FROM versions",
            "statements": "SELECT count(*) FROM statements",
            "speakers": "SELECT count(DISTINCT speaker_key) FROM statements",
            "missing": "SELECT count(*) FROM articles WHERE missing_since IS NOT NULL",
            "addresses": "SELECT count(*) FROM frontier",
            "to_extract": "SELECT count(*) FROM captures WHERE extractor = 0 AND kind <> 'revisit'",
        }
        return {name: int(self._db.execute(sql).fetchone()[0]) for name, sql in queries.items()}

    def check(self, deep: bool = False) -> list[str]:
        """Return the problems found; ``deep`` reads every WARC record and compares its digest."""
        problems = [f"archive.db: {row[0]}" for row in self._db.execute("PRAGMA integrity_check") if row[0] != "ok"]
        for name, size in self._db.execute("SELECT name, size FROM warc_files"):
            path = self._folder / "warc" / name
            if not path.is_file():
                problems.append(f"{path}: missing; restore it from a backup")
            elif path.stat().st_size < size:
                problems.append(f"{path}: {path.stat().st_size} bytes, {size} were acknowledged; restore it from a backup")
        if deep and not problems:
            for row in self._db.execute(f"SELECT {_CAPTURE} FROM captures WHERE kind <> 'revisit' ORDER BY id"):
                capture = _capture(row)
                try:
                    found = hashlib.sha256(self.payload(capture).content).hexdigest()
                except StoreError as error:
                    problems.append(str(error))
                else:
                    if found != capture.digest:
                        problems.append(
                            f"{capture.path}: the record at byte {capture.offset} ({capture.url}) is not what was captured; restore it"
                        )
        return problems

    # Within

    def _revisit(
        self,
        url: str,
        earlier: Capture,
        http: tuple[str, Headers],
        request: tuple[str, Headers],
        profile: str,
        at: dt.datetime | None = None,
    ) -> Capture:
        at = at or self._clock()
        refers = {
            "WARC-Profile": f"http://netpreserve.org/warc/1.1/revisit/{profile}",
            "WARC-Refers-To-Target-URI": earlier.url,
            "WARC-Refers-To-Date": earlier.fetched_at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        name, offset = self._warc.append("revisit", url, b"", at=at, mime=earlier.mime, http=http, request=request, warc_headers=refers)
        capture = Capture(0, url, earlier.status, earlier.mime, earlier.charset, at, earlier.digest, name, offset)
        return self._insert_capture(capture, "revisit", None)

    def _insert_capture(self, c: Capture, kind: str, key: str | None) -> Capture:
        # The record's file must be known before the row that refers to it; its size follows at the commit.
        self._db.execute("INSERT INTO warc_files VALUES (?, 0) ON CONFLICT DO NOTHING", (c.path,))
        cursor = self._db.execute(
            'INSERT INTO captures (url, key, kind, status, mime, charset, fetched_at, digest, file, "offset") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
            (c.url, key, kind, c.status, c.mime, c.charset, c.fetched_at.isoformat(), c.digest, c.path, c.offset),
        )
        return Capture(cursor.lastrowid or 0, c.url, c.status, c.mime, c.charset, c.fetched_at, c.digest, c.path, c.offset)


_CAPTURE = 'id, url, status, mime, charset, fetched_at, digest, file, "offset"'


def _capture(row: tuple[Any, ...]) -> Capture:
    number, url, status, mime, charset, fetched_at, *rest = row
    return Capture(number, url, status, mime, charset, dt.datetime.fromisoformat(fetched_at), *rest)
