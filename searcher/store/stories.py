"""Which articles are one story: reposts of a text by other sites, found by their fingerprints."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import numpy as np

from searcher.model import Article
from searcher.store.serial import article_from_json
from searcher.vietnamese.fingerprint import FEWEST, NEAR, distances, same_story, shingles, simhash


class Stories:
    """Assigns articles to stories. A story goes by the id of the article that was first known to tell it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._known = np.zeros(0, dtype=np.uint64)
        self._ids: list[str] = []
        self._place: dict[str, int] = {}
        self._loaded = False

    def assign(self, article: Article, touch: Callable[[str], None]) -> None:
        """Record an article's fingerprint and story; ``touch`` is called with the id of each other article whose story changes."""
        self._load()
        runs = shingles(f"{article.title}\n{article.body}")
        if len(runs) < FEWEST:
            self._db.execute("UPDATE articles SET simhash = 0, story = ? WHERE id = ?", (self._same_words(article, touch), article.id))
            self._forget(article.id)
            return
        fingerprint = simhash(runs)
        story = self._same_words(article, touch) or self._story_of(article, fingerprint, touch)
        signed = fingerprint - (1 << 64) if fingerprint >> 63 else fingerprint
        self._db.execute("UPDATE articles SET simhash = ?, story = ? WHERE id = ?", (signed, story, article.id))
        self._remember(article.id, fingerprint)

    def _story_of(self, article: Article, fingerprint: int, touch: Callable[[str], None]) -> str:
        for place in np.flatnonzero(distances(fingerprint, self._known[: len(self._ids)]) <= NEAR).tolist():
            other = self._ids[place]
            row = self._db.execute("SELECT content, story FROM articles WHERE id = ?", (other,)).fetchone()
            if other == article.id or row is None:
                continue
            if same_story(article.body, article_from_json(row[0]).body):
                return self._joined(other, row[1], touch)
        return ""

    def _same_words(self, article: Article, touch: Callable[[str], None]) -> str:
        row = self._db.execute(
            "SELECT o.id, o.story FROM articles a JOIN articles o ON o.text_digest = a.text_digest AND o.id <> a.id WHERE a.id = ? LIMIT 1",
            (article.id,),
        ).fetchone()
        return self._joined(row[0], row[1], touch) if row and article.body else ""

    def _joined(self, other: str, story: str, touch: Callable[[str], None]) -> str:
        """Return the story of another article, which becomes one if it stood alone."""
        if not story:
            self._db.execute("UPDATE articles SET story = id WHERE id = ?", (other,))
            touch(other)
        return story or other

    def _load(self) -> None:
        if not self._loaded:
            self._loaded = True
            for article_id, signed in self._db.execute("SELECT id, simhash FROM articles WHERE simhash <> 0"):
                self._remember(article_id, signed % (1 << 64))

    def _remember(self, article_id: str, fingerprint: int) -> None:
        place = self._place.setdefault(article_id, len(self._ids))
        if place == len(self._ids):
            self._ids.append(article_id)
            if place == len(self._known):
                self._known = np.concatenate([self._known, np.zeros(max(1024, place), dtype=np.uint64)])
        self._known[place] = fingerprint

    def _forget(self, article_id: str) -> None:
        place = self._place.get(article_id)
        if place is not None:
            self._known[place] = 0  # no text has this fingerprint
