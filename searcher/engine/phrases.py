"""Phrases found in the forward index: the first part is looked for in all candidates at once, the others from there on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from searcher.engine.collection import Collection
from searcher.engine.forward import BREAK_CODE, ESCAPE_CODE, PART_CODE, code_of
from searcher.engine.postings import Counts, Ids
from searcher.vietnamese.analysis import LEAD_LENGTH, LEAD_WEIGHT, TITLE_WEIGHT

Bools = npt.NDArray[np.bool_]


def phrase_occurrences(collection: Collection, candidates: Ids, parts: Sequence[tuple[int, int]]) -> tuple[Ids, Counts]:
    """Return the candidates that hold a phrase, and how often; in title and lead, occurrences count as often as terms do.

    Each part is a range of terms (first, end exclusive) of which one must stand in its place.
    """
    at = collection.forward_at
    begins, stops = at[candidates].astype(np.intp), at[candidates + 1].astype(np.intp)
    # Three codes of nothing behind the last document, so that looking ahead never leaves the array.
    codes = np.concatenate(
        [*(collection.forward[a:b] for a, b in zip(begins.tolist(), stops.tolist(), strict=True)), np.zeros(3, np.uint16)]
    )
    ends = np.cumsum(stops - begins)
    tests = [_Part(collection, first, end) for first, end in parts]
    found = np.flatnonzero(tests[0].holds_any(codes))
    found = found[tests[0].holds(codes, found)]
    which = np.searchsorted(ends, found, side="right")
    token = found
    for test in tests[1:]:
        token = _next_token(codes, token)
        inside = token < ends[which]
        token, found, which = token[inside], found[inside], which[inside]
        held = test.holds(codes, token)
        part = token.copy()
        while True:  # the parts of the token stand at its position
            part = _behind(codes, part)
            marked = np.flatnonzero((codes[part] == PART_CODE) & ~held)
            if not len(marked):
                break
            part[codes[part] != PART_CODE] = len(codes) - 3  # nothing follows: stay where there are no marks
            part[marked] += 1
            held[marked] |= test.holds(codes, part[marked])
        token, found, which = token[held], found[held], which[held]
    if not len(found):
        return candidates[:0], np.zeros(0, dtype=np.uint32)
    weights = _weights(codes, found, which, np.concatenate([[0], ends])) if collection.scope == "articles" else np.ones(len(found))
    counts = np.bincount(which, weights=weights, minlength=len(candidates)).astype(np.uint32)
    return candidates[counts > 0], counts[counts > 0]


class _Part:
    """Which codes stand for a part of a phrase."""

    def __init__(self, collection: Collection, first: int, end: int) -> None:
        coded = [code_of(term, collection.frequent) for term in range(first, end)]
        self._codes = [code for code, low in coded if low < 0]
        self._rare = [(code, low) for code, low in coded if low >= 0]

    def holds_any(self, codes: npt.NDArray[np.uint16]) -> Bools:
        """Which codes may be the part; ``holds`` tells for sure."""
        wanted = [*self._codes, *{code for code, _ in self._rare}]
        if len(wanted) == 1:
            return np.asarray(codes == wanted[0])
        table = np.zeros(1 << 16, dtype=bool)
        table[wanted] = True
        return np.asarray(table[codes])

    def holds(self, codes: npt.NDArray[np.uint16], at: Ids) -> Bools:
        """Which places hold the part."""
        here = codes[at]
        held = np.isin(here, self._codes) if len(self._codes) != 1 else here == self._codes[0]
        # The second half of a rare term looks like a code.
        held &= (at == 0) | (codes[at - 1] < ESCAPE_CODE)
        for code, low in self._rare:
            held |= (here == code) & (codes[at + 1] == low)
        return np.asarray(held)


def _behind(codes: npt.NDArray[np.uint16], at: Ids) -> Ids:
    """Return the place behind each code, which may be the first half of a rare term."""
    return np.minimum(at + 1 + (codes[at] >= ESCAPE_CODE), len(codes) - 1)


def _next_token(codes: npt.NDArray[np.uint16], at: Ids) -> Ids:
    """Return the place of the token or break behind each code, parts passed over."""
    at = _behind(codes, at)
    while True:
        marked = np.flatnonzero(codes[at] == PART_CODE)
        if not len(marked):
            return at
        at[marked] = _behind(codes, at[marked] + 1)


def _weights(codes: npt.NDArray[np.uint16], found: Ids, which: Ids, bounds: Ids) -> npt.NDArray[np.float64]:
    """Return how often each occurrence counts, by where it begins; ``found`` ascends, ``which`` are its documents."""
    held = np.concatenate([[True], which[1:] != which[:-1]]).nonzero()[0]
    last = np.append(held[1:], len(found)) - 1
    breaks = (codes == BREAK_CODE).nonzero()[0]
    title_ends = breaks[breaks.searchsorted(bounds[which[held]])]
    # The codes of each document from the end of its title to its last occurrence, one behind the other.
    ends = np.maximum(found[last] + 1, title_ends)
    parts = np.concatenate([codes[a:b] for a, b in zip(title_ends.tolist(), ends.tolist(), strict=True)])
    begins = np.cumsum(ends - title_ends) - (ends - title_ends)
    # A part takes a mark and a code, a rare term two codes; a part that begins the phrase stands at its token.
    tokens = 1 - 2 * (parts == PART_CODE).astype(np.int32) - (parts == BREAK_CODE)
    tokens[1:] -= parts[:-1] >= ESCAPE_CODE
    counted = np.concatenate([[0], np.cumsum(tokens)])
    document = np.repeat(np.arange(len(held)), last - held + 1)
    within = found - title_ends[document]
    in_body = within > 0
    at = begins[document] + np.maximum(within, 0)
    number = counted[np.minimum(at + 1, len(counted) - 1)] - counted[begins[document]]
    return np.where(in_body, np.where(number <= LEAD_LENGTH, LEAD_WEIGHT, 1), TITLE_WEIGHT).astype(np.float64)
