"""Reading one generation of the index."""

from __future__ import annotations

import calendar
import datetime as dt
import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from searcher.engine.base import Found, Occurrence, StoredDocument
from searcher.engine.collection import Collection
from searcher.engine.dictionary import to_bytes
from searcher.engine.executor import Executor, Question
from searcher.engine.leaves import placed
from searcher.engine.plan import Field, Node, Plan, Prefix, Scored, Term, Variants
from searcher.engine.postings import Ids
from searcher.engine.records import unpack_stored
from searcher.model import FacetValue, IndexState, Scope
from searcher.vietnamese.segmenter import runs

#: Values that a facet lists at most; those of time are all listed.
FACET_VALUES = 100


class ColumnSnapshot:
    """A ``Snapshot`` over open segments. What one question asks for twice is looked up once."""

    def __init__(self, executor: Executor, generation: int, built_at: str) -> None:
        self._executor = executor
        self._generation, self._built_at = generation, built_at
        self._questions: dict[Scope, Question] = {}
        self._places: dict[str, tuple[Collection, int]] = {}
        self._unpacked: dict[str, tuple[Collection, int, StoredDocument, Ids]] = {}

    def search(self, plan: Plan) -> Found:
        """Return the best documents of a plan and the exact number of all."""
        question = self._question(plan.scope)
        found = question.search(plan)
        self._places.update(question.places)
        return found

    def count(self, node: Node, scope: Scope) -> int:
        """Return how many documents match."""
        return self._question(scope).count(node)

    def facets(self, node: Node, scope: Scope, names: Sequence[str]) -> Mapping[str, tuple[FacetValue, ...]]:
        """Count the values of the matching documents, most frequent first."""
        matches = [part for part in self._question(scope).matches(node) if len(part[1])]
        return {name: self._by_time(matches, name) if name in ("year", "month") else _by_value(matches, name) for name in names}

    @staticmethod
    def _by_time(matches: Sequence[tuple[Collection, Ids]], unit: str) -> tuple[FacetValue, ...]:
        counts: Counter[str] = Counter()
        for collection, documents in matches:
            counts.update({k: n for k, n in _by_date(collection, documents, unit).items() if k})
        return tuple(FacetValue(value, n) for value, n in sorted(counts.items()))

    def histogram(self, node: Node, scope: Scope, unit: str) -> Mapping[str, int]:
        """Count matching documents by ``year`` or ``month`` in the order of time; undated ones under ""."""
        counts: Counter[str] = Counter()
        for collection, documents in self._question(scope).matches(node):
            counts.update(_by_date(collection, documents, unit))
        return dict(sorted(counts.items()))

    def undated(self, node: Node, scope: Scope) -> int:
        """Return how many matching documents have no date."""
        return sum(int(np.searchsorted(documents, collection.undated)) for collection, documents in self._question(scope).matches(node))

    def term_statistics(self, field: Field, terms: Sequence[str], scope: Scope = "articles") -> list[tuple[int, int]]:
        """Return (document frequency, total frequency) of each term, deleted documents included until they are merged away."""
        question = self._question(scope)
        return [question.frequency(Term(field, term)) for term in terms]

    def vocabulary(self, field: Field, prefix: str, limit: int = 100) -> list[tuple[str, int]]:
        """Return (term, document frequency) of the terms of articles that begin with ``prefix``, in the order of the dictionary."""
        counts: Counter[bytes] = Counter()
        for segment in self._executor.segments:
            collection = segment.collection("articles")
            dictionary, postings = collection.field(field)
            first, end = dictionary.range(to_bytes(prefix))
            end = min(end, first + limit)
            sizes = postings.sizes(first, end).tolist() if end > first else []
            for number, size in zip(range(first, end), sizes, strict=True):
                row = postings.rows.of_term.get(number)
                counts[dictionary[number]] += size if row is None else int(postings.rows.df[row])
        return [(term.decode("utf-8", "surrogatepass"), counts[term]) for term in sorted(counts)[:limit] if counts[term]]

    def documents(self, ids: Sequence[str]) -> list[StoredDocument]:
        """Return stored documents in the order asked for; unknown ids are left out."""
        return [found[2] for name in ids if (found := self._unpack(name)) is not None]

    def occurrences(self, document_id: str, leaves: Sequence[Term | Variants | Prefix]) -> list[Occurrence]:
        """Return where the body of a document holds any of some syllables, in order."""
        found = self._unpack(document_id)
        if found is None:
            return []
        collection, document, _, starts = found
        held = self._question(collection.scope).part(collection).leaves.tokens(document, leaves)
        return [Occurrence(int(starts[token]), leaf) for token, leaf in held]

    def scan(self, node: Node, scope: Scope) -> Iterator[str]:
        """Yield the ids of all matching documents, ascending."""
        yield from heapq.merge(*(_ids(*part) for part in self._question(scope).matches(node)))

    def explain(self, ranking: Sequence[Scored], scope: Scope, document_id: str) -> list[tuple[str, float]]:
        """Return what each scored leaf adds to a document's score."""
        return self._question(scope).explain(ranking, document_id)

    def state(self) -> IndexState:
        """Return which index answers."""
        articles = [segment.collection("articles") for segment in self._executor.segments]
        return IndexState(self._generation, sum(c.size - len(c.deleted) for c in articles), self._built_at)

    def _question(self, scope: Scope) -> Question:
        question = self._questions.get(scope)
        if question is None:
            question = self._questions[scope] = self._executor.question(scope)
        return question

    def _unpack(self, document_id: str) -> tuple[Collection, int, StoredDocument, Ids] | None:
        known = self._unpacked.get(document_id)
        if known is not None:
            return known
        place = self._places.get(document_id) or self._executor.find(document_id)
        if place is None:
            return None
        if len(self._unpacked) > 1000:
            self._unpacked.clear()
        collection, document = place
        found = self._unpacked[document_id] = (collection, document, *unpack_stored(collection.stored(document)))
        return found


def _by_value(matches: Sequence[tuple[Collection, Ids]], name: str) -> tuple[FacetValue, ...]:
    """Return the most frequent values of a facet with their exact counts; of equal ones the first in order."""
    counts: Counter[bytes] = Counter()
    for collection, documents in matches:
        values, bounds, ordinals = collection.facet(name)
        at, _ = runs(bounds.astype(np.int64), documents)
        found = np.bincount(ordinals[at], minlength=len(values))
        present = np.flatnonzero(found)
        if len(matches) == 1 and len(present) > FACET_VALUES:  # of several segments, any value may add up to one of the first
            present = present[np.lexsort((present, -found[present]))[:FACET_VALUES]]
        counts.update(dict(zip((values[o] for o in present.tolist()), found[present].tolist(), strict=True)))
    first = heapq.nsmallest(FACET_VALUES, counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(FacetValue(value.decode("utf-8", "surrogatepass"), n) for value, n in first)


def _ids(collection: Collection, documents: Ids) -> Iterator[str]:
    for rank in np.sort(collection.id_rank[documents]):
        yield collection.id_of(int(collection.id_order[rank]))


def _by_date(collection: Collection, documents: Ids, unit: str) -> Counter[str]:
    """Count documents (ascending) by the year or month their date begins in; a date known to the year has no month."""
    counts: Counter[str] = Counter()
    undated = int(np.searchsorted(documents, collection.undated))
    if undated:
        counts[""] = undated
    documents = documents[undated:]
    exact = documents
    if len(collection.inexact):
        _, inexact = placed(collection.inexact, documents)
        exact = documents[~inexact]
        for document in documents[inexact].tolist():
            first, last = (dt.date.fromordinal(int(days[document])) for days in (collection.first_day, collection.last_day))
            whole_month = unit == "month" and (first.year, first.month) == (last.year, last.month)
            counts[f"{first.year:04}-{first.month:02}" if whole_month else f"{first.year:04}"] += 1
    days = collection.first_day[exact]
    at = 0
    while at < len(days):
        first = dt.date.fromordinal(int(days[at]))
        last = (
            dt.date(first.year, 12, 31)
            if unit == "year"
            else dt.date(first.year, first.month, calendar.monthrange(first.year, first.month)[1])
        )
        end = int(np.searchsorted(days, last.toordinal(), side="right"))
        counts[f"{first.year:04}" if unit == "year" else f"{first.year:04}-{first.month:02}"] += end - at
        at = end
    return counts
