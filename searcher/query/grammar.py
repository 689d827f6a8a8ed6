"""What may be typed into the box: words, "exact phrases", -exclusions and truncated* words.

Limits keep any query cheap: 512 characters, 64 terms (questions of 40 syllables are asked), 16 words a phrase, two letters before a ``*``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from searcher.errors import QueryError
from searcher.vietnamese.analysis import Analyser, Token

MAX_LENGTH = 512
MAX_TERMS = 64
MAX_PHRASE = 16
_QUOTES = {'"': '"', "“": "”", "”": "”", "«": "»"}
_CHUNK = re.compile(r"[^\s\"“”«»]+")


@dataclass(frozen=True, slots=True)
class Words:
    """Words to look for, as tokens in their order."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class ExactPhrase:
    """Tokens that must follow one another."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Truncated:
    """The beginning of a word."""

    token: Token


@dataclass(frozen=True, slots=True)
class Parsed:
    """A query in its parts; ``notes`` say what of it was not taken as typed."""

    words: tuple[Words, ...]
    phrases: tuple[ExactPhrase, ...]
    truncated: tuple[Truncated, ...]
    excluded: tuple[Words | ExactPhrase | Truncated, ...]
    notes: tuple[str, ...] = ()


def parse(text: str, analyser: Analyser) -> Parsed:
    """Split a query into its parts.

    Raises:
        QueryError: a ``*`` stands behind less than two letters, or a limit is exceeded.
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(f"the query has {len(text)} characters; at most {MAX_LENGTH} are allowed", MAX_LENGTH)
    words: list[Words] = []
    phrases: list[ExactPhrase] = []
    truncated: list[Truncated] = []
    excluded: list[Words | ExactPhrase | Truncated] = []
    notes: list[str] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        start = at
        negative = text[at] == "-" and at + 1 < len(text) and not text[at + 1].isspace() and (at == 0 or text[at - 1].isspace())
        at += negative
        part: Words | ExactPhrase | Truncated | None
        if text[at] in _QUOTES:
            end = text.find(_QUOTES[text[at]], at + 1)
            if end < 0 and text[at] == "“":
                end = text.find('"', at + 1)
            if end < 0:  # 12" or a mark typed by mistake: said, not refused
                notes.append(f"dấu ngoặc kép ở ký tự thứ {at + 1} không được đóng nên không tính")
                at += 1
                continue
            part = _phrase(text[at + 1 : end], at, analyser)
            at = end + 1
        else:
            match = _CHUNK.match(text, at)
            if match is None:  # a closing mark that nothing opened says nothing
                at += 1
                continue
            part = _word(match[0], at, analyser)
            at = match.end()
        if part is None:
            continue
        if negative:
            excluded.append(part)
        elif isinstance(part, Words):
            # Words next to each other belong together: their pairs count.
            adjacent = words and not text[:start].rstrip().endswith(('"', "”", "»")) and not _was_excluded(text, start)
            if adjacent:
                words[-1] = Words(words[-1].tokens + part.tokens)
            else:
                words.append(part)
        elif isinstance(part, ExactPhrase):
            phrases.append(part)
        else:
            truncated.append(part)
    parsed = Parsed(tuple(words), tuple(phrases), tuple(truncated), tuple(excluded), tuple(notes))
    number = sum(len(w.tokens) for w in words) + len(phrases) + len(truncated) + len(excluded)
    if number > MAX_TERMS:
        raise QueryError(f"the query has {number} terms; at most {MAX_TERMS} are allowed")
    return parsed


def _was_excluded(text: str, start: int) -> bool:
    before = text[:start].split()
    return bool(before) and before[-1].startswith("-") and len(before[-1]) > 1


def _phrase(text: str, at: int, analyser: Analyser) -> ExactPhrase | Words | None:
    tokens = tuple(analyser.tokens(text))
    if len(tokens) > MAX_PHRASE:
        raise QueryError(f"the phrase at character {at + 1} has {len(tokens)} words; at most {MAX_PHRASE} are allowed", at)
    return ExactPhrase(tokens) if tokens else None


def _word(text: str, at: int, analyser: Analyser) -> Words | Truncated | None:
    tokens = tuple(analyser.tokens(text))
    if text.endswith("*") and tokens:
        if len(tokens) > 1 or len(tokens[0].accented) < 2:
            raise QueryError(f"the * at character {at + len(text)} needs one word of at least two letters before it", at + len(text) - 1)
        return Truncated(tokens[0])
    return Words(tokens) if tokens else None
