"""What every engine offers. The engine on one machine and one on a cluster are told apart by nothing but their figures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from searcher.engine.plan import Field, Node, Plan, Prefix, Scored, Term, Variants
from searcher.model import FacetValue, IndexState, PartialDate, Person, Record, Scope, Statement


@dataclass(frozen=True, slots=True)
class ScoredDocument:
    """A document found: its id, its score and the key it is sorted by."""

    id: str
    score: float
    key: float


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a plan: the first documents in order and how many match in all."""

    documents: tuple[ScoredDocument, ...]
    total: int


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """What the index keeps of a document for showing it; ``statement`` is set for statements."""

    id: str
    article_id: str
    url: str
    title: str
    body: str
    date: PartialDate | None
    source: str
    speakers: tuple[Person, ...]
    statement: Statement | None = None
    story: str = ""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Where a document's body holds what was asked for: the character at which the token begins, and which leaf it is."""

    start: int
    leaf: int


class Snapshot(Protocol):
    """The index as one commit left it. Commits that follow do not show; one thread uses it at a time."""

    def search(self, plan: Plan) -> Found:
        """Return the best documents of a plan and the exact number of all."""

    def count(self, node: Node, scope: Scope) -> int:
        """Return how many documents match."""

    def facets(self, node: Node, scope: Scope, names: Sequence[str]) -> Mapping[str, tuple[FacetValue, ...]]:
        """Count the values (speaker, source, section, year, month) of the matching documents: the hundred most frequent, all of time."""

    def histogram(self, node: Node, scope: Scope, unit: str) -> Mapping[str, int]:
        """Count matching documents by ``year`` or ``month`` in the order of time; undated ones under ""."""

    def undated(self, node: Node, scope: Scope) -> int:
        """Return how many matching documents have no date."""

    def term_statistics(self, field: Field, terms: Sequence[str], scope: Scope = "articles") -> list[tuple[int, int]]:
        """Return (document frequency, total frequency) of each term, deleted documents included until they are merged away."""

    def vocabulary(self, field: Field, prefix: str, limit: int = 100) -> list[tuple[str, int]]:
        """Return (term, document frequency) of the terms that begin with ``prefix``, in the order of the dictionary."""

    def documents(self, ids: Sequence[str]) -> list[StoredDocument]:
        """Return stored documents in the order asked for; unknown ids are left out."""

    def occurrences(self, document_id: str, leaves: Sequence[Term | Variants | Prefix]) -> list[Occurrence]:
        """Return where the body of a document holds any of some syllables, in order."""

    def scan(self, node: Node, scope: Scope) -> Iterator[str]:
        """Yield the ids of all matching documents, ascending."""

    def explain(self, ranking: Sequence[Scored], scope: Scope, document_id: str) -> list[tuple[str, float]]:
        """Return what each scored leaf adds to a document's score."""

    def state(self) -> IndexState:
        """Return which index answers."""


class Engine(Protocol):
    """An index of articles and their statements. One process writes, any number reads."""

    def add(self, records: Iterable[Record]) -> int:
        """Add or replace articles with their statements; return how many. Not visible before ``commit``."""

    def delete(self, article_ids: Sequence[str]) -> None:
        """Take articles and their statements out. Not visible before ``commit``."""

    def commit(self) -> None:
        """Make everything since the last commit durable and visible at once."""

    def settle(self) -> None:
        """Return once nothing that commits have left to be done, such as merging, is under way."""

    def snapshot(self) -> Snapshot:
        """Return the newest commit."""

    def exists(self) -> bool:
        """Whether there is an index, of whatever state."""

    def last_change(self) -> int:
        """Return the number of the last change of the corpus that the visible index knows."""

    def check(self, deep: bool = False) -> list[str]:
        """Return the problems found; nothing is repaired."""

    def backup(self, folder: Path) -> None:
        """Copy the visible index into a new folder, by links where the file system allows it."""

    def restore(self, folder: Path) -> None:
        """Make the index of a backup the visible one; it happens whole or not at all."""

    def close(self) -> None:
        """Release everything; what was not committed is dropped."""


def day_number(day: dt.date) -> int:
    """The number under which the index sorts a day: 1 is 1 January of the year 1."""
    return day.toordinal()
