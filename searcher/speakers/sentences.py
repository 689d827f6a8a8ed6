"""Sentences of a news text with their offsets, safe against abbreviations and quotations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from searcher.vietnamese.normalise import IGNORABLE, normalise

_MARKS = "\u0300-\u036f" + IGNORABLE
_TOKEN = re.compile(rf"[^\W_](?:[^\W_]|[{_MARKS}]|['’](?=\w))*|\.\.\.|[^\w\s]|_")
#: A full stop behind these ends no sentence.
_ABBREVIATIONS = frozenset("tp q p h tx tt ht đđ lm bs ts ths gs pgs ks st tr đ ông.bà vd nxb số".split())
_ENDS = frozenset(".!?…")
_OPENING = "“\"«‘('["
_LONGEST_QUOTE = 900


@dataclass(frozen=True, slots=True)
class Token:
    """A syllable or a mark. ``lower`` is normalised; offsets are characters of the text."""

    text: str
    lower: str
    start: int
    end: int

    @property
    def capital(self) -> bool:
        """Whether it begins with a capital letter."""
        return self.text[0].isupper()


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence: its span in the text, its tokens, the number of its paragraph, its quotations (character spans)."""

    start: int
    end: int
    tokens: list[Token]
    paragraph: int
    quotes: list[tuple[int, int]]


def sentences(text: str) -> Iterator[Sentence]:
    """Yield the sentences of ``text``; a line break always ends one."""
    offset = 0
    for number, line in enumerate(text.split("\n")):
        tokens = [Token(m[0], normalise(m[0]).lower(), offset + m.start(), offset + m.end()) for m in _TOKEN.finditer(line)]
        quotes = _quotes(tokens)
        first = 0
        for i in range(len(tokens)):
            if _ends_here(tokens, i, quotes) or i == len(tokens) - 1:
                if any(t.text[0].isalnum() for t in tokens[first : i + 1]):
                    start, end = tokens[first].start, tokens[i].end
                    yield Sentence(start, end, tokens[first : i + 1], number, [q for q in quotes if start <= q[0] < end])
                first = i + 1
        offset += len(line) + 1


def _ends_here(tokens: list[Token], i: int, quotes: list[tuple[int, int]]) -> bool:
    token = tokens[i]
    if i + 1 >= len(tokens):
        return True
    following = tokens[i + 1]
    if (
        token.text in '”"»'
        and i
        and tokens[i - 1].text in _ENDS
        and not _inside(tokens[i - 1].start - 1, [q for q in quotes if q[1] > token.end])
    ):
        return following.capital
    if token.text not in _ENDS and token.text != "...":
        return False
    if _inside(token.start, quotes):
        return False
    if not (following.capital or following.text in _OPENING or following.text in "-–"):
        return False
    before = tokens[i - 1] if i else None
    if token.text == "." and before is not None and before.end == token.start:
        if before.lower in _ABBREVIATIONS or (len(before.text) == 1 and before.text.isupper()):
            return False
        if following.start == token.end:  # "cờ.Đồng chí" ends a sentence, "TP.HCM" does not
            return before.text.islower() and following.capital
    return True


def _quotes(tokens: list[Token]) -> list[tuple[int, int]]:
    """Character spans of quotations, marks included."""
    found: list[tuple[int, int]] = []
    opened: tuple[int, str] | None = None
    for token in tokens:
        if opened is None and token.text in '“"«':
            opened = (token.start, {"“": "”", "«": "»"}.get(token.text, '"'))
        elif opened is not None and (token.text == opened[1] or (opened[1] == "”" and token.text == '"')):
            if token.end - opened[0] <= _LONGEST_QUOTE:
                found.append((opened[0], token.end))
            opened = None
    return found


def _inside(position: int, spans: list[tuple[int, int]]) -> bool:
    return any(start < position < end - 1 for start, end in spans)
