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
from searcher.engine.collection import SCOPES, Bools, Collection, Floats
from searcher.engine.dictionary import to_bytes
from searcher.engine.leaves import Found as Held
from searcher.engine.leaves import Leaves, Listed, Row, keep
from searcher.engine.plan import And, AtLeast, DateRange, Everything, Keyword, Node, Not, Or, Phrase, Plan, Prefix, Scored, Term, Variants
from searcher.engine.postings import Ids
from searcher.engine.ranking import Ranking, added
from searcher.engine.scoring import idf
from searcher.engine.segment import SegmentReader
from searcher.engine.sets import as_list, as_mask, is_mask
from searcher.model import Scope
from searcher.vietnamese.analysis import SEPARATOR

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

    def find(self, document_id: str) -> tuple[Collection, int] | None:
        """Return where a living document stands."""
        for segment in self.segments:
            for scope in SCOPES:
                collection = segment.collection(scope)
                document = collection.find(document_id)
                if document >= 0 and collection.is_alive(document):
                    return collection, document
        return None


class Question:
    """One question to all segments: sets, counts and the ranking share what they look up."""

    def __init__(self, collections: Sequence[Collection]) -> None:
        self._parts = [Part(collection) for collection in collections if collection.size]
        documents = sum(part.collection.size for part in self._parts)
        length = sum(part.collection.total_length for part in self._parts)
        #: Where the documents stand that searches returned.
        self.places: dict[str, tuple[Collection, int]] = {}
        self.statistics = CollectionStatistics(documents, max(1.0, length / max(1, documents)))

    def search(self, plan: Plan) -> Found:
        """Return the first documents of a plan and how many match in all. Ties go by id, ascending."""
        total = 0
        candidates: list[ScoredDocument] = []
        nodes = [scored.node for scored in plan.ranking]
        batches = [part.leaves.batch(nodes) for part in self._parts]
        weights = self._weights(plan.ranking, [batch.found for batch in batches])
        for part, batch in zip(self._parts, batches, strict=True):
            matching = part.matching(plan.matching)
            count = part.count(matching)
            total += count
            if count and plan.limit:
                found = part.first(matching, Ranking(part.collection, weights, batch, self.statistics.average_length), plan)
                candidates += [scored for scored, _ in found]
                self.places.update((scored.id, (part.collection, document)) for scored, document in found)
        candidates.sort(key=lambda found: (-found.key, found.id))
        return Found(tuple(candidates[: plan.limit]), total)

    def count(self, node: Node) -> int:
        """Return how many documents match."""
        return sum(part.count(part.matching(node)) for part in self._parts)

    def matches(self, node: Node) -> Iterator[tuple[Collection, Ids]]:
        """Yield each segment's documents that match, ascending."""
        for part in self._parts:
            yield part.collection, as_list(part.matching(node))

    def explain(self, ranking: Sequence[Scored], document_id: str) -> list[tuple[str, float]]:
        """Return what each scored leaf adds to a document's score."""
        batches = [part.leaves.batch([scored.node for scored in ranking]) for part in self._parts]
        weights = self._weights(ranking, [batch.found for batch in batches])
        for part, batch in zip(self._parts, batches, strict=True):
            document = part.collection.find(document_id)
            if document >= 0 and part.collection.is_alive(document):
                at = np.array([document], dtype=np.intp)
                norms = part.collection.norms(self.statistics.average_length)
                shares = [added(held, weight, at, norms) for held, weight in zip(batch.found, weights, strict=True)]
                return [(_name(scored.node), float(score[0])) for scored, score in zip(ranking, shares, strict=True)]
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

    def _weights(self, ranking: Sequence[Scored], found: Sequence[Sequence[Held]]) -> list[float]:
        """Return boost times idf over all segments of each scored leaf, as found in each segment."""
        frequencies = [sum(held.df for held in leaf) for leaf in zip(*found, strict=True)]
        return [s.boost * idf(n, self.statistics.documents) if n else 0.0 for s, n in zip(ranking, frequencies, strict=True)]


class Part:
    """A question's view of one segment."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.leaves = Leaves(collection)
        self._sets: dict[Node, Ids | Bools] = {}
        self._counts: dict[tuple[Node, ...], npt.NDArray[np.uint16]] = {}

    # Matching

    def count(self, found: Ids | Bools) -> int:
        """Return how many documents a set holds."""
        return int(np.count_nonzero(found)) if is_mask(found) else len(found)

    def matching(self, node: Node) -> Ids | Bools:
        """Return the documents that match and are not deleted."""
        found = self._set(node)
        alive = self.collection.alive
        if alive is None:
            return found
        return found & alive if is_mask(found) else found[alive[found]]

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
        return as_mask(self._set(node), self.collection.size)

    def _all(self, nodes: Sequence[Node]) -> Ids | Bools:
        """The cheapest list first, what it holds is tested against the others."""
        rest = [node for node in nodes if not isinstance(node, Everything)]
        if not rest:
            return np.ones(self.collection.size, dtype=bool)
        rest.sort(key=self._cost)
        first, *others = rest
        found: Ids | Bools = self._set(first)
        for node in others:
            if is_mask(found):
                other = self._set(node)
                found = found & other if is_mask(other) else as_list(other)[found[other]]
            else:
                found = self._keep(as_list(found), node)
        return found

    def _keep(self, documents: Ids, node: Node) -> Ids:
        """Return those of some documents (ascending) that match."""
        collection = self.collection
        match node:
            case Term() | Variants() | Prefix() | Keyword():
                held = self.leaves.find(node)
                if isinstance(held, Row) or held.df > 4 * len(documents):
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
                return documents[found[documents]] if is_mask(found) else _both(documents, as_list(found), collection.size)

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
        return self._any(nodes) if count == 1 else self._held(tuple(nodes)) >= count

    def _any(self, nodes: Sequence[Node]) -> Bools:
        lists, rows, sets = self._sorted_out(nodes)
        size = self.collection.size
        mask = (
            np.unpackbits(rows[0].rows.union([row.number for row in rows]), count=size).view(bool) if rows else np.zeros(size, dtype=bool)
        )
        if lists:
            mask[np.concatenate(lists)] = True
        for found in sets:
            mask |= found
        return mask

    def _held(self, nodes: tuple[Node, ...]) -> npt.NDArray[np.uint16]:
        """How many of the nodes each document matches; kept, since "any" and "enough" are asked one after the other."""
        held = self._counts.get(nodes)
        if held is None:
            lists, rows, sets = self._sorted_out(nodes)
            held = np.zeros(self.collection.size, dtype=np.uint16)
            if lists:
                np.add.at(held, np.concatenate(lists), np.uint16(1))
            for row in rows:
                held += row.rows.holds(row.number)
            for found in sets:
                held += found
            self._counts[nodes] = held
        return held

    def _sorted_out(self, nodes: Sequence[Node]) -> tuple[list[Ids], list[Row], list[Bools]]:
        """Sort nodes into lists, rows and masks."""
        self.leaves.batch([node for node in nodes if isinstance(node, Term | Variants) and not self.leaves.knows(node)])
        lists: list[Ids] = []
        rows: list[Row] = []
        masks: list[Bools] = []
        for node in nodes:
            if isinstance(node, Term | Variants):
                held = self.leaves.find(node)
                if isinstance(held, Row):
                    rows.append(held)
                else:
                    lists.append(held.documents)
                continue
            found = self._set(node)
            if is_mask(found):
                masks.append(found)
            else:
                lists.append(as_list(found))
        return lists, rows, masks

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

    def first(self, matching: Ids | Bools, ranking: Ranking, plan: Plan) -> list[tuple[ScoredDocument, int]]:
        """Return the matching documents that may be among the first, and their numbers."""
        if plan.sort != "relevance":
            documents, keys = self._by_date(as_list(matching), plan)
            scores = ranking.scores_of(documents)
        else:
            if plan.after is not None or ranking.empty:
                documents = as_list(matching)
                scores = ranking.scores_of(documents)
            else:
                documents, scores = ranking.best(matching, plan.limit)
            documents, keys, scores = self._best(documents, scores.astype(np.float64), scores, plan)
        id_of = self.collection.id_of
        return [(ScoredDocument(id_of(d), s, k), d) for d, s, k in zip(documents.tolist(), scores.tolist(), keys.tolist(), strict=True)]

    def _best(
        self, documents: Ids, keys: npt.NDArray[np.float64], scores: Floats, plan: Plan
    ) -> tuple[Ids, npt.NDArray[np.float64], Floats]:
        """Cut documents with keys down to those that come first, after the place where the page begins."""
        if plan.after is not None:
            kept = self._after(documents, keys, plan.after)
            documents, keys, scores = documents[kept], keys[kept], scores[kept]
        if len(documents) > plan.limit:
            threshold = np.partition(keys, len(keys) - plan.limit)[len(keys) - plan.limit]
            first = (keys >= threshold).nonzero()[0]
            if len(first) > plan.limit:  # ties at the end: their ids decide
                first = first[np.lexsort((self.collection.id_rank[documents[first]], -keys[first]))[: plan.limit]]
            documents, keys, scores = documents[first], keys[first], scores[first]
        return documents, keys, scores

    def _after(self, documents: Ids, keys: npt.NDArray[np.float64], after: tuple[float, str]) -> Bools:
        key, last_id = after
        kept = keys < key
        tied = np.flatnonzero(keys == key)
        wanted = to_bytes(last_id)
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
