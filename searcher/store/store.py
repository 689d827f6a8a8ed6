"""The archive's corpus: WARC files (the truth) and what has been learnt from them, kept in step."""

from __future__ import annotations

import datetime as dt
import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from searcher.errors import ArchiveError, StoreError
from searcher.files import sync_folder
from searcher.model import Article, Attribution, Capture, Person, Record, Statement
from searcher.store import database
from searcher.store.frontier import Frontier
from searcher.store.serial import article_from_json, article_to_json
from searcher.store.warc import Payload, WarcFolder
from searcher.vietnamese.names import definitions
from searcher.vietnamese.normalise import fold

Clock = Callable[[], dt.datetime]
Headers = Iterable[tuple[str, str]]


def utc_now() -> dt.datetime:
    """The clock of everyday use."""
    return dt.datetime.now(dt.UTC)


class Store:
    """The only door to ``corpus/``. Writing methods are for one thread, inside ``transaction()``."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, clock: Clock = utc_now) -> None:
        self._folder = folder
        self._db = connection
        self._clock = clock
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
    ) -> Capture:
        """Keep a response as received (``content``) with the request that led to it; ``decoded`` is what it means.

        If the same content was captured before under ``url``, a revisit record is written in place of a second copy.
        """
        digest = hashlib.sha256(decoded).hexdigest()
        earlier = self.last_capture(url)
        http = (f"{status[0]} {status[1]}", headers)
        if earlier is not None and earlier.digest == digest and earlier.status == status[0]:
            return self._revisit(url, earlier, http, request, "identical-payload-digest")
        at = self._clock()
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

    def last_capture(self, url: str) -> Capture | None:
        """Return the newest capture of ``url`` that has content."""
        row = self._db.execute(
            f"SELECT {_CAPTURE} FROM captures WHERE url = ? AND kind <> 'revisit' ORDER BY id DESC LIMIT 1", (url,)
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

    # Articles

    def put_article(self, article: Article, attribution: Attribution, capture: Capture) -> str:
        """Keep ``article`` as the newest version; return "new", "changed", "unchanged" or "duplicate".

        A text that another address of the same host already gave is not a second article: the address becomes an alias.
        """
        content = article_to_json(article)
        digest = hashlib.sha256(f"{article.title}\n{article.body}".encode("utf-8", "surrogatepass")).hexdigest()
        host = urlsplit(article.url).netloc
        seen = capture.fetched_at.isoformat()
        row = self._db.execute("SELECT content, capture, url FROM articles WHERE id = ?", (article.id,)).fetchone()
        if row is None and host:
            twin = self._db.execute("SELECT id FROM articles WHERE host = ? AND text_digest = ?", (host, digest)).fetchone()
            if twin:
                self._db.execute(
                    "INSERT INTO aliases VALUES (?, ?) ON CONFLICT DO UPDATE SET article = excluded.article", (article.url, twin[0])
                )
                return "duplicate"
        if row is not None and row[1] > capture.id:
            return "unchanged"  # an older capture read again; a newer one stands
        if row is None:
            self._db.execute(
                "INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)",
                (article.id, article.url, content, digest, host, capture.id, seen, seen, self._next_change()),
            )
        elif row[0] == content and self.attribution(article.id) == attribution:
            self._db.execute("UPDATE articles SET last_seen = max(last_seen, ?), missing_since = NULL WHERE id = ?", (seen, article.id))
            self._put_definitions(article)
            return "unchanged"
        else:
            self._db.execute(
                "UPDATE articles SET url = ?, content = ?, text_digest = ?, host = ?, capture = ?, last_seen = max(last_seen, ?),"
                " missing_since = NULL, change = ? WHERE id = ?",
                (article.url, content, digest, host, capture.id, seen, self._next_change(), article.id),
            )
        if row is None or row[0] != content:
            self._add_version(article.id, capture.id, seen, content)
        self._put_attribution(article.id, attribution)
        self._put_definitions(article)
        return "new" if row is None else "changed"

    def article(self, article_id: str) -> Article | None:
        """Return the current version of an article."""
        row = self._db.execute("SELECT content FROM articles WHERE id = ?", (article_id,)).fetchone()
        return article_from_json(row[0]) if row else None

    def versions(self, article_id: str) -> list[tuple[str, Article]]:
        """Return (time of capture, article) of all versions, oldest first."""
        rows = self._db.execute("SELECT seen, content FROM versions WHERE article = ? ORDER BY number", (article_id,))
        return [(seen, article_from_json(content)) for seen, content in rows]

    def article_of_url(self, url: str) -> str | None:
        """Return the id of the article found at ``url`` or at an alias of it."""
        row = self._db.execute("SELECT id FROM articles WHERE url = ?1 UNION SELECT article FROM aliases WHERE url = ?1", (url,)).fetchone()
        return row[0] if row else None

    def mark_seen(self, url: str) -> None:
        """Record that the article at ``url`` is still there."""
        article = self.article_of_url(url)
        self._db.execute("UPDATE articles SET last_seen = ?, missing_since = NULL WHERE id = ?", (self._clock().isoformat(), article))

    def mark_missing(self, url: str) -> None:
        """Record that the article at ``url`` was not there; the first time stays."""
        article = self.article_of_url(url)
        self._db.execute(
            "UPDATE articles SET missing_since = coalesce(missing_since, ?) WHERE id = ? AND url = ?",
            (self._clock().isoformat(), article, url),
        )

    def presence(self, article_id: str) -> tuple[str, str, str | None]:
        """Return first seen, last seen, first missing (ISO times)."""
        row = self._db.execute("SELECT first_seen, last_seen, missing_since FROM articles WHERE id = ?", (article_id,)).fetchone()
        return row[0], row[1], row[2]

    def articles(self) -> Iterator[Article]:
        """Yield all articles in their current versions, by id."""
        last = ""
        while rows := self._db.execute("SELECT id, content FROM articles WHERE id > ? ORDER BY id LIMIT 500", (last,)).fetchall():
            yield from (article_from_json(content) for _, content in rows)
            last = rows[-1][0]

    def changes(self, since: int, limit: int | None = None) -> Iterator[Record]:
        """Yield what has changed after change number ``since``, oldest change first."""
        done = 0
        while limit is None or done < limit:
            rows = self._db.execute(
                "SELECT id, content, change FROM articles WHERE change > ? ORDER BY change LIMIT 200", (since,)
            ).fetchall()
            if not rows:
                return
            for article_id, content, change in rows[: None if limit is None else limit - done]:
                yield Record(article_from_json(content), self.attribution(article_id), change)
                since = change
                done += 1

    def count_changes(self, since: int) -> int:
        """Return how many articles have changed after change number ``since``."""
        return int(self._db.execute("SELECT count(*) FROM articles WHERE change > ?", (since,)).fetchone()[0])

    def last_change(self) -> int:
        """Return the number of the newest change."""
        (number,) = self._db.execute("SELECT coalesce(max(change), 0) FROM articles").fetchone()
        return int(number)

    def attribution(self, article_id: str) -> Attribution:
        """Return who did what in an article."""
        people: dict[str, list[Person]] = {"presider": [], "attendee": []}
        for fact, name, role in self._db.execute("SELECT fact, name, role FROM people WHERE article = ? ORDER BY rowid", (article_id,)):
            people[fact].append(Person(name, role))
        return Attribution(self._statements(article_id), tuple(people["presider"]), tuple(people["attendee"]))

    def speakers(self, name: str | None = None) -> list[tuple[str, str, int, int]]:
        """Return (speaker, role, statements, articles), most statements first: of all, or of those whose name is or ends
        with ``name``, accents aside.
        """
        key = fold(name) if name else ""
        where = "WHERE speaker_key = ?1 OR substr(speaker_key, -length(?1) - 1) = ' ' || ?1" if key else "WHERE ?1 = ''"
        return list(
            self._db.execute(
                f"SELECT speaker, role, count(*), count(DISTINCT article) FROM statements {where} GROUP BY speaker, role ORDER BY 3 DESC, 1, 2",
                (key,),
            )
        )

    def definitions(self, articles: int = 2) -> list[tuple[str, str, int]]:
        """Return (abbreviation, what it stands for, number of articles) of what at least so many articles define alike."""
        return list(
            self._db.execute(
                'SELECT short, max("full"), count(DISTINCT article) FROM definitions GROUP BY short, lower("full") HAVING count(DISTINCT article) >= ?',
                (articles,),
            )
        )

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

    def _revisit(self, url: str, earlier: Capture, http: tuple[str, Headers], request: tuple[str, Headers], profile: str) -> Capture:
        at = self._clock()
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

    def _next_change(self) -> int:
        return self.last_change() + 1

    def _add_version(self, article_id: str, capture: int, seen: str, content: str) -> None:
        self._db.execute(
            "INSERT INTO versions SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4 FROM versions WHERE article = ?1",
            (article_id, capture, seen, content),
        )

    def _put_attribution(self, article_id: str, attribution: Attribution) -> None:
        self._db.execute("DELETE FROM statements WHERE article = ?", (article_id,))
        self._db.execute("DELETE FROM people WHERE article = ?", (article_id,))
        self._db.executemany(
            "INSERT INTO statements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    article_id,
                    s.speaker,
                    fold(s.speaker),
                    s.role,
                    s.text,
                    s.start,
                    s.end,
                    s.quote_start,
                    s.quote_end,
                    s.mode,
                    s.rule,
                    s.confidence,
                )
                for s in attribution.statements
            ],
        )
        people = [("presider", p) for p in attribution.presiders] + [("attendee", p) for p in attribution.attendees]
        self._db.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", [(article_id, fact, p.name, p.role) for fact, p in people])

    def _put_definitions(self, article: Article) -> None:
        self._db.execute("DELETE FROM definitions WHERE article = ?", (article.id,))
        found = {(short, full.lower()): (article.id, short, full) for short, full in definitions(article.body)}
        self._db.executemany("INSERT OR IGNORE INTO definitions VALUES (?, ?, ?)", found.values())

    def _statements(self, article_id: str) -> tuple[Statement, ...]:
        rows = self._db.execute(
            'SELECT speaker, role, text, "start", "end", mode, rule, confidence, quote_start, quote_end FROM statements'
            ' WHERE article = ? ORDER BY "start", rowid',
            (article_id,),
        )
        return tuple(Statement(*row) for row in rows)


_CAPTURE = 'id, url, status, mime, charset, fetched_at, digest, file, "offset"'


def _capture(row: tuple[Any, ...]) -> Capture:
    number, url, status, mime, charset, fetched_at, *rest = row
    return Capture(number, url, status, mime, charset, dt.datetime.fromisoformat(fetched_at), *rest)
