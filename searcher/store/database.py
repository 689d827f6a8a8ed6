"""The SQLite file of an archive: its tables, and how it is opened so that what is committed stays."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Self

from searcher.errors import ArchiveLocked, StoreError

SCHEMA_VERSION = 3

_DEFINITIONS = """
CREATE TABLE definitions (
    article TEXT NOT NULL REFERENCES articles(id),
    short TEXT NOT NULL, "full" TEXT NOT NULL,  -- as the article writes them: UBND, Ủy ban nhân dân
    PRIMARY KEY (article, short, "full")
) STRICT;
"""

_SINCE_3 = """
CREATE TABLE withheld (
    article TEXT PRIMARY KEY REFERENCES articles(id),
    why TEXT NOT NULL,
    since TEXT NOT NULL                -- ISO 8601, UTC
) STRICT;
CREATE TABLE documents (               -- the text of .docx and .pdf files that articles link to
    url TEXT PRIMARY KEY,
    capture INTEGER NOT NULL REFERENCES captures(id),
    text TEXT NOT NULL,
    note TEXT NOT NULL                 -- why there is no text
) STRICT;
CREATE TABLE attached (
    article TEXT NOT NULL REFERENCES articles(id),
    url TEXT NOT NULL,
    PRIMARY KEY (article, url)
) STRICT;
CREATE INDEX attached_by_url ON attached(url);
"""
_STORIES = """
ALTER TABLE articles ADD COLUMN simhash INTEGER NOT NULL DEFAULT 0;  -- fingerprint of the text, 64 bits; 0 is none
ALTER TABLE articles ADD COLUMN story TEXT NOT NULL DEFAULT '';      -- id of the article that told it first; empty if it stands alone
ALTER TABLE frontier ADD COLUMN due TEXT;                            -- when it is to be asked for again, ISO 8601, UTC
ALTER TABLE frontier ADD COLUMN interval INTEGER NOT NULL DEFAULT 0; -- days it was left alone before that
CREATE INDEX articles_by_words ON articles(text_digest);
CREATE INDEX articles_by_story ON articles(story) WHERE story <> '';
"""

_SCHEMA = (
    _DEFINITIONS
    + """
CREATE TABLE warc_files (
    name TEXT PRIMARY KEY,
    size INTEGER NOT NULL              -- bytes acknowledged; whatever lies behind was never promised
) STRICT;
CREATE TABLE captures (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL,                 -- as asked for
    key TEXT,                          -- article id, where the importer knows it
    kind TEXT NOT NULL,                -- response, revisit, resource
    status INTEGER NOT NULL,
    mime TEXT NOT NULL,
    charset TEXT,
    fetched_at TEXT NOT NULL,          -- ISO 8601, UTC
    digest TEXT NOT NULL,              -- SHA-256 of the payload, hexadecimal
    file TEXT NOT NULL REFERENCES warc_files(name),
    "offset" INTEGER NOT NULL,
    extractor INTEGER NOT NULL DEFAULT 0, -- version that extracted it last; 0 is not yet
    outcome TEXT NOT NULL DEFAULT ''   -- what extraction made of it: article, not an article, an error
) STRICT;
CREATE INDEX captures_by_url ON captures(url, id);
CREATE INDEX captures_by_key ON captures(key, id) WHERE key IS NOT NULL;
CREATE INDEX captures_to_extract ON captures(extractor, id);
CREATE TABLE articles (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    content TEXT NOT NULL,             -- the current version, JSON
    text_digest TEXT NOT NULL,         -- of title and body: equal texts on one host are one article
    host TEXT NOT NULL,
    capture INTEGER NOT NULL REFERENCES captures(id),
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    missing_since TEXT,                -- first time it was not there any more; never proof of deletion
    change INTEGER NOT NULL            -- number of the last change, for the index
) STRICT;
CREATE UNIQUE INDEX articles_by_change ON articles(change);
CREATE INDEX articles_by_text ON articles(host, text_digest);
CREATE TABLE versions (
    article TEXT NOT NULL REFERENCES articles(id),
    number INTEGER NOT NULL,
    capture INTEGER NOT NULL REFERENCES captures(id),
    seen TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (article, number)
) STRICT;
CREATE TABLE aliases (
    url TEXT PRIMARY KEY,
    article TEXT NOT NULL REFERENCES articles(id)
) STRICT;
CREATE TABLE statements (
    article TEXT NOT NULL REFERENCES articles(id),
    speaker TEXT NOT NULL, speaker_key TEXT NOT NULL, role TEXT NOT NULL,
    text TEXT NOT NULL, "start" INTEGER NOT NULL, "end" INTEGER NOT NULL,
    quote_start INTEGER, quote_end INTEGER,
    mode TEXT NOT NULL, rule TEXT NOT NULL, confidence REAL NOT NULL
) STRICT;
CREATE INDEX statements_by_article ON statements(article, "start");
CREATE INDEX statements_by_speaker ON statements(speaker_key);
CREATE TABLE people (
    article TEXT NOT NULL REFERENCES articles(id),
    fact TEXT NOT NULL CHECK (fact IN ('presider', 'attendee')),
    name TEXT NOT NULL, role TEXT NOT NULL
) STRICT;
CREATE INDEX people_by_article ON people(article);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    seeds TEXT NOT NULL,
    started TEXT NOT NULL,
    finished TEXT
) STRICT;
CREATE TABLE frontier (
    url TEXT PRIMARY KEY,              -- canonical
    host TEXT NOT NULL,
    depth INTEGER NOT NULL,
    pattern TEXT NOT NULL,
    run INTEGER NOT NULL,              -- the run that dealt with it last; 0 is none yet
    state TEXT NOT NULL DEFAULT 'new', -- new, done, failed, gone, refused
    reason TEXT NOT NULL DEFAULT '',
    fruitful INTEGER NOT NULL DEFAULT 0, -- whether it gave an article or led to addresses of another pattern
    etag TEXT, last_modified TEXT,
    failures INTEGER NOT NULL DEFAULT 0,
    found_on TEXT
) STRICT;
CREATE INDEX frontier_due ON frontier(host, run, depth, url);
CREATE INDEX frontier_by_pattern ON frontier(host, run, pattern, state, fruitful);
CREATE TABLE hosts (
    host TEXT PRIMARY KEY,
    requests INTEGER NOT NULL DEFAULT 0,
    robots TEXT,                       -- robots.txt as fetched
    robots_at TEXT,
    robots_status INTEGER,
    delay REAL NOT NULL DEFAULT 0      -- seconds kept between two requests
) STRICT;
"""
    + _SINCE_3
    + _STORIES
)


def create(path: Path) -> sqlite3.Connection:
    """Create the database at ``path``; nothing of it exists before all of it does."""
    connection = _connect(path)
    connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    return connection


def open_existing(path: Path) -> sqlite3.Connection:
    """Open the database at ``path``.

    Raises:
        StoreError: it is no database of this version.
    """
    connection = _connect(path)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StoreError(f"{path} is damaged ({error}); restore it from a backup") from error
    if version in (1, 2):  # what came with later versions can be read from the captures again
        script = (_DEFINITIONS if version == 1 else "") + _SINCE_3 + _STORIES
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    elif version != SCHEMA_VERSION:
        connection.close()
        raise StoreError(f"{path} has format {version}, this program reads {SCHEMA_VERSION}; use the version that wrote it")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StoreError(f"{path} does not open ({error}); restore it from a backup") from error
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


class WriteLock:
    """Lets one process at a time write to an archive. The lock is SQLite's own, so it ends with the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._depth = 0

    def __enter__(self) -> Self:
        if self._depth == 0:
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=0, check_same_thread=False)
            try:
                connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                connection.close()
                raise ArchiveLocked(f"another process is writing to {self._path.parent.parent}; wait for it to end") from error
            self._connection = connection
        self._depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._connection is not None:
            self._connection.close()
            self._connection = None
