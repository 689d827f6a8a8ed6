"""Other names of what a query asks for: abbreviations written out and full forms abbreviated, wards under old and new names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from searcher.vietnamese.analysis import Analyser, Token
from searcher.vietnamese.names import Names, renamed_units, unit_syllables
from searcher.vietnamese.normalise import fold
from searcher.vietnamese.spelling import other_spelling

_LONGEST = 8
_UNIT_WORDS = frozenset({"phuong", "xa", "thi"})


@dataclass(frozen=True, slots=True)
class Synonym:
    """Tokens ``start`` to ``end`` (exclusive) of a run of words also go by ``tokens``; ``note`` says so to the user."""

    start: int
    end: int
    tokens: tuple[Token, ...]
    note: str


def synonyms(tokens: Sequence[Token], analyser: Analyser, names: Names, *, folded: bool) -> Iterator[Synonym]:
    """Yield the other names of parts of ``tokens``; an accented query must match them accent by accent."""
    at = 0
    while at < len(tokens):
        for end in range(min(len(tokens), at + _LONGEST), at, -1):
            text = " ".join(token.folded if folded else token.accented for token in tokens[at:end])
            others = [(other, f"cũng tìm: {other}" + (f" ({why})" if why else "")) for other, why in names.of(text, folded=folded)]
            if tokens[at].folded in _UNIT_WORDS and end - at > 1:
                others += [(name, f"cũng tìm: {name} ({why})") for name, why in renamed_units().get(fold(text), ())]
            if others:
                for other, note in others:
                    yield Synonym(at, end, tuple(analyser.tokens(other)), note)
                at = end - 1
                break
        at += 1


def spellings(tokens: Sequence[Token], analyser: Analyser) -> Iterator[Synonym]:
    """Yield syllables of accented ``tokens`` with i for y or y for i; names of wards and communes have one spelling alone."""
    pairs = [(a.accented, b.accented) for a, b in pairwise(tokens)]
    for at, token in enumerate(tokens):
        other = other_spelling(token.accented)
        if other is not None and not any(pair in unit_syllables() for pair in pairs[max(0, at - 1) : at + 1]):
            yield Synonym(at, at + 1, tuple(analyser.tokens(other)), f"cũng tìm: {other}")
