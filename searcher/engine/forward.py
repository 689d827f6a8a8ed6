"""The forward index: what each document holds, in order. Phrases, snippets and merges read it.

Two bytes an element:

    0               the end of a paragraph (the first one ends the title)
    1               the next element is a part of the token before it and stands at its position
    2 … 0xFDFF      one of the segment's frequent terms, by rank
    0xFE00 … 0xFFFF another term: (this - 0xFE00) × 0xFDFE + the two bytes that follow - 2
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from searcher.vietnamese.bulk import BREAK, PART, TOKEN

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint16]

BREAK_CODE, PART_CODE, FIRST_CODE, ESCAPE_CODE = 0, 1, 2, 0xFE00
_LOWS = ESCAPE_CODE - FIRST_CODE  # the second half of a rare term is never a break or a mark
#: Positions left empty between paragraphs, so that no phrase matches across them.
PARAGRAPH_GAP = 16


def frequent_terms(frequencies: Ints) -> Ints:
    """Return the terms that get a code of their own, most frequent first, with two places for the marks before them."""
    order = np.argsort(-frequencies, kind="stable")[: ESCAPE_CODE - FIRST_CODE]
    return np.concatenate([np.full(FIRST_CODE, -1), order])


def codes_of(frequent: Ints, terms: int) -> Ints:
    """Return each term's code, 0 for those without."""
    codes = np.zeros(terms, dtype=np.int64)
    codes[frequent[FIRST_CODE:]] = np.arange(FIRST_CODE, len(frequent))
    return codes


def encode(terms: Ints, kinds: npt.NDArray[np.uint8], codes: Ints) -> tuple[Codes, Ints]:
    """Return the codes of elements, and where each element's codes begin, with the end of all at the end."""
    code = np.where(kinds == BREAK, BREAK_CODE, codes[terms])
    rare = (code == 0) & (kinds != BREAK)
    part = kinds == PART
    bounds = np.concatenate([[0], np.cumsum(1 + part + rare)])
    out = np.zeros(bounds[-1], dtype=np.uint16)
    out[bounds[:-1][part]] = PART_CODE
    at = bounds[:-1] + part
    code[rare] = ESCAPE_CODE + terms[rare] // _LOWS
    if len(code) and code.max() > 0xFFFF:
        raise ValueError("a segment holds more than 33 million terms")
    out[at] = code
    out[at[rare] + 1] = terms[rare] % _LOWS + FIRST_CODE
    return out, bounds


def decode(codes: Codes, frequent: Ints) -> tuple[Ints, npt.NDArray[np.uint8], Ints]:
    """Return terms (-1 for breaks) and kinds of the elements, and at which code each begins or, for parts, is marked."""
    high = np.flatnonzero(codes >= ESCAPE_CODE)
    plain = np.ones(len(codes), dtype=bool)
    plain[high + 1] = False
    marks = np.flatnonzero(codes == PART_CODE)
    plain[marks] = False
    kinds = np.full(len(codes), TOKEN, dtype=np.uint8)
    kinds[marks + 1] = PART
    kinds[codes == BREAK_CODE] = BREAK
    terms = frequent[np.minimum(codes, len(frequent) - 1)]
    terms[high] = (codes[high].astype(np.int64) - ESCAPE_CODE) * _LOWS + codes[high + 1] - FIRST_CODE
    at = np.flatnonzero(plain)
    kinds = kinds[at]
    return terms[at], kinds, at - (kinds == PART)


def code_of(term: int, frequent: npt.NDArray[np.int32]) -> tuple[int, int]:
    """Return the code of a term and what follows it, -1 if nothing does."""
    place = np.flatnonzero(frequent[FIRST_CODE:] == term)
    if len(place):
        return int(place[0]) + FIRST_CODE, -1
    return ESCAPE_CODE + term // _LOWS, term % _LOWS + FIRST_CODE


def positions(kinds: npt.NDArray[np.uint8]) -> Ints:
    """Return the position of each element of one document; parts share their token's."""
    return np.cumsum(np.where(kinds == TOKEN, 1, np.where(kinds == BREAK, PARAGRAPH_GAP, 0))) - 1
