"""Plans evaluated as arithmetic on arrays, segment by segment.

A set of documents is either a list of their numbers, ascending, or a mask over all. Scores are 32-bit floats: sums of at
most a hundred terms, each exact to 6e-8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from searcher.engine.base import Found, ScoredDocument, day_number
from searcher.engine.collection import Bools, Collection, Floats
from searcher.engine.leaves import Leaves, Listed, Row, keep
from searcher.engine.leaves import Found as Held
from searcher.engine.plan import And, AtLeast, DateRange, Everything, Keyword, Node, Not, Or, Phrase, Plan, Prefix, Scored, Term, Variants
from searcher.engine.postings import Ids
from searcher.engine.scoring import idf
from searcher.engine.segment import SegmentReader
from searcher.model import Scope
from searcher.vietnamese.analysis import SEPARATOR

_BLOCKS = 256
#: Candidates that are scored exactly to learn what the best documents reach at least.
_PROBE = 2048
_UNDATED = -1e9


@dataclass(frozen=True, slots=True)
class CollectionStatistics:
    """Documents of a scope in all segments (deleted ones included) and their average length."""

    documents: int
    average_length: float


class Executor:
    """Evaluates nodes and plans over a fixed set of segments."""

    def __init__(self, segments: Sequence[SegmentReader]) -> None:
        self.segments = tuple(segments)

    def question(self, scope: Scope) -> Question:
        """Start a question about documents of a kind; what it looks up twice is found once."""
        return Question([segment.collection(scope) for segment in self.segments])


class Question:
    """One question to all segments: sets, counts and the ranking share what they look up."""

    def __init__(self, collections: Sequence[Collection]) -> None:
        self._parts = [Part(collection) for collection in collections if collection.size]
        documents = sum(part.collection.size for part in self._parts)
        length = sum(part.collection.total_length for part in self._parts)
        self.statistics = CollectionStatistics(documents, max(1.0, length / max(1, documents)))

    def search(self, plan: Plan) -> Found:
        """Return the first documents of a plan and how many match in all. Ties go by id, ascending."""
        total = 0
        candidates: list[ScoredDocument] = []
        weighted = self._weighted(plan.ranking)
        for number, part in enumerate(self._parts):
            matching = part.matching(plan.matching)
            count = int(np.count_nonzero(matching)) if matching.dtype == bool else len(matching)
            total += count
            if count and plan.limit:
                leaves = [(leaf[number], weight) for leaf, weight in weighted]
                candidates += part.first(matching, leaves, plan, self.statistics.average_length)
        candidates.sort(key=lambda found: (-found.key, found.id))
        return Found(tuple(candidates[: plan.limit]), total)

    def count(self, node: Node) -> int:
        """Return how many documents match."""
        total = 0
        for part in self._parts:
            matching = part.matching(node)
            total += int(np.count_nonzero(matching)) if matching.dtype == bool else len(matching)
        return total

    def matches(self, node: Node) -> Iterator[tuple[Collection, Ids]]:
        """Yield each segment's documents that match, ascending."""
        for part in self._parts:
            matching = part.matching(node)
            yield part.collection, np.flatnonzero(matching) if matching.dtype == bool else matching

    def explain(self, ranking: Sequence[Scored], document_id: str) -> list[tuple[str, float]]:
        """Return what each scored leaf adds to a document's score."""
        weighted = self._weighted(ranking)
        for number, part in enumerate(self._parts):
            document = part.collection.find(document_id)
            if document >= 0 and part.collection.is_alive(document):
                at = np.array([document], dtype=np.intp)
                norms = part.collection.norms(self.statistics.average_length)
                return [
                    (_name(scored.node), float(part.added(leaf[number], weight, at, norms)[0]))
                    for scored, (leaf, weight) in zip(ranking, weighted, strict=True)
                ]
        return []

    def frequency(self, leaf: Term | Variants | Phrase | Keyword) -> tuple[int, int]:
        """Return document frequency and total frequency of a leaf, deleted documents included."""
        found = [part.leaves.find(leaf) for part in self._parts]
        total = 0
        for held in found:
            total += int((held.frequencies if isinstance(held, Listed) else held.rows.frequencies(held.number)).sum())
        return sum(held.df for held in found), total

    def part(self, collection: Collection) -> Part:
        """Return the question's view of a segment."""
        return next(part for part in self._parts if part.collection is collection)

    def _weighted(self, ranking: Sequence[Scored]) -> list[tuple[list[Held], float]]:
        """Each scored leaf as found in each segment, with boost times idf over all segments."""
        found = []
        for scored in ranking:
            held = [part.leaves.find(scored.node) for part in self._parts]
            frequency = sum(one.df for one in held)
            found.append((held, scored.boost * idf(frequency, self.statistics.documents) if frequency else 0.0))
        return found


class Part:
    """A question's view of one segment."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.leaves = Leaves(collection)
        self._sets: dict[Node, Ids | Bools] = {}
        self._counts: dict[tuple[Node, ...], npt.NDArray[np.uint8] | npt.NDArray[np.uint16]] = {}

    # Matching

    def matching(self, node: Node) -> Ids | Bools:
        """Return the documents that match and are not deleted."""
        found = self._set(node)
        alive = self.collection.alive
        if alive is None:
            return found
        return found & alive if found.dtype == bool else found[alive[found]]

    def _set(self, node: Node) -> Ids | Bools:
        found = self._sets.get(node)
        if found is None:
            found = self._sets[node] = self._evaluate(node)
        return found

    def _evaluate(self, node: Node) -> Ids | Bools:
        size = self.collection.size
        match node:
            case Everything():
                return np.ones(size, dtype=bool)
            case And(nodes):
                return self._all(nodes)
            case Or(nodes):
                return self._at_least(nodes, 1)
            case AtLeast(nodes, count):
                return self._at_least(nodes, count)
            case Not(inner):
                return ~self._mask(inner)
            case DateRange():
                return self._dated(node)
            case _:
                held = self.leaves.find(node)
                return held.rows.holds(held.number).view(bool) if isinstance(held, Row) else held.documents

    def _mask(self, node: Node) -> Bools:
        return _as_mask(self._set(node), self.collection.size)

    def _all(self, nodes: Sequence[Node]) -> Ids | Bools:
        """The cheapest list first, what it holds is tested against the others."""
        rest = [node for node in nodes if not isinstance(node, Everything)]
        if not rest:
            return np.ones(self.collection.size, dtype=bool)
        rest.sort(key=self._cost)
        first, *others = rest
        found: Ids | Bools = self._set(first)
        for node in others:
            if found.dtype == bool:
                other = self._set(node)
                found = found & other if other.dtype == bool else other[found[other]]
            else:
                found = self._keep(found, node)
        return found

    def _keep(self, documents: Ids, node: Node) -> Ids:
        """Return those of some documents (ascending) that match."""
        collection = self.collection
        match node:
            case Term() | Variants() | Prefix() | Keyword():
                held = self.leaves.find(node)
                if isinstance(held, Listed) and held.df > 4 * len(documents):
                    return keep(documents, held)
                if isinstance(held, Row):
                    return keep(documents, held)
                return _both(documents, held.documents, collection.size)
            case DateRange(first, last):
                starts, ends = collection.first_day[documents], collection.last_day[documents]
                kept = starts > 0
                if first is not None:
                    kept &= ends >= day_number(first)
                if last is not None:
                    kept &= starts <= day_number(last)
                return documents[kept]
            case And(nodes):
                for inner in sorted(nodes, key=self._cost):
                    documents = self._keep(documents, inner)
                return documents
            case Not(inner):
                return np.setdiff1d(documents, self._keep(documents, inner), assume_unique=True)
            case Everything():
                return documents
            case _:
                found = self._set(node)
                return documents[found[documents]] if found.dtype == bool else _both(documents, found, collection.size)

    def _cost(self, node: Node) -> int:
        """About how many documents match; what is not known cheaply comes last."""
        match node:
            case Term() | Variants() | Prefix() | Keyword():
                return self.leaves.find(node).df
            case And(nodes) if nodes:
                return min(self._cost(inner) for inner in nodes)
            case Phrase(parts):
                return min(self._cost(part) for part in parts)
            case Everything() | DateRange() | Not():
                return 2 * self.collection.size
            case Or(nodes) | AtLeast(nodes, _):
                return min(self.collection.size, sum(self._cost(inner) for inner in nodes))
            case _:
                return self.collection.size

    def _at_least(self, nodes: Sequence[Node], count: int) -> Ids | Bools:
        size = self.collection.size
        if count <= 0:
            return np.ones(size, dtype=bool)
        if count > len(nodes):
            return np.zeros(0, dtype=np.intp)
        if count == len(nodes) > 1:
            return self._all(nodes)
        if len(nodes) == 1:
            return self._set(nodes[0])
        held = self._held(tuple(nodes))
        return held >= count

    def _held(self, nodes: tuple[Node, ...]) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
        """How many of the nodes each document matches; kept, since "any" and "enough" are asked one after the other."""
        known = self._counts.get(nodes)
        if known is not None:
            return known
        held: npt.NDArray[np.uint8] | npt.NDArray[np.uint16] = np.zeros(self.collection.size, dtype=np.uint8 if len(nodes) < 256 else np.uint16)
        for node in nodes:
            found = self._set(node)
            if found.dtype == bool:
                held += found.view(np.uint8)
            else:
                held[found] += 1
        self._counts[nodes] = held
        return held

    def _dated(self, node: DateRange) -> Ids:
        """Documents are in the order of their first days: a slice, and those before it that reach into it."""
        collection = self.collection
        first = day_number(node.first) if node.first else 1
        low = int(np.searchsorted(collection.first_day, max(1, first)))
        high = int(np.searchsorted(collection.first_day, day_number(node.last), side="right")) if node.last else collection.size
        inexact = collection.inexact[: np.searchsorted(collection.inexact, min(low, high))]
        reaching = inexact[(collection.last_day[inexact] >= first) & (collection.first_day[inexact] > 0)]
        within = np.arange(low, max(low, high))
        return np.concatenate([reaching, within]) if len(reaching) else within

    # Ranking

    def first(self, matching: Ids | Bools, leaves: Sequence[tuple[Held, float]], plan: Plan, average: float) -> list[ScoredDocument]:
        """Return the matching documents that may be among the first, ties at the end of the list included."""
        collection = self.collection
        norms = collection.norms(average)
        leaves = [(held, weight) for held, weight in leaves if held.df and weight]
        if plan.sort != "relevance":
            documents = np.flatnonzero(matching) if matching.dtype == bool else matching
            documents, keys = self._by_date(documents, plan)
            scores = self._scores(documents, leaves, norms)
        elif plan.after is not None or not leaves:
            documents = np.flatnonzero(matching) if matching.dtype == bool else matching
            scores = self._scores(documents, leaves, norms)
            documents, keys, scores = self._best(documents, scores.astype(np.float64), scores, plan)
        else:
            documents, scores = self._ranked(matching, leaves, norms, plan.limit)
            documents, keys, scores = self._best(documents, scores.astype(np.float64), scores, plan)
        ids = [collection.id_of(d) for d in documents.tolist()]
        return [ScoredDocument(name, s, k) for name, s, k in zip(ids, scores.tolist(), keys.tolist(), strict=True)]

    def added(self, held: Held, weight: float, documents: Ids, norms: Floats) -> Floats:
        """Return what a leaf adds to the scores of some documents (ascending)."""
        if isinstance(held, Row):
            frequencies = held.rows.frequencies_of(held.number, documents).astype(np.float32)
            return np.float32(weight) * (frequencies / (frequencies + norms[documents]))
        added = np.zeros(len(documents), dtype=np.float32)
        if held.df and len(documents):
            at = np.searchsorted(held.documents, documents)
            at[at == held.df] = 0
            inside = np.flatnonzero(held.documents[at] == documents)
            frequencies = held.frequencies[at[inside]].astype(np.float32)
            added[inside] = np.float32(weight) * (frequencies / (frequencies + norms[documents[inside]]))
        return added

    def _scores(self, documents: Ids, leaves: Sequence[tuple[Held, float]], norms: Floats) -> Floats:
        """Score some documents in the order in which ``_ranked`` adds."""
        scores = np.zeros(len(documents), dtype=np.float32)
        if len(documents):
            for held, weight in _adding_order(leaves):
                scores += self.added(held, weight, documents, norms)
        return scores

    def _ranked(
        self, matching: Ids | Bools, leaves: Sequence[tuple[Held, float]], norms: Floats, limit: int
    ) -> tuple[Ids, Floats]:
        """Return documents and scores, the best ``limit`` and their ties among them.

        Lists are scattered into all scores; rows, which most documents hold, are only read where a document can still be
        among the best: every row adds less than its weight.
        """
        collection = self.collection
        ordered = _adding_order(leaves)
        if matching.dtype != bool and len(matching) * 4 < sum(held.df for held, _ in ordered if isinstance(held, Listed)) / max(1, len(ordered)):
            return matching, self._scores(matching, ordered, norms)
        scores = np.zeros(collection.size, dtype=np.float32)
        rows: list[tuple[Row, float]] = []
        for held, weight in ordered:
            if isinstance(held, Row):
                rows.append((held, weight))
                continue
            frequencies = held.frequencies.astype(np.float32)
            share = norms[held.documents]
            share += frequencies
            np.divide(frequencies, share, out=share)
            share *= np.float32(weight)
            np.add.at(scores, held.documents, share)
        if matching.dtype != bool:
            found = scores[matching]
            for row, weight in rows:
                found += self.added(row, weight, matching, norms)
            return matching, found
        scores[~matching] = -1.0
        return self._prune(scores, rows, norms, limit)

    def _prune(self, scores: Floats, rows: list[tuple[Row, float]], norms: Floats, limit: int) -> tuple[Ids, Floats]:
        """Add rows to scores (-1 for documents that do not match) where it can matter; return the documents left."""
        bounds = [weight * _largest_share(row, norms) for row, weight in rows]
        while rows:
            reached = _kth_largest(scores, limit)
            left = float(np.sum(bounds))
            if 0 < reached and left < 4 * reached:
                break
            row, weight = rows.pop(0)  # lists tell documents too little apart: this row is read in full
            bounds.pop(0)
            frequencies = row.rows.frequencies(row.number).astype(np.float32)
            added = np.float32(weight) * (frequencies / (frequencies + norms))
            np.add(scores, added, out=scores, where=scores >= 0)
        reached = max(_kth_largest(scores, limit), 0.0)
        if not rows:
            documents = np.flatnonzero(scores >= reached)
            return documents, scores[documents]
        probe = np.flatnonzero(scores >= reached)[:_PROBE]
        exact = scores[probe]
        for row, weight in rows:
            exact = exact + self.added(row, weight, probe, norms)
        threshold = float(np.partition(exact, len(exact) - limit)[len(exact) - limit]) if len(exact) >= limit else 0.0
        left = float(np.sum(bounds))
        documents = np.flatnonzero(scores >= max(0.0, threshold - left - 1e-4))
        found = scores[documents]
        for (row, weight), bound in zip(rows, bounds, strict=True):
            found = found + self.added(row, weight, documents, norms)
            left -= bound
            kept = found >= threshold - max(left, 0.0) - 1e-4
            documents, found = documents[kept], found[kept]
        return documents, found

    def _best(
        self, documents: Ids, keys: npt.NDArray[np.float64], scores: Floats, plan: Plan
    ) -> tuple[Ids, npt.NDArray[np.float64], Floats]:
        """Cut documents with keys down to those that come first, after the place where the page begins."""
        if plan.after is not None:
            kept = self._after(documents, keys, plan.after)
            documents, keys, scores = documents[kept], keys[kept], scores[kept]
        if len(documents) > plan.limit:
            threshold = np.partition(keys, len(keys) - plan.limit)[len(keys) - plan.limit]
            kept = np.flatnonzero(keys >= threshold)
            if len(kept) > plan.limit:  # ties at the end: their ids decide
                kept = kept[np.lexsort((self.collection.id_rank[documents[kept]], -keys[kept]))[: plan.limit]]
            documents, keys, scores = documents[kept], keys[kept], scores[kept]
        return documents, keys, scores

    def _after(self, documents: Ids, keys: npt.NDArray[np.float64], after: tuple[float, str]) -> Bools:
        key, last_id = after
        kept = keys < key
        tied = np.flatnonzero(keys == key)
        wanted = last_id.encode("utf-8", "surrogatepass")
        kept[[i for i in tied.tolist() if self.collection.ids[int(documents[i])] > wanted]] = True
        return kept

    def _by_date(self, documents: Ids, plan: Plan) -> tuple[Ids, npt.NDArray[np.float64]]:
        """Newest: by the last day a date may mean. Oldest: by the first. Undated documents last."""
        collection = self.collection
        if plan.sort == "newest":
            keys = collection.last_day[documents].astype(np.float64)
        else:
            starts = collection.first_day[documents]
            keys = np.where(starts > 0, -starts.astype(np.float64), _UNDATED)
        documents, keys, _ = self._best(documents, keys, np.zeros(len(documents), dtype=np.float32), plan)
        order = np.argsort(documents)
        return documents[order], keys[order]


def _adding_order(leaves: Sequence[tuple[Held, float]]) -> list[tuple[Held, float]]:
    """Lists first, then rows by falling weight: scores come out the same whichever way they are added up."""
    return sorted(leaves, key=lambda leaf: (isinstance(leaf[0], Row), -leaf[1] if isinstance(leaf[0], Row) else 0))


def _largest_share(row: Row, norms: Floats) -> float:
    """The most that tf / (tf + norm) comes to in a row, from above."""
    most = 15.0 if not len(row.rows.overflow(row.number)[0]) else float("inf")
    return most / (most + float(norms.min())) if most < float("inf") else 1.0


def _kth_largest(scores: Floats, k: int) -> float:
    """A value that at least k documents reach: the k-th largest of the maxima of blocks, or exactly for short arrays."""
    if len(scores) < 64 * max(k, _BLOCKS):
        return float(np.partition(scores, len(scores) - k)[len(scores) - k]) if len(scores) >= k else 0.0
    blocks = max(_BLOCKS, 8 * k)
    width = len(scores) // blocks
    maxima = scores[: blocks * width].reshape(width, blocks).max(axis=0)
    return float(np.partition(maxima, blocks - k)[blocks - k])


def _as_mask(found: Ids | Bools, size: int) -> Bools:
    if found.dtype == bool:
        return found
    mask = np.zeros(size, dtype=bool)
    mask[found] = True
    return mask


def _both(first: Ids, second: Ids, size: int) -> Ids:
    """Intersect two lists of like length."""
    if not len(first) or not len(second):
        return first[:0]
    mask = np.zeros(size, dtype=bool)
    mask[second] = True
    return first[mask[first]]


def _name(node: Term | Variants | Phrase) -> str:
    if isinstance(node, Phrase):
        return '"' + " ".join(_name(part).split(":", 1)[1] for part in node.parts) + '"'
    return f"{node.field}:{node.text.split(SEPARATOR)[1] if isinstance(node, Term) else node.folded + ' (không dấu)'}"
