"""Scores of a plan's leaves in one segment: all that can be among the best, and no more, is added up exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from searcher.engine.collection import Bools, Collection, Floats
from searcher.engine.leaves import Batch, Found, Listed, Row, frequencies_in
from searcher.engine.postings import Counts, Ids
from searcher.engine.sets import as_list, is_mask

_BLOCKS = 256
#: Candidates that are scored exactly to learn what the best documents reach at least.
PROBE = 1024
_LEAST = 1e-30
#: What rounding may take from a sum of scores.
_SLACK = 1e-4


class Ranking:
    """The scored leaves of a plan in one segment.

    Scores are added up in one order however they are computed: the batch of lists, other lists, rows by falling weight.
    """

    def __init__(self, collection: Collection, weights: Sequence[float], batch: Batch, average: float) -> None:
        self._size = collection.size
        self._norms = collection.norms(average)
        self._batch = batch
        self._weights = np.array([weights[leaf] for leaf in batch.order], dtype=np.float32)
        batched = set(batch.order)
        self._lists: list[tuple[Listed, float]] = []
        rows: list[tuple[Row, float]] = []
        for leaf, (held, weight) in enumerate(zip(batch.found, weights, strict=True)):
            if isinstance(held, Row):
                rows.append((held, weight))
            elif leaf not in batched and held.df:
                self._lists.append((held, weight))
        rows.sort(key=lambda row: -row[1])
        self._rows = [row.number for row, _ in rows]
        self._table = rows[0][0].rows if rows else None
        self._row_weights = [np.float32(weight) for _, weight in rows]

    @property
    def empty(self) -> bool:
        """Whether no document gets any score."""
        return not (len(self._batch.documents) or self._lists or self._rows)

    def scores_of(self, documents: Ids) -> Floats:
        """Score some documents (ascending)."""
        scores = np.zeros(len(documents), dtype=np.float32)
        if not len(documents):
            return scores
        bounds = self._batch.bounds.tolist()
        for leaf, weight in enumerate(self._weights):
            part = slice(bounds[leaf], bounds[leaf + 1])
            scores += added(Listed(self._batch.documents[part], self._batch.frequencies[part]), weight, documents, self._norms)
        for held, weight in self._lists:
            scores += added(held, weight, documents, self._norms)
        return self._add_rows(scores, documents, 0)

    def best(self, matching: Ids | Bools, limit: int) -> tuple[Ids, Floats]:
        """Return documents and scores, the best ``limit`` and their ties among them.

        Lists are scattered into the scores of all documents; rows, which many documents hold, are only read where a document
        can still be among the best: no row adds more than its weight.
        """
        if not is_mask(matching) and 8 * len(matching) < len(self._batch.documents) / max(1, len(self._weights)):
            documents = as_list(matching)
            return documents, self.scores_of(documents)
        scores = self._scattered()
        if not is_mask(matching):
            documents = as_list(matching)
            return documents, self._add_rows(scores[documents], documents, 0)
        scores *= matching
        documents, found = self._pruned(scores, matching, limit)
        if len(documents) >= limit:
            return documents, found
        documents = as_list(matching)  # fewer than asked for have a score
        return documents, self.scores_of(documents)

    def _scattered(self) -> Floats:
        scores = np.zeros(self._size, dtype=np.float32)
        _scatter(scores, self._batch.documents, self._batch.frequencies, np.repeat(self._weights, np.diff(self._batch.bounds)), self._norms)
        for held, weight in self._lists:
            _scatter(scores, held.documents, held.frequencies, np.float32(weight), self._norms)
        return scores

    def _add_rows(self, scores: Floats, documents: Ids, first: int) -> Floats:
        """Add what the rows from ``first`` on give to the scores of some documents (ascending)."""
        if self._table is not None and first < len(self._rows) and len(documents):
            frequencies = self._table.frequencies_of(self._rows[first:], documents).astype(np.float32)
            norms = self._norms[documents]
            for row, weight in zip(frequencies, self._row_weights[first:], strict=True):
                scores = scores + weight * (row / (row + norms))
        return scores

    def _pruned(self, scores: Floats, matching: Bools, limit: int) -> tuple[Ids, Floats]:
        """Return the matching documents with a positive score that may be among the best, with their scores."""
        done = 0
        while True:
            reached = _kth_largest(scores, limit)
            left = float(np.sum(self._row_weights[done:]))
            if not left:
                documents = (scores >= max(reached, _LEAST)).nonzero()[0]
                return documents, scores[documents]
            if reached > 0:
                probe = (scores >= reached).nonzero()[0][:PROBE]
                exact = self._add_rows(scores[probe], probe, done)
                threshold = float(np.partition(exact, len(exact) - limit)[len(exact) - limit])
                needed = threshold - left - _SLACK
                # With nothing needed, rows alone may bring a document among the best: any may be a candidate.
                documents = (scores >= needed).nonzero()[0]
                if needed > 0 and len(documents) <= max(PROBE, self._size // 16):
                    found = self._add_rows(scores[documents], documents, done)
                    kept = found >= threshold - _SLACK
                    return documents[kept], found[kept]
            # The lists tell the documents too little apart: the heaviest row is read in full.
            assert self._table is not None
            row = self._table.frequencies(self._rows[done]).astype(np.float32)
            row /= row + self._norms
            row *= self._row_weights[done]
            row *= matching
            scores += row
            done += 1


def _scatter(scores: Floats, documents: Ids, frequencies: Counts, weights: Floats | np.float32, norms: Floats) -> None:
    added = frequencies.astype(np.float32)
    share = norms[documents]
    share += added
    added /= share
    added *= weights
    np.add.at(scores, documents, added)


def added(held: Found, weight: float | np.float32, documents: Ids, norms: Floats) -> Floats:
    """Return what a leaf adds to the scores of some documents (ascending)."""
    if isinstance(held, Listed) and not held.df:
        return np.zeros(len(documents), dtype=np.float32)
    frequencies = frequencies_in(held, documents).astype(np.float32)
    return np.float32(weight) * (frequencies / (frequencies + norms[documents]))


def _kth_largest(scores: Floats, k: int) -> float:
    """A value that at least k documents reach: the k-th largest of the maxima of blocks, or exactly for short arrays."""
    if len(scores) < 64 * max(k, _BLOCKS):
        return float(np.partition(scores, len(scores) - k)[len(scores) - k]) if len(scores) >= k else 0.0
    blocks = max(_BLOCKS, 8 * k)
    width = len(scores) // blocks
    maxima = scores[: blocks * width].reshape(width, blocks).max(axis=0)
    return float(np.partition(maxima, blocks - k)[blocks - k])
