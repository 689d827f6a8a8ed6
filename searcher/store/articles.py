"""What has been read from captures: articles with their versions, who said what in them, and what is kept from the doors."""

from __future__ import annotations

import datetime as dt
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from searcher.errors import ArchiveError
from searcher.model import Article, Attribution, Capture, Person, Record, Statement
from searcher.store.serial import article_from_json, article_to_json
from searcher.store.stories import Stories
from searcher.vietnamese.names import definitions
from searcher.vietnamese.normalise import fold

Clock = Callable[[], dt.datetime]
_SHOWN = "NOT IN (SELECT article FROM withheld)"


class Articles:
    """The articles of a corpus. Writing methods are for one thread, inside the store's ``transaction()``."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._db = connection
        self._clock = clock
        self._stories = Stories(connection)

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
                "INSERT INTO articles (id, url, content, text_digest, host, capture, first_seen, last_seen, change) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (article.id, article.url, content, digest, host, capture.id, seen, seen, self._next_change()),
            )
        elif row[0] == content and self.attribution(article.id) == attribution:
            self._db.execute("UPDATE articles SET last_seen = max(last_seen, ?), missing_since = NULL WHERE id = ?", (seen, article.id))
            self._put_details(article)
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
        self._put_details(article)
        return "new" if row is None else "changed"

    def article(self, article_id: str) -> Article | None:
        """Return the current version of an article, unless it is withheld."""
        row = self._db.execute(f"SELECT content FROM articles WHERE id = ? AND id {_SHOWN}", (article_id,)).fetchone()
        return article_from_json(row[0]) if row else None

    def versions(self, article_id: str) -> list[tuple[str, Article]]:
        """Return (time of capture, article) of all versions, oldest first; none of an article that is withheld."""
        rows = self._db.execute(f"SELECT seen, content FROM versions WHERE article = ? AND article {_SHOWN} ORDER BY number", (article_id,))
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

    def changes(self, since: int, limit: int | None = None) -> Iterator[Record]:
        """Yield what has changed after change number ``since``, oldest change first."""
        done = 0
        while limit is None or done < limit:
            rows = self._db.execute(
                f"SELECT id, content, change, story, id {_SHOWN} FROM articles WHERE change > ? ORDER BY change LIMIT 200", (since,)
            ).fetchall()
            if not rows:
                return
            for article_id, content, change, story, shown in rows[: None if limit is None else limit - done]:
                documents = tuple(text for _, text, _ in self.documents(article_id) if text)
                yield Record(article_from_json(content), self.attribution(article_id), change, not shown, story, documents)
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
        named = "(speaker_key = ?1 OR substr(speaker_key, -length(?1) - 1) = ' ' || ?1)" if key else "?1 = ''"
        where = f"WHERE {named} AND article {_SHOWN}"
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
                f'SELECT short, max("full"), count(DISTINCT article) FROM definitions WHERE article {_SHOWN} GROUP BY short, lower("full") HAVING count(DISTINCT article) >= ?',
                (articles,),
            )
        )

    # Documents that articles link to

    def put_document(self, capture: Capture, text: str, note: str) -> None:
        """Keep the text of a document, or why there is none; articles that link to it are indexed again."""
        before = self._db.execute("SELECT text, note FROM documents WHERE url = ?", (capture.url,)).fetchone()
        if before == (text, note):
            return
        self._db.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", (capture.url, capture.id, text, note))
        for (article_id,) in self._db.execute("SELECT article FROM attached WHERE url = ?", (capture.url,)).fetchall():
            self._touch(article_id)

    def documents(self, article_id: str) -> list[tuple[str, str, str]]:
        """Return (address, text, note) of the documents an article links to, as far as they were fetched."""
        return list(
            self._db.execute(
                "SELECT d.url, d.text, d.note FROM attached a JOIN documents d ON d.url = a.url WHERE a.article = ? ORDER BY a.rowid",
                (article_id,),
            )
        )

    # Stories

    def copies(self, article_id: str) -> list[tuple[str, str, str]]:
        """Return (id, address, date) of all articles that tell the same story, first publication first; none if it stands alone."""
        (story,) = self._db.execute("SELECT story FROM articles WHERE id = ?", (article_id,)).fetchone() or ("",)
        if not story:
            return []
        rows = self._db.execute(f"SELECT content, first_seen FROM articles WHERE story = ? AND id {_SHOWN}", (story,)).fetchall()
        found = sorted(
            ((str(a.date or "9999"), seen, a) for a, seen in ((article_from_json(c), s) for c, s in rows)), key=lambda row: row[:2]
        )
        return [(a.id, a.url, str(a.date or "")) for _, _, a in found]

    # Withholding

    def withhold(self, article_id: str, why: str) -> None:
        """Take an article out of every door; its bytes stay.

        Raises:
            ArchiveError: there is none of this id.
        """
        if self._db.execute("SELECT 1 FROM articles WHERE id = ?", (article_id,)).fetchone() is None:
            raise ArchiveError(f"no article has the id {article_id!r}; ids are those that search prints")
        self._db.execute("INSERT OR REPLACE INTO withheld VALUES (?, ?, ?)", (article_id, why, self._clock().isoformat(timespec="seconds")))
        self._touch(article_id)

    def release(self, article_id: str) -> None:
        """Undo ``withhold``.

        Raises:
            ArchiveError: the article is not withheld.
        """
        if not self._db.execute("DELETE FROM withheld WHERE article = ?", (article_id,)).rowcount:
            raise ArchiveError(f"{article_id!r} is not withheld; those that are: searcher withhold --list")
        self._touch(article_id)

    def withheld(self) -> list[tuple[str, str, str]]:
        """Return (id, why, since when) of what is withheld."""
        return list(self._db.execute("SELECT article, why, since FROM withheld ORDER BY since, article"))

    # Within

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

    def _put_details(self, article: Article) -> None:
        """Keep what is read from an article beside its fields; the same article may give more to a later version of the program."""
        self._put_definitions(article)
        self._stories.assign(article, self._touch)
        self._db.execute("DELETE FROM attached WHERE article = ?", (article.id,))
        self._db.executemany("INSERT OR IGNORE INTO attached VALUES (?, ?)", [(article.id, a.url) for a in article.attachments])

    def _touch(self, article_id: str) -> None:
        """Have an article indexed again."""
        self._db.execute("UPDATE articles SET change = ? WHERE id = ?", (self._next_change(), article_id))

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
