"""Plans evaluated as arithmetic on arrays, segment by segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import assert_never

import numpy as np

from searcher.engine.base import Found, ScoredDocument, day_number
from searcher.engine.plan import (
    And,
    AtLeast,
    DateRange,
    Everything,
    Keyword,
    Node,
    Not,
    Or,
    Phrase,
    Plan,
    Prefix,
    Scored,
    Term,
    Variants,
)
from searcher.engine.schema import text_field
from searcher.engine.scoring import idf, norms
from searcher.engine.segment import Bools, Floats, Ids, SegmentReader
from searcher.model import Scope
from searcher.vietnamese.analysis import SEPARATOR, folded_prefix, pair_term

#: A prefix stands for at most so many terms of a segment.
MAX_EXPANSIONS = 500


@dataclass(frozen=True, slots=True)
class CollectionStatistics:
    """Documents of a scope in all segments (deleted ones included) and their average length."""

    documents: int
    average_length: float


class Executor:
    """Evaluates nodes and plans over a fixed set of segments."""

    def __init__(self, segments: Sequence[SegmentReader]) -> None:
        self._segments = segments

    def search(self, plan: Plan) -> Found:
        """Return the first documents of a plan and how many match in all. Ties go by id, ascending."""
        statistics = self.statistics(plan.scope)
        weights = [self._weight(scored, plan.scope, statistics) for scored in plan.ranking]
        total = 0
        candidates: list[ScoredDocument] = []
        for segment in self._segments:
            mask = self.mask(segment, plan.matching, plan.scope)
            documents = np.flatnonzero(mask)
            total += len(documents)
            if not len(documents):
                continue
            scores = self._scores(segment, plan.ranking, weights, plan.scope, statistics)
            keys = scores[documents] if plan.sort == "relevance" else _date_keys(segment, plan.sort)[documents]
            candidates += _first(segment, documents, keys, scores, plan)
        candidates.sort(key=lambda found: (-found.key, found.id))
        return Found(tuple(candidates[: plan.limit]), total)

    def count(self, node: Node, scope: Scope) -> int:
        """Return how many documents match."""
        return sum(int(np.count_nonzero(self.mask(segment, node, scope))) for segment in self._segments)

    def masks(self, node: Node, scope: Scope) -> Iterator[tuple[SegmentReader, Bools]]:
        """Yield each segment with which of its documents match."""
        for segment in self._segments:
            yield segment, self.mask(segment, node, scope)

    def mask(self, segment: SegmentReader, node: Node, scope: Scope) -> Bools:
        """Return which documents of a segment match; deleted ones never do."""
        return self._matches(segment, node, scope) & segment.alive & segment.in_scope(scope)

    def explain(self, ranking: Sequence[Scored], scope: Scope, document_id: str) -> list[tuple[str, float]]:
        """Return what each scored leaf adds to a document's score."""
        statistics = self.statistics(scope)
        for segment in self._segments:
            number = segment.number_of.get(document_id)
            if number is not None:
                return [
                    (
                        _name(scored.node),
                        float(self._scores(segment, [scored], [self._weight(scored, scope, statistics)], scope, statistics)[number]),
                    )
                    for scored in ranking
                ]
        return []

    def statistics(self, scope: Scope) -> CollectionStatistics:
        """Return the collection's statistics for a scope."""
        documents = length = 0
        for segment in self._segments:
            inside = segment.in_scope(scope)
            documents += int(np.count_nonzero(inside))
            length += int(segment.lengths[inside].sum())
        return CollectionStatistics(documents, max(1.0, length / max(1, documents)))

    # Matching

    def _matches(self, segment: SegmentReader, node: Node, scope: Scope) -> Bools:
        match node:
            case Everything():
                return np.ones(segment.size, dtype=bool)
            case And(nodes):
                return reduce(np.logical_and, (self._matches(segment, n, scope) for n in nodes), np.ones(segment.size, dtype=bool))
            case Or(nodes):
                return reduce(np.logical_or, (self._matches(segment, n, scope) for n in nodes), np.zeros(segment.size, dtype=bool))
            case AtLeast(nodes, count):
                held = np.zeros(segment.size, dtype=np.int64)
                for n in nodes:
                    held += self._matches(segment, n, scope)
                return np.asarray(held >= count)
            case Not(inner):
                return ~self._matches(segment, inner, scope)
            case DateRange(first, last):
                starts, ends = segment.days
                found = starts > 0
                if first is not None:
                    found &= ends >= day_number(first)
                if last is not None:
                    found &= starts <= day_number(last)
                return found
            case Term() | Variants() | Prefix() | Phrase() | Keyword():
                found = np.zeros(segment.size, dtype=bool)
                found[self._documents(segment, node, scope)[0]] = True
                return found
            case _:
                assert_never(node)

    def _documents(self, segment: SegmentReader, node: Term | Variants | Prefix | Phrase | Keyword, scope: Scope) -> tuple[Ids, Floats]:
        """Return documents and frequencies of a leaf."""
        if isinstance(node, Phrase):
            return self._phrase(segment, node, scope)
        field, terms = self._terms(segment, node, scope)
        if len(terms) == 1:
            return segment.postings(field, terms[0])
        frequencies = np.zeros(segment.size, dtype=np.float64)
        for term in terms:
            documents, weights = segment.postings(field, term)
            frequencies[documents] += weights
        documents = np.flatnonzero(frequencies)
        return documents, frequencies[documents]

    def _terms(self, segment: SegmentReader, node: Term | Variants | Prefix | Keyword, scope: Scope) -> tuple[str, list[bytes]]:
        """Return the index field and the terms of a segment that a leaf stands for."""
        if isinstance(node, Keyword):
            return node.field, list(segment.terms(node.field, folded_prefix(node.text))) if node.folded else [_bytes(node.text)]
        field = text_field(node.field, scope)
        if isinstance(node, Term):
            return field, [_bytes(node.text)]
        if isinstance(node, Variants):
            return field, list(segment.terms(field, folded_prefix(node.folded)))
        wanted = _bytes(SEPARATOR + node.accented)
        found: list[bytes] = []
        for term in segment.terms(field, node.folded):
            if wanted in term and len(found) < MAX_EXPANSIONS:
                found.append(term)
        return field, found

    def _phrase(self, segment: SegmentReader, phrase: Phrase, scope: Scope) -> tuple[Ids, Floats]:
        """Documents that hold the parts in order, with how often; pairs narrow down which positions must be read."""
        candidates = [self._documents(segment, part, scope)[0] for part in phrase.parts]
        if phrase.slop == 0:
            for first, second in zip(phrase.parts, phrase.parts[1:], strict=False):
                pair = _pair(first, second)
                if pair is not None:
                    candidates.append(self._documents(segment, pair, scope)[0])
        documents = reduce(lambda a, b: np.intersect1d(a, b, assume_unique=True), candidates)
        if not len(documents):
            return documents, np.zeros(0)
        places = [self._positions(segment, part, documents, scope) for part in phrase.parts]
        found = [(d, n) for d in documents.tolist() if (n := _occurrences([place.get(d, ()) for place in places], phrase.slop))]
        return np.array([d for d, _ in found], dtype=np.int64), np.array([n for _, n in found], dtype=np.float64)

    def _positions(self, segment: SegmentReader, part: Term | Variants, documents: Ids, scope: Scope) -> dict[int, Sequence[int]]:
        field, terms = self._terms(segment, part, scope)
        merged: dict[int, Sequence[int]] = {}
        for term in terms:
            for document, positions in segment.positions(field, term, documents).items():
                merged[document] = sorted([*merged.get(document, ()), *positions])
        return merged

    # Scoring

    def _weight(self, scored: Scored, scope: Scope, statistics: CollectionStatistics) -> float:
        """Return boost times idf of a leaf over all segments."""
        node = scored.node
        frequency = 0
        for segment in self._segments:
            if isinstance(node, Phrase):
                frequency += len(self._documents(segment, node, scope)[0])
                continue
            field, terms = self._terms(segment, node, scope)
            # The variants of one folded form overlap: how many documents hold any is counted, not summed up.
            frequency += segment.frequency(field, terms[0])[0] if len(terms) == 1 else len(self._documents(segment, node, scope)[0])
        return scored.boost * idf(frequency, max(statistics.documents, frequency)) if frequency else 0.0

    def _scores(
        self, segment: SegmentReader, ranking: Sequence[Scored], weights: Sequence[float], scope: Scope, statistics: CollectionStatistics
    ) -> Floats:
        scores = np.zeros(segment.size, dtype=np.float64)
        if not ranking:
            return scores
        norm = norms(segment.lengths, statistics.average_length)
        for scored, weight in zip(ranking, weights, strict=True):
            if weight:
                documents, frequencies = self._documents(segment, scored.node, scope)
                scores[documents] += weight * frequencies / (frequencies + norm[documents])
        return scores


def _first(segment: SegmentReader, documents: Ids, keys: Floats, scores: Floats, plan: Plan) -> list[ScoredDocument]:
    """The documents of a segment that may be among the first, ties at the end of the list included."""
    if plan.after is not None:
        key, last_id = plan.after
        keep = keys <= key
        tied = np.flatnonzero(keys == key)
        keep[[i for i in tied.tolist() if segment.ids[documents[i]] <= last_id]] = False
        documents, keys = documents[keep], keys[keep]
    if len(documents) > plan.limit > 0:
        threshold = np.partition(keys, len(keys) - plan.limit)[len(keys) - plan.limit]
        documents, keys = documents[keys >= threshold], keys[keys >= threshold]
        if len(documents) > 4 * plan.limit + 100:  # mostly ties: their ids decide
            order = sorted(range(len(documents)), key=lambda i: (-keys[i], segment.ids[documents[i]]))[: plan.limit]
            documents, keys = documents[order], keys[order]
    return [ScoredDocument(segment.ids[d], float(scores[d]), float(k)) for d, k in zip(documents.tolist(), keys.tolist(), strict=True)]


def _date_keys(segment: SegmentReader, sort: str) -> Floats:
    """Keys that put the newest or the oldest first and undated documents last."""
    starts, ends = segment.days
    if sort == "newest":
        return ends.astype(np.float64)
    return np.where(starts > 0, -starts.astype(np.float64), -1e9)


def _pair(first: Term | Variants, second: Term | Variants) -> Term | Variants | None:
    if isinstance(first, Term) and isinstance(second, Term):
        return Term("pairs", pair_term(first.text, second.text))
    if isinstance(first, Variants) and isinstance(second, Variants):
        return Variants("pairs", f"{first.folded} {second.folded}")
    return None


def _occurrences(places: list[Sequence[int]], slop: int) -> int:
    """How often positions follow one another: exactly by one, or with up to ``slop`` positions between them in all."""
    if slop == 0:
        starts = set(places[0])
        for distance, positions in enumerate(places[1:], start=1):
            starts &= {p - distance for p in positions}
        return len(starts)
    count = 0
    for start in places[0]:
        at = start
        for positions in places[1:]:
            following = next((p for p in positions if p > at), None)
            if following is None:
                return count
            at = following
        count += at - start - (len(places) - 1) <= slop
    return count


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _name(node: Term | Variants | Phrase) -> str:
    if isinstance(node, Phrase):
        return '"' + " ".join(_name(part).split(":", 1)[1] for part in node.parts) + '"'
    return f"{node.field}:{node.text.split(SEPARATOR)[1] if isinstance(node, Term) else node.folded + ' (không dấu)'}"
