"""Sorted strings in two sections: their bytes one behind the other, and where each begins."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from searcher.engine.sections import SectionReader, SectionWriter

Ints = npt.NDArray[np.int64]

#: Look-ups remembered, a segment and field.
REMEMBERED = 50_000
_SAMPLE = 32  # every so many strings one is kept in memory


def to_bytes(text: str) -> bytes:
    """Return a term, id or value as the index keeps it."""
    return text.encode("utf-8", "surrogatepass")


def write_strings(out: SectionWriter, name: str, values: Sequence[bytes]) -> None:
    """Write ``values`` (sorted, for ``Dictionary``; in any order, for ``Strings``)."""
    lengths = np.fromiter(map(len, values), dtype=np.int64, count=len(values))
    out.append(f"{name}.at", np.concatenate([[0], np.cumsum(lengths)]).astype(np.uint32 if lengths.sum() < 1 << 32 else np.uint64))
    out.append_bytes(f"{name}.bytes", b"".join(values))


class Strings:
    """Byte strings by number."""

    def __init__(self, source: SectionReader, name: str) -> None:
        self._bytes = source.array(f"{name}.bytes").data
        self._at = source.array(f"{name}.at", "u4").data

    def __len__(self) -> int:
        return max(0, len(self._at) - 1)

    def __getitem__(self, number: int) -> bytes:
        return self._bytes[self._at[number] : self._at[number + 1]].tobytes()

    def all(self) -> list[bytes]:
        """Return all strings."""
        whole, at = bytes(self._bytes), self._at.tolist()
        return [whole[a:b] for a, b in pairwise(at)]


class Dictionary(Strings):
    """Sorted byte strings: numbers by string, too. Look-ups are remembered."""

    def __init__(self, source: SectionReader, name: str) -> None:
        super().__init__(source, name)
        self._known: dict[bytes, int] = {}
        self._sampled = [self[number] for number in range(0, len(self), _SAMPLE)]

    def first_from(self, wanted: bytes) -> int:
        """Return the number of the first string that is not smaller."""
        sampled = bisect_left(self._sampled, wanted)
        low, high = max(0, (sampled - 1) * _SAMPLE + 1), min(len(self), sampled * _SAMPLE)
        while low < high:
            middle = (low + high) // 2
            if self[middle] < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def number(self, wanted: bytes) -> int:
        """Return the number of a string, -1 if there is none."""
        found = self._known.get(wanted)
        if found is None:
            at = self.first_from(wanted)
            found = at if at < len(self) and self[at] == wanted else -1
            if len(self._known) > REMEMBERED:
                self._known.clear()
            self._known[wanted] = found
        return found

    def range(self, prefix: bytes) -> tuple[int, int]:
        """Return first and end (exclusive) of the strings that begin with ``prefix``; terms hold no byte 255."""
        return self.first_from(prefix), self.first_from(prefix + b"\xff")

    def items(self, first: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Yield numbers and strings of a range."""
        for number in range(first, end):
            yield number, self[number]


def merge_strings(sources: Sequence[Sequence[bytes]]) -> tuple[list[bytes], list[Ints]]:
    """Return the sorted union of several lists, and for each list its strings' numbers in it."""
    merged = sorted(set().union(*sources)) if sources else []
    numbers = {value: i for i, value in enumerate(merged)}
    return merged, [np.fromiter(map(numbers.__getitem__, source), dtype=np.int64, count=len(source)) for source in sources]
