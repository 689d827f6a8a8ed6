"""Pairs of neighbouring terms, numbered in the order of (folded form of the first, second, first).

Terms are numbered by (folded, accented), so all variants of one folded pair have numbers in a row.

    pairs.first    u4        for each folded form, the first pair that begins with it; one more than there are forms
    pairs.second   u4        the second term of each pair
    pairs.variant  u1|u2|u4  the first term of each pair, less the first term of its folded form
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from searcher.engine.sections import Array, SectionReader, SectionWriter

Ints = npt.NDArray[np.int64]


class PairWriter:
    """Writes the dictionary of pairs, in order."""

    def __init__(self, out: SectionWriter, name: str, fold_first: Ints) -> None:
        self._out, self._name, self._fold_first = out, name, fold_first
        widest = int(np.diff(fold_first).max(initial=1))
        self._dtype = np.uint8 if widest <= 1 << 8 else np.uint16 if widest <= 1 << 16 else np.uint32
        self._counts = np.zeros(len(fold_first), dtype=np.int64)

    def add(self, folded: Ints, second: Ints, variant: Ints) -> None:
        """Append pairs: the first term's folded form, the second term, the first term less the first of its form."""
        self._counts += np.bincount(folded + 1, minlength=len(self._counts))
        self._out.append(f"{self._name}.second", second.astype(np.uint32))
        self._out.append(f"{self._name}.variant", variant.astype(self._dtype))

    def finish(self) -> None:
        """Write where each folded form's pairs begin."""
        self._out.append(f"{self._name}.first", np.cumsum(self._counts).astype(np.uint32))


class PairDictionary:
    """Numbers of pairs by their terms' numbers."""

    def __init__(self, source: SectionReader, name: str, fold_first: Array) -> None:
        self.first = source.array(f"{name}.first", "u4")
        self.second = source.array(f"{name}.second", "u4")
        self.variant = source.array(f"{name}.variant")
        self._fold_first = fold_first
        self._firsts, self._seconds, self._variants = self.first.data, self.second.data, self.variant.data

    def number(self, folded: int, first: int, second: int) -> int:
        """Return the number of a pair, -1 if there is none; ``folded`` is the folded form of ``first``."""
        a, b = self._range(folded, second, second + 1)
        variant = first - int(self._fold_first[folded])
        return next((pair for pair in range(a, b) if self._variants[pair] == variant), -1)

    def range(self, folded: int, folded_second: int) -> tuple[int, int]:
        """Return first and end (exclusive) of the pairs whose terms have these folded forms."""
        return self._range(folded, int(self._fold_first[folded_second]), int(self._fold_first[folded_second + 1]))

    def terms(self, first: int, end: int) -> tuple[Ints, Ints, Ints]:
        """Return folded form of the first term, second term, and variant of pairs ``first`` to ``end`` (exclusive)."""
        folded = np.searchsorted(self.first, np.arange(first, end), side="right") - 1
        return folded, self.second[first:end].astype(np.int64), self.variant[first:end].astype(np.int64)

    def _range(self, folded: int, low: int, high: int) -> tuple[int, int]:
        a, b = self._firsts[folded], self._firsts[folded + 1]
        a = bisect_left(self._seconds, low, a, b)
        return a, bisect_left(self._seconds, high, a, b)


def bits(largest: int) -> int:
    """How many bits a number from 0 to ``largest`` takes."""
    return max(1, int(largest).bit_length())


def pack(columns: Sequence[tuple[Ints, int]]) -> npt.NDArray[np.uint64] | None:
    """Put columns of (values, bits) into one sortable number each, the first column highest; None if they need more than 64."""
    if sum(width for _, width in columns) > 64:
        return None
    packed = np.zeros(len(columns[0][0]), dtype=np.uint64)
    for values, width in columns:
        packed <<= np.uint64(width)
        packed |= values.astype(np.uint64)
    return packed
