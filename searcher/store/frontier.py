"""The crawl's frontier: every address known, what became of it, and which are still due in a run."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Due:
    """An address that a run has yet to fetch, with what the last answer allows to ask conditionally."""

    url: str
    depth: int
    pattern: str
    etag: str | None
    last_modified: str | None
    failures: int
    interval: int = 0  # days it was left alone before


class Frontier:
    """Addresses by host. Writes belong into a transaction of the store, next to the captures they go with."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def start_run(self, seeds: Sequence[str], now: dt.datetime) -> int:
        """Return the number of the run to work on: an unfinished one of the same seeds goes on where it was."""
        key = json.dumps(sorted(seeds))
        row = self._db.execute("SELECT id FROM runs WHERE seeds = ? AND finished IS NULL ORDER BY id DESC", (key,)).fetchone()
        if row:
            return int(row[0])
        return self._db.execute("INSERT INTO runs (seeds, started) VALUES (?, ?)", (key, now.isoformat())).lastrowid or 0

    def finish_run(self, run: int, now: dt.datetime) -> None:
        """Close a run: the next crawl of its seeds asks for everything again."""
        self._db.execute("UPDATE runs SET finished = ? WHERE id = ?", (now.isoformat(), run))

    def add(self, url: str, host: str, depth: int, pattern: str, found_on: str | None) -> bool:
        """Make ``url`` known; return whether it was new."""
        cursor = self._db.execute(
            "INSERT INTO frontier (url, host, depth, pattern, run, found_on) VALUES (?, ?, ?, ?, 0, ?) ON CONFLICT DO NOTHING",
            (url, host, depth, pattern, found_on),
        )
        return cursor.rowcount > 0

    def coming_run(self, seeds: Sequence[str]) -> int:
        """Return the number that a run of these seeds would have."""
        row = self._db.execute(
            "SELECT id FROM runs WHERE seeds = ? AND finished IS NULL ORDER BY id DESC", (json.dumps(sorted(seeds)),)
        ).fetchone()
        return int(row[0]) if row else int(self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM runs").fetchone()[0])

    def due(self, run: int, host: str, limit: int, now: dt.datetime | None = None) -> list[Due]:
        """Return the addresses of ``host`` to be fetched next in ``run``, nearest to the seeds first; with ``now`` only what is due then."""
        rows = self._db.execute(
            "SELECT url, depth, pattern, etag, last_modified, failures, interval FROM frontier WHERE host = ?1 AND run < ?2"
            " AND (?3 IS NULL OR due IS NULL OR due <= ?3 OR depth = 0) ORDER BY depth, rowid LIMIT ?4",
            (host, run, now.isoformat() if now else None, limit),
        )
        return [Due(*row) for row in rows]

    def count_due(self, run: int, host: str, now: dt.datetime | None = None) -> int:
        """Return how many addresses of ``host`` a run would ask for, as far as they are known."""
        row = self._db.execute(
            "SELECT count(*) FROM frontier WHERE host = ?1 AND run < ?2 AND (?3 IS NULL OR due IS NULL OR due <= ?3 OR depth = 0)",
            (host, run, now.isoformat() if now else None),
        ).fetchone()
        return int(row[0])

    def settle(
        self,
        url: str,
        run: int,
        state: str,
        *,
        reason: str = "",
        etag: str | None = None,
        last_modified: str | None = None,
        fruitful: bool = False,
        again: tuple[dt.datetime, int] | None = None,
    ) -> None:
        """Record what became of ``url`` in ``run``: done, failed, gone or refused; ``again`` is when it is due and after how many days."""
        self._db.execute(
            "UPDATE frontier SET run = ?1, state = ?2, reason = ?3, etag = coalesce(?4, etag), last_modified = coalesce(?5, last_modified),"
            " fruitful = ?6, failures = CASE ?2 WHEN 'failed' THEN failures + 1 ELSE 0 END, due = ?7, interval = ?8 WHERE url = ?9",
            (run, state, reason, etag, last_modified, fruitful, *((again[0].isoformat(), again[1]) if again else (None, 0)), url),
        )

    def yields(self, run: int, host: str, pattern: str) -> tuple[int, int]:
        """Return how many addresses of ``pattern`` were fetched in ``run`` with and without any use."""
        row = self._db.execute(
            "SELECT coalesce(sum(fruitful), 0), count(*) - coalesce(sum(fruitful), 0) FROM frontier"
            " WHERE host = ? AND run = ? AND state IN ('done', 'gone') AND pattern = ?",
            (host, run, pattern),
        ).fetchone()
        return int(row[0]), int(row[1])

    def states(self) -> dict[str, int]:
        """Return how many addresses are in each state."""
        return dict(self._db.execute("SELECT state, count(*) FROM frontier GROUP BY state ORDER BY state"))

    def problems(self, limit: int = 20) -> list[tuple[str, str]]:
        """Return (address, reason) of addresses that failed, newest run first."""
        return list(self._db.execute("SELECT url, reason FROM frontier WHERE state = 'failed' ORDER BY run DESC, rowid LIMIT ?", (limit,)))

    def unfinished(self) -> list[list[str]]:
        """Return the seeds of runs that have not ended."""
        return [json.loads(row[0]) for row in self._db.execute("SELECT seeds FROM runs WHERE finished IS NULL ORDER BY id")]

    # Hosts

    def robots(self, host: str) -> tuple[str, dt.datetime, int] | None:
        """Return text, time and status of the host's robots.txt as last fetched."""
        row = self._db.execute(
            "SELECT robots, robots_at, robots_status FROM hosts WHERE host = ? AND robots_at IS NOT NULL", (host,)
        ).fetchone()
        return (row[0] or "", dt.datetime.fromisoformat(row[1]), int(row[2])) if row else None

    def keep_robots(self, host: str, text: str, at: dt.datetime, status: int) -> None:
        """Keep the host's robots.txt."""
        self._db.execute(
            "INSERT INTO hosts (host, robots, robots_at, robots_status) VALUES (?1, ?2, ?3, ?4)"
            " ON CONFLICT DO UPDATE SET robots = ?2, robots_at = ?3, robots_status = ?4",
            (host, text, at.isoformat(), status),
        )

    def count_request(self, host: str, delay: float) -> None:
        """Add a request to the host's ledger, with the delay (seconds) that was kept before it."""
        self._db.execute(
            "INSERT INTO hosts (host, requests, delay) VALUES (?1, 1, ?2) ON CONFLICT DO UPDATE SET requests = requests + 1, delay = ?2",
            (host, delay),
        )

    def ledger(self) -> list[tuple[str, int, float]]:
        """Return (host, requests so far, delay in seconds)."""
        return list(self._db.execute("SELECT host, requests, delay FROM hosts ORDER BY host"))
