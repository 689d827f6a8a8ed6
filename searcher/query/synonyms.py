"""Other names of what a query asks for: abbreviations written out and full forms abbreviated, wards under old and new names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from searcher.vietnamese.analysis import Analyser, Token
from searcher.vietnamese.names import abbreviations, renamed_units
from searcher.vietnamese.normalise import fold

_LONGEST = 8
_UNIT_WORDS = frozenset({"phuong", "xa", "thi"})


@dataclass(frozen=True, slots=True)
class Synonym:
    """Tokens ``start`` to ``end`` (exclusive) of a run of words also go by ``tokens``; ``note`` says so to the user."""

    start: int
    end: int
    tokens: tuple[Token, ...]
    note: str


def synonyms(tokens: Sequence[Token], analyser: Analyser, *, folded: bool) -> Iterator[Synonym]:
    """Yield the other names of parts of ``tokens``; an accented query must match them accent by accent."""
    short = _folded_abbreviations() if folded else abbreviations()
    at = 0
    while at < len(tokens):
        for end in range(min(len(tokens), at + _LONGEST), at, -1):
            text = " ".join(token.folded if folded else token.accented for token in tokens[at:end])
            others = [(other, f"cũng tìm: {other}") for other in short.get(text, ())]
            if tokens[at].folded in _UNIT_WORDS and end - at > 1:
                others += [(name, f"cũng tìm: {name} ({why})") for name, why in renamed_units().get(fold(text), ())]
            if others:
                for other, note in others:
                    yield Synonym(at, end, tuple(analyser.tokens(other)), note)
                at = end - 1
                break
        at += 1


@cache
def _folded_abbreviations() -> dict[str, tuple[str, ...]]:
    return {fold(name): others for name, others in abbreviations().items()}
