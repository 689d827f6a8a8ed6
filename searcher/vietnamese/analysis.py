r"""Text to index terms: syllables with positions, pairs of neighbouring syllables, words.

A term is written ``folded TAB accented`` ("ngap\tngập"). In a sorted dictionary the accented variants of one folded form
are thus neighbours, and one prefix scan finds what somebody who types no accents means. A pair is written alike, its two
syllables joined by a space ("ngap ung\tngập úng").

What stays whole (85,98 — 30/9/2025 — 123/QĐ-UBND — 1.234.567 — 19h30 — TP.HCM — addresses) is one token with one position;
its parts are further terms at the same position.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from searcher.vietnamese.normalise import IGNORABLE, fold, normalise

#: Raised whenever the same text may give other terms: indexes of another version are refused.
ANALYSIS_VERSION = 5
#: How often a title's terms count; the length counts them alike (BM25F with one shared field).
TITLE_WEIGHT = 3
#: How often each of the first tokens of an article's body counts: news says first what it is about. Measured on 1,500 titles
#: that look for their bodies among 35,407 articles (none of them in a test set): MRR@10 .753 → .766 with accents, .733 → .751
#: without; 45 to 130 tokens and weights of 2 to 4 are within .004 of that.
LEAD_LENGTH = 60
LEAD_WEIGHT = 3
SEPARATOR = "\t"
_LONGEST_TERM = 80
_MAX_CHUNKS = 200_000
_REMEMBERED_LENGTH = 64

_MARKS = "\u0300-\u036f" + IGNORABLE
_WORD = rf"[^\W_](?:[^\W_]|[{_MARKS}])*"
_LETTERS = rf"[^\W\d_](?:[^\W\d_]|[{_MARKS}])*"
_TOKEN = re.compile(
    rf"(?P<address>\w{{1,16}}://\S*[\w/]|[\w.+-]{{1,64}}@[\w-]{{1,64}}(?:\.[\w-]{{1,64}})+)"
    rf"|(?P<date>\d{{1,2}}/\d{{1,2}}(?:/\d{{4}})?(?![\w/]))"
    rf"|(?P<number>\d+(?:[.,]\d+)+(?!\w))"
    rf"|(?P<document>\d+(?:/\d{{4}})?[/-]{_LETTERS}\d*(?:[/-]{_LETTERS}\d*)*)"
    rf"|(?P<time>\d{{1,2}}[hHgG]\d{{2}}(?!\w))"
    rf"|(?P<abbreviation>(?:(?:[tT][pPxXtT]|[pPqQ]|[tT][hH]?[sS]|[pP]?[gG][sS]|[bB][sS])\.)+{_WORD})"
    rf"|(?P<word>{_WORD})"
)
_PARTS = re.compile(_WORD)
#: Marks that stand around words and are part of none.
_MARKS_AROUND = ".,;:!?…()[]“”\"'‘’«»"
_CHUNK = re.compile(r"\S+")
_THOUSANDS = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a text: its term, the terms of its parts, and where it stands (character offsets, end exclusive)."""

    term: str
    parts: tuple[str, ...]
    start: int
    end: int

    @property
    def terms(self) -> tuple[str, ...]:
        """All terms at this position."""
        return (self.term, *self.parts)

    @property
    def accented(self) -> str:
        """The token as it is written, normalised and in lower case."""
        return self.term.split(SEPARATOR)[1]

    @property
    def folded(self) -> str:
        """The token without accents."""
        return self.term.split(SEPARATOR)[0]


class Analyser:
    """Turns texts and queries into terms; remembers how chunks split. Not for several threads at once."""

    def __init__(self) -> None:
        self._chunks: dict[str, tuple[Token, ...]] = {}

    def tokens(self, text: str) -> Iterator[Token]:
        """Yield the tokens of ``text`` with their offsets in it."""
        for match in _CHUNK.finditer(text):
            base = match.start()
            for token in self._split(match[0]):
                yield Token(token.term, token.parts, base + token.start, base + token.end)

    def _split(self, chunk: str) -> tuple[Token, ...]:
        tokens = self._chunks.get(chunk)
        if tokens is None:
            tokens = tuple(tokens_of(chunk))
            if len(chunk) <= _REMEMBERED_LENGTH:
                if len(self._chunks) > _MAX_CHUNKS:
                    self._chunks.clear()
                self._chunks[chunk] = tokens
        return tokens


def term_of(text: str) -> str:
    """Return the term of one syllable, word or whole token."""
    return _remembered_term(text) if len(text) <= _REMEMBERED_LENGTH else _term(text)


def _term(text: str) -> str:
    accented = normalise(text).lower()[:_LONGEST_TERM]
    return f"{fold(accented)}{SEPARATOR}{accented}"


_remembered_term = lru_cache(_MAX_CHUNKS)(_term)


@lru_cache(_MAX_CHUNKS)
def pair_term(first: str, second: str) -> str:
    """Return the term of two neighbouring terms."""
    (folded, accented), (folded_too, accented_too) = first.split(SEPARATOR), second.split(SEPARATOR)
    return f"{folded} {folded_too}{SEPARATOR}{accented} {accented_too}"


def folded_prefix(folded: str) -> str:
    """Return the prefix that exactly the variants of ``folded`` share."""
    return folded + SEPARATOR


def tokens_of(chunk: str) -> Iterator[Token]:
    """Yield the tokens of a chunk without white space."""
    bare = chunk.strip(_MARKS_AROUND)
    if bare.isalpha():  # one syllable, perhaps with marks around it: most chunks
        term = term_of(bare)
        if term != SEPARATOR:
            start = chunk.index(bare)
            yield Token(term, (), start, start + len(bare))
        return
    for match in _TOKEN.finditer(chunk):
        kind, text = match.lastgroup, match[0]
        whole, parts = _whole_and_parts(kind or "", text)
        term = term_of(whole)
        if term != SEPARATOR:
            seen = dict.fromkeys(term_of(part) for part in parts)
            seen.pop(term, None)
            yield Token(term, tuple(seen), match.start(), match.end())


def _whole_and_parts(kind: str, text: str) -> tuple[str, Iterable[str]]:
    if kind == "word":
        return text, ()
    if kind == "date":
        numbers = [str(int(n)) for n in text.split("/")]
        return "/".join(numbers), ("/".join(numbers[:2]), *numbers)
    if kind == "number":
        if _THOUSANDS.fullmatch(text):
            return text, (re.sub("[.,]", "", text),)
        return text, _DIGITS.findall(text)
    if kind == "time":
        return text, _DIGITS.findall(text)
    return text, _PARTS.findall(text)
