"""BM25 as Lucene computes it: https://github.com/apache/lucene, BM25Similarity and SmallFloat.

k1 1.6, b 0.75, idf ln(1 + (N - n + 0.5) / (n + 0.5)); lengths rounded to the 256 values that one byte holds.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

#: Lucene's own is 1.2. Where titles and leads count several times, frequencies run higher: on 1,500 titles that look for their
#: bodies 1.6 gave MRR@10 .769 against .766 with accents, .755 against .751 without.
K1 = 1.6
B = 0.75


def byte_to_int(code: int) -> int:
    """Return the length that ``code`` stands for (SmallFloat.byte4ToInt): exact to 39, then with three bits of mantissa."""
    if code < 24:
        return code
    bits = code - 24
    mantissa, shift = bits & 7, bits >> 3
    return 24 + (mantissa if shift == 0 else (mantissa | 8) << (shift - 1))


#: The length that each byte stands for.
LENGTHS = np.array([byte_to_int(code) for code in range(256)], dtype=np.int64)


def length_codes(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Return lengths as Lucene's one byte keeps them: the largest representable value that is not greater."""
    return (np.searchsorted(LENGTHS, lengths, side="right") - 1).astype(np.uint8)


def idf(frequency: int, documents: int) -> float:
    """Return the weight of a term that ``frequency`` of ``documents`` hold."""
    return math.log(1 + (documents - frequency + 0.5) / (frequency + 0.5))
