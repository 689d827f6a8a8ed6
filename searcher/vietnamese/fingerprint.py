"""Telling one text in two versions from two texts: 64-bit fingerprints (simhash) over runs of three syllables."""

from __future__ import annotations

import re
import zlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from searcher.vietnamese.normalise import normalise

Hashes = npt.NDArray[np.uint64]

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")
_MULTIPLIERS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))
#: Texts below this many runs are too short to be told apart by them.
FEWEST = 40
#: Fingerprints of one text in two versions differ in so many bits at most …
NEAR = 12
#: … and share so much of their runs and of their numbers: weekly notices differ in little else than numbers.
ALIKE = 0.6
_SAME_NUMBERS = 0.8


def shingles(text: str) -> Hashes:
    """Return the distinct hashes of all runs of three syllables, ascending; case, form of Unicode and punctuation aside."""
    words = np.fromiter((_hash(word) for word in _WORD.findall(normalise(text).lower())), dtype=np.uint64)
    if len(words) < 3:
        return np.zeros(0, dtype=np.uint64)
    with np.errstate(over="ignore"):
        runs = words[:-2] * _MULTIPLIERS[0] + words[1:-1] * _MULTIPLIERS[1] + words[2:] * _MULTIPLIERS[2]
        runs ^= runs >> np.uint64(31)
        runs *= _MULTIPLIERS[1]
        runs ^= runs >> np.uint64(29)
    return np.unique(runs)


def simhash(runs: Hashes) -> int:
    """Return the fingerprint of a text: each bit is what most of its runs have there."""
    if not len(runs):
        return 0
    counts = np.unpackbits(runs.view(np.uint8).reshape(-1, 8), axis=1).sum(axis=0)
    return int(np.packbits(counts * 2 > len(runs)).view(np.uint64)[0])


def distances(fingerprint: int, others: Hashes) -> npt.NDArray[np.uint8]:
    """Return in how many bits each of ``others`` differs from ``fingerprint``."""
    found: npt.NDArray[np.uint8] = np.bitwise_count(others ^ np.uint64(fingerprint))
    return found


def same_story(first: str, second: str) -> bool:
    """Whether two texts are versions of one: they share most of their runs, and their numbers."""
    a, b = shingles(first), shingles(second)
    return _share(set(a.tolist()), set(b.tolist())) >= ALIKE and _share(_numbers(first), _numbers(second)) >= _SAME_NUMBERS


def _share(a: set[int] | set[str], b: set[int] | set[str]) -> float:
    return len(a & b) / len(a | b) if a or b else 1.0


def _numbers(text: str) -> set[str]:
    return set(_NUMBER.findall(text))


@lru_cache(100_000)
def _hash(word: str) -> int:
    content = word.encode("utf-8", "surrogatepass")
    return zlib.crc32(content) << 32 | zlib.adler32(content)
