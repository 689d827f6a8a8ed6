"""What may be typed into the box, and what it is made of. Saved searches rely on it.

    query      words "exact phrase" "within five words"~5 trunc* -without title:word
    choice     kênh (nạo vét OR khơi thông)      OR or HOẶC, AND or VÀ, in capitals; parentheses where there is a choice
    fields     title: tiêu_đề:   speaker: người:   presider: chủ_trì:   source: nguồn:   date: ngày: (2025, 2025-03..2025-06, 02/07/2025)

In a query that is all capitals, such as a pasted headline, OR and AND are words; without a choice parentheses are punctuation.
Limits keep any query cheap: 512 characters, 64 terms (questions of 40 syllables are asked), 16 words a phrase, two letters
before a ``*``, eight parentheses within one another, two phrases with ``~``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from searcher.errors import QueryError
from searcher.vietnamese.analysis import Analyser, Token

MAX_LENGTH = 512
MAX_TERMS = 64
MAX_PHRASE = 16
MAX_SLOP = 50
#: Words near each other are read for in every document that holds them all, which takes time.
MAX_NEAR = 2
MAX_DEPTH = 8
_QUOTES = {'"': '"', "“": "”", "”": "”", "«": "»"}
FieldName: TypeAlias = Literal["title", "speaker", "presider", "source", "date"]
_FIELDS: dict[str, FieldName] = {
    "tiêu_đề": "title", "tieu_de": "title", "title": "title", "người": "speaker", "nguoi": "speaker", "speaker": "speaker",
    "chủ_trì": "presider", "chu_tri": "presider", "presider": "presider", "nguồn": "source", "nguon": "source", "source": "source",
    "ngày": "date", "ngay": "date", "date": "date",
}  # fmt: skip
_FIELD = re.compile(rf"({'|'.join(_FIELDS)}):(?=\S)", re.IGNORECASE)
_CHUNK = re.compile(r"[^\s\"“”«»]+")
_SLOP = re.compile(r"~(\d{1,3})(?!\w)")
_OPERATORS = {"OR": "or", "HOẶC": "or", "AND": "and", "VÀ": "and"}


@dataclass(frozen=True, slots=True)
class Words:
    """Words to look for, as tokens in their order."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class ExactPhrase:
    """Tokens that must follow one another, with up to ``slop`` others in between."""

    tokens: tuple[Token, ...]
    slop: int = 0


@dataclass(frozen=True, slots=True)
class Truncated:
    """The beginning of a word."""

    token: Token


@dataclass(frozen=True, slots=True)
class Fielded:
    """What a field must hold: ``text`` as typed, ``at`` the character it begins at."""

    field: FieldName
    text: str
    at: int
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """Alternatives, each a sequence of parts that all must hold."""

    alternatives: tuple[tuple[Part, ...], ...]


@dataclass(frozen=True, slots=True)
class Without:
    """A part that must not hold."""

    part: Part


Part: TypeAlias = Words | ExactPhrase | Truncated | Fielded | Choice | Without


@dataclass(frozen=True, slots=True)
class Parsed:
    """A query in its parts; ``notes`` say what of it was not taken as typed.

    ``words`` are those whose share counts; ``choices``, ``fields`` and the others must hold besides.
    """

    words: tuple[Words, ...]
    phrases: tuple[ExactPhrase, ...]
    truncated: tuple[Truncated, ...]
    excluded: tuple[Part, ...]
    choices: tuple[Choice, ...] = ()
    fields: tuple[Fielded, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Lexeme:
    """A piece of a query: "(", ")", "or", "and", or a part, with where it begins and whether white space stands before it."""

    kind: str
    at: int
    part: Part | None = None
    negative: bool = False


@dataclass(slots=True)
class _Reader:
    lexemes: list[_Lexeme]
    at: int = 0
    notes: list[str] = field(default_factory=list)

    def peek(self) -> _Lexeme | None:
        return self.lexemes[self.at] if self.at < len(self.lexemes) else None


def parse(text: str, analyser: Analyser) -> Parsed:
    """Split a query into its parts.

    Raises:
        QueryError: a ``*`` stands behind less than two letters, a choice lacks a side or a parenthesis, or a limit is exceeded.
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(f"the query has {len(text)} characters; at most {MAX_LENGTH} are allowed", MAX_LENGTH)
    notes: list[str] = []
    choice = _has_choice(text)
    reader = _Reader(list(_lexemes(text, analyser, notes, choice=choice)))
    parts = _sequence(reader, 0) if choice else [_signed(lexeme) for lexeme in reader.lexemes]
    stray = reader.peek() if choice else None
    if stray is not None:
        raise QueryError(
            f"nothing opened the parenthesis at character {stray.at + 1}; put it into quotation marks or take it out", stray.at
        )
    number = sum(map(_count, parts))
    if number > MAX_TERMS:
        raise QueryError(f"the query has {number} terms; at most {MAX_TERMS} are allowed")
    near = sum(map(_count_near, parts))
    if near > MAX_NEAR:
        raise QueryError(f"the query asks {near} times for words near each other (~); at most {MAX_NEAR} are allowed")
    flat = _joined(parts)
    return Parsed(
        words=tuple(p for p in flat if isinstance(p, Words)),
        phrases=tuple(p for p in flat if isinstance(p, ExactPhrase)),
        truncated=tuple(p for p in flat if isinstance(p, Truncated)),
        excluded=tuple(p.part for p in flat if isinstance(p, Without)),
        choices=tuple(p for p in flat if isinstance(p, Choice)),
        fields=tuple(p for p in flat if isinstance(p, Fielded)),
        notes=tuple(notes),
    )


def positive(parts: Sequence[Part]) -> Iterator[Words | ExactPhrase | Truncated]:
    """Yield what is looked for in ``parts``, in their order, choices unfolded, exclusions left out."""
    for part in parts:
        if isinstance(part, Choice):
            for alternative in part.alternatives:
                yield from positive(alternative)
        elif isinstance(part, Fielded):
            if part.field == "title":
                yield Words(part.tokens)
        elif not isinstance(part, Without):
            yield part


def _has_choice(text: str) -> bool:
    """Whether OR and AND are meant: there is one, and the query is not all capitals anyway."""
    words = text.replace("(", " ").replace(")", " ").split()
    others = [word for word in words if word not in _OPERATORS]
    return any(_OPERATORS.get(word) == "or" for word in words) and any(c.islower() for word in others for c in word)


def _lexemes(text: str, analyser: Analyser, notes: list[str], *, choice: bool) -> Iterator[_Lexeme]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        if choice and text[at] in "()":
            yield _Lexeme(text[at], at)
            at += 1
            continue
        start = at
        follows = at + 1 < len(text) and not text[at + 1].isspace()
        negative = text[at] == "-" and follows and (at == 0 or text[at - 1].isspace() or (choice and text[at - 1] == "("))
        at += negative
        if choice and negative and text[at] in "()":
            yield _Lexeme(text[at], at, negative=True)
            at += 1
            continue
        part: Part | None
        named = _FIELD.match(text, at)
        value = named.end() if named else at
        if text[value] in _QUOTES:
            end = text.find(_QUOTES[text[value]], value + 1)
            if end < 0 and text[value] == "“":
                end = text.find('"', value + 1)
            if end < 0:  # 12" or a mark typed by mistake: said, not refused
                notes.append(f"dấu ngoặc kép ở ký tự thứ {value + 1} không được đóng nên không tính")
                text = f"{text[:value]} {text[value + 1 :]}" if not named else f"{text[:value]}{text[value + 1 :]}"
                at = start
                continue
            held, at = text[value + 1 : end], end + 1
            slop = _SLOP.match(text, at)
            at = slop.end() if slop else at
            part = _fielded(named, held, start, analyser) if named else _phrase(held, start, int(slop[1]) if slop else 0, analyser)
        else:
            match = _CHUNK.match(text, value)
            if match is None:  # a closing mark that nothing opened says nothing
                at = value + 1
                continue
            chunk = match[0]
            if choice:
                chunk = re.split(r"[()]", chunk, maxsplit=1)[0]
            at = value + len(chunk)
            if not named and choice and chunk in _OPERATORS and not negative:
                yield _Lexeme(_OPERATORS[chunk], start)
                continue
            part = _fielded(named, chunk, start, analyser) if named else _word(chunk, start, analyser)
        if part is not None:
            yield _Lexeme("part", start, part, negative)


def _sequence(reader: _Reader, depth: int) -> list[Part]:
    """Read up to the end or a closing parenthesis: alternatives between OR."""
    alternatives: list[list[Part]] = [[]]
    while (lexeme := reader.peek()) is not None and lexeme.kind != ")":
        reader.at += 1
        if lexeme.kind == "or":
            following = reader.peek()
            if not alternatives[-1] or following is None or following.kind in (")", "or", "and"):
                raise QueryError(f"the OR at character {lexeme.at + 1} needs something on both sides; write a OR b", lexeme.at)
            alternatives.append([])
        elif lexeme.kind == "(":
            if depth == MAX_DEPTH:
                raise QueryError(
                    f"the parenthesis at character {lexeme.at + 1} is the {MAX_DEPTH + 1}th within others; at most {MAX_DEPTH} are allowed",
                    lexeme.at,
                )
            inner = _sequence(reader, depth + 1)
            if reader.peek() is None:
                raise QueryError(f"the parenthesis at character {lexeme.at + 1} is not closed; add )", lexeme.at)
            reader.at += 1
            if inner:
                group: Part = inner[0] if len(inner) == 1 else Choice((tuple(inner),))
                alternatives[-1].append(Without(group) if lexeme.negative else group)
        elif lexeme.kind == "part":
            alternatives[-1].append(_signed(lexeme))
    if len(alternatives) == 1:
        return alternatives[0]
    return [Choice(tuple(tuple(_joined(alternative)) for alternative in alternatives))]


def _signed(lexeme: _Lexeme) -> Part:
    assert lexeme.part is not None
    return Without(lexeme.part) if lexeme.negative else lexeme.part


def _joined(parts: Sequence[Part]) -> list[Part]:
    """Join words next to each other: their pairs count."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, Words) and found and isinstance(found[-1], Words):
            found[-1] = Words(found[-1].tokens + part.tokens)
        else:
            found.append(part)
    return found


def _count(part: Part) -> int:
    if isinstance(part, Words):
        return len(part.tokens)
    if isinstance(part, Choice):
        return sum(_count(p) for alternative in part.alternatives for p in alternative)
    return _count(part.part) if isinstance(part, Without) else 1


def _count_near(part: Part) -> int:
    if isinstance(part, Choice):
        return sum(_count_near(p) for alternative in part.alternatives for p in alternative)
    return _count_near(part.part) if isinstance(part, Without) else int(isinstance(part, ExactPhrase) and part.slop > 0)


def _fielded(named: re.Match[str], text: str, at: int, analyser: Analyser) -> Fielded | None:
    name = _FIELDS[named[1].lower()]
    tokens = tuple(analyser.tokens(text))
    if name != "date" and not tokens:
        raise QueryError(f'{named[1]}: at character {at + 1} names nothing; write {named[1]}:word or {named[1]}:"several words"', at)
    return Fielded(name, text, at, tokens)


def _phrase(text: str, at: int, slop: int, analyser: Analyser) -> ExactPhrase | None:
    tokens = tuple(analyser.tokens(text))
    if len(tokens) > MAX_PHRASE:
        raise QueryError(f"the phrase at character {at + 1} has {len(tokens)} words; at most {MAX_PHRASE} are allowed", at)
    if slop > MAX_SLOP:
        raise QueryError(f"the phrase at character {at + 1} may have at most {MAX_SLOP} words in between, not {slop}", at)
    return ExactPhrase(tokens, slop if len(tokens) > 1 else 0) if tokens else None


def _word(text: str, at: int, analyser: Analyser) -> Words | Truncated | None:
    tokens = tuple(analyser.tokens(text))
    if text.endswith("*") and tokens:
        if len(tokens) > 1 or len(tokens[0].accented) < 2:
            raise QueryError(f"the * at character {at + len(text)} needs one word of at least two letters before it", at + len(text) - 1)
        return Truncated(tokens[0])
    return Words(tokens) if tokens else None
