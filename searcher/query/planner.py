"""From the parts of a query to a plan, and to words that say how it was understood.

Ranking: BM25 of syllables + 0.4 × BM25 of pairs of neighbouring syllables. A query with accents is matched accented, with
half of the folded score added; one without accents is matched folded, and so is each syllable of an accented query that was
typed without accents where this index hardly knows it so ("ngập ung").
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from searcher.engine import And, AtLeast, DateRange, Everything, Keyword, Node, Not, Or, Phrase, Prefix, Scored, Snapshot, Term, Variants
from searcher.errors import QueryError
from searcher.model import Query
from searcher.query.dates import parse_bound
from searcher.query.grammar import Choice, ExactPhrase, Fielded, Parsed, Part, Truncated, Without, Words, positive
from searcher.query.synonyms import Synonym, spellings, synonyms
from searcher.vietnamese.analysis import SEPARATOR, Analyser, Token, folded_prefix, pair_term, term_of
from searcher.vietnamese.names import Names
from searcher.vietnamese.normalise import fold, normalise
from searcher.vietnamese.spelling import from_keystrokes

#: Weight of the pairs' BM25 (measured on five Vietnamese test sets; MRR@10 is flat between 0.3 and 0.6).
PAIR_BOOST = 0.4
#: Weight of the folded score of an accented query: changes clean queries by nothing measurable, repairs a wrong accent.
FOLDED_BOOST = 0.5
#: Weight of the exact form of a syllable that is looked for with any accents, because it may have been meant as typed.
AS_TYPED_BOOST = 0.25
#: A syllable without accents is taken as meant if it has this share of its folded form's occurrences in the index.
PLAUSIBLE = 0.1
#: Weight of a synonym's BM25, shared among its pairs.
SYNONYM_BOOST = 0.5
#: Share of the distinct syllables that "auto" asks for, of more than two.
AUTO_SHARE = 0.75

_HONORIFIC = re.compile(
    r"^(?:(?:đồng chí|ông|bà|anh|chị|cô|thầy|bác sĩ|linh mục|thượng tọa|thượng toạ|đại đức|hòa thượng|hoà thượng)(?:\s+|$))+", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Understood:
    """A query as a set of documents: three readings of its words, what must hold besides, and the ranking."""

    any_words: Node
    all_words: Node
    auto_words: Node
    need: int  # how many of ``distinct`` syllables "auto" asks for
    distinct: int
    others: Node
    dates: Node  # the date range asked for, apart from the others, so that what it leaves out can be counted
    ranking: tuple[Scored, ...]
    marked: tuple[Term | Variants | Prefix, ...]  # what snippets mark, in the order of the query
    kinds: tuple[str, ...]  # what each of them is, whatever its accents: two different syllables are worth more than one twice
    folded: bool  # whether accents count nowhere
    notes: tuple[str, ...]
    interpreted: str


def understand(
    query: Query, parsed: Parsed, index: Snapshot, analyser: Analyser, names: Names, *, today: dt.date, force_folded: bool = False
) -> Understood:
    """Plan a query.

    Raises:
        QueryError: a filter cannot be understood.
    """
    if query.match == "any":  # asked for any of what was typed, an exact phrase is no condition but ranks all the same
        parsed = replace(parsed, words=(*parsed.words, *(Words(phrase.tokens) for phrase in parsed.phrases)))
    tokens = [token for words in parsed.words for token in words.tokens]
    beside = list(positive((*parsed.choices, *parsed.fields)))
    typed = [*tokens, *(token for phrase in parsed.phrases for token in phrase.tokens)]
    typed += [token for part in beside if not isinstance(part, Truncated) for token in part.tokens]
    spelling = _Spelling(None if force_folded or not _has_accents(typed) else _implausible(tokens, index))
    notes = list(parsed.notes)
    others = [[*synonyms(words.tokens, analyser, names, folded=spelling.loose is None)] for words in parsed.words]
    if spelling.loose is not None:
        written = [[s for s in spellings(words.tokens, analyser) if _known(s.tokens[0], index)] for words in parsed.words]
        others = [found + more for found, more in zip(others, written, strict=True)]
    leaves = _leaves(parsed, others, spelling)
    exact: list[Node] = [_exact(phrase, spelling) for phrase in parsed.phrases]
    must: list[Node] = [] if query.match == "any" else exact
    must += [_truncated(part) for part in parsed.truncated]
    must += [Not(_part(part, _Spelling(None), today)) for part in parsed.excluded]
    held: tuple[Part, ...] = (*parsed.choices, *parsed.fields)
    must += [_part(part, spelling, today) for part in held]
    need = len(leaves) if len(leaves) <= 2 else -int(-AUTO_SHARE * len(leaves) // 1)
    notes += dict.fromkeys(synonym.note for found in others for synonym in found)
    if spelling.loose:
        plain = dict.fromkeys(token.accented for token in tokens if token.term in spelling.loose)
        notes.append(f"cũng tìm với mọi dấu: {', '.join(plain)}")
    notes += _suggestions(tokens, index)
    also = _rank_also(beside)
    everything = Everything()
    return Understood(
        any_words=Or(tuple(leaves)) if leaves else everything,
        all_words=And(tuple(leaves)) if leaves else everything,
        auto_words=AtLeast(tuple(leaves), need) if leaves else everything,
        need=need,
        distinct=len(leaves),
        others=And((*must, *_filters(query))),
        dates=_dates(query, today),
        ranking=tuple(_ranking(replace(parsed, words=(*parsed.words, *also)), [*others, *([] for _ in also)], spelling)),
        marked=(marked := _marked(parsed, typed, others, spelling)),
        kinds=tuple(leaf.text.split(SEPARATOR)[0] if isinstance(leaf, Term) else leaf.folded for leaf in marked),
        folded=spelling.loose is None,
        notes=tuple(notes),
        interpreted=_describe(parsed, spelling, query),
    )


def _marked(
    parsed: Parsed, typed: Sequence[Token], others: Sequence[Sequence[Synonym]], spelling: _Spelling
) -> tuple[Term | Variants | Prefix, ...]:
    also = [token for found in others for synonym in found for token in synonym.tokens]
    words = [spelling.node(token) for token in (*typed, *also)]
    truncated = (*parsed.truncated, *(part for part in positive(parsed.choices) if isinstance(part, Truncated)))
    return tuple(dict.fromkeys((*words, *map(_truncated, truncated))))


def speaker_node(name: str, field: Literal["speaker", "presider"] = "speaker") -> Node:
    """Match a speaker (or whoever presides) by full name or by its end, with or without accents and honorifics.

    Raises:
        QueryError: nothing but honorifics is left.
    """
    plain = _HONORIFIC.sub("", " ".join(normalise(name).split()))
    if not any(c.isalnum() for c in plain):
        raise QueryError(f'{name!r} names nobody; write a name such as "Trần Minh Đức" or "Minh Duc"')
    if fold(plain) == plain.lower():
        return Keyword(field, fold(plain), folded=True)
    return Keyword(field, term_of(plain))


def _filters(query: Query) -> list[Node]:
    found: list[Node] = [speaker_node(query.speaker)] if query.speaker else []
    return [*found, *source_node(query)]


def source_node(query: Query) -> list[Node]:
    """What documents of the source that is asked for hold; nothing if none is."""
    return [Keyword("source", fold(normalise(query.source)), folded=True)] if query.source else []


def _dates(query: Query, today: dt.date) -> Node:
    since = parse_bound(query.since, today=today) if query.since else None
    until = parse_bound(query.until, today=today) if query.until else None
    if since and until and since.first > until.last:
        raise QueryError(f"the range from {query.since} to {query.until} is empty; exchange the two dates")
    return DateRange(since.first if since else None, until.last if until else None) if since or until else Everything()


@dataclass(frozen=True, slots=True)
class _Spelling:
    """Which terms are meant whatever their accents: those in ``loose``, or all if it is None."""

    loose: frozenset[str] | None

    def is_loose(self, token: Token) -> bool:
        return self.loose is None or token.term in self.loose

    def form(self, token: Token) -> str:
        return token.folded if self.loose is None else token.accented

    def node(self, token: Token) -> Term | Variants:
        return Variants("syllables", token.folded) if self.is_loose(token) else Term("syllables", token.term)

    def pair(self, first: Token, second: Token) -> Term | Variants:
        pair = pair_term(first.term, second.term)
        loose = self.is_loose(first) or self.is_loose(second)
        return Variants("pairs", pair.split(SEPARATOR)[0]) if loose else Term("pairs", pair)


def _implausible(tokens: Sequence[Token], index: Snapshot) -> frozenset[str]:
    """The terms typed without accents that this index hardly knows so: accents were left out, in a query that has some."""
    found = set()
    plain = {t.term: t for t in tokens if t.accented == t.folded and t.folded.isalpha()}
    for token in plain.values():
        if token.accented == token.folded and token.folded.isalpha():
            variants = index.vocabulary("syllables", folded_prefix(token.folded))
            total = sum(count for _, count in variants)
            own = next((count for term, count in variants if term == token.term), 0)
            if total and own < PLAUSIBLE * total:
                found.add(token.term)
    # Who left the accents of one syllable out may have left out those of another that also means something without.
    return frozenset(plain) if found else frozenset()


def _known(token: Token, index: Snapshot) -> bool:
    return index.term_statistics("syllables", [token.term])[0][0] > 0


def _suggestions(tokens: Sequence[Token], index: Snapshot) -> list[str]:
    """Say what a syllable that the index does not know would be on a keyboard whose keystrokes were left undone."""
    notes = []
    for token in dict.fromkeys(tokens):
        meant = from_keystrokes(token.accented)
        if meant and not index.vocabulary("syllables", folded_prefix(token.folded), 1):
            found = [syllable for syllable in meant if index.term_statistics("syllables", [term_of(syllable)])[0][0]]
            if found:
                notes.append(f"không có “{token.accented}”; có phải là: {', '.join(found)}?")
    return notes


def _has_accents(tokens: Sequence[Token]) -> bool:
    return any(token.accented != token.folded for token in tokens)


def _leaves(parsed: Parsed, others: Sequence[Sequence[Synonym]], spelling: _Spelling) -> list[Node]:
    """One node for each distinct syllable asked for; a syllable of a name is also held by what holds the name's synonym."""
    leaves: dict[Node, list[Node]] = {}
    for words, found in zip(parsed.words, others, strict=True):
        for i, token in enumerate(words.tokens):
            own = spelling.node(token)
            nodes = leaves.setdefault(own, [own])
            nodes += [And(tuple(_name_nodes(synonym.tokens, spelling))) for synonym in found if synonym.start <= i < synonym.end]
    return [nodes[0] if len(nodes) == 1 else Or(tuple(nodes)) for nodes in leaves.values()]


def _name_nodes(tokens: Sequence[Token], spelling: _Spelling) -> list[Term | Variants]:
    """What a document holds that holds a name: all of its pairs (for all names there are, as good as the phrase and faster)."""
    return [spelling.pair(first, second) for first, second in pairwise(tokens)] or [spelling.node(tokens[0])]


def _ranking(parsed: Parsed, others: Sequence[Sequence[Synonym]], spelling: _Spelling) -> list[Scored]:
    found: dict[Term | Variants | Phrase, float] = {}

    def add(node: Term | Variants | Phrase, boost: float) -> None:
        found[node] = found.get(node, 0.0) + boost

    for words in parsed.words:
        for boost, form in [(1.0, spelling)] if spelling.loose is None else [(1.0, spelling), (FOLDED_BOOST, _Spelling(None))]:
            for token in words.tokens:
                add(form.node(token), boost)
                if form.loose and token.term in form.loose:
                    add(Term("syllables", token.term), AS_TYPED_BOOST)
            for first, second in pairwise(words.tokens):
                add(form.pair(first, second), boost * PAIR_BOOST)
    for synonym in (synonym for run in others for synonym in run):
        nodes = _name_nodes(synonym.tokens, spelling)
        for name_node in nodes:
            add(name_node, SYNONYM_BOOST / len(nodes))
    for phrase in parsed.phrases:
        node = _exact(phrase, spelling)
        if isinstance(node, Phrase) and node.slop:  # words that are near rank like words
            for part in node.parts:
                add(part, 1.0)
        elif isinstance(node, Phrase | Term | Variants):
            add(node, 1.0)
    return [Scored(node, boost) for node, boost in found.items()]


def _exact(phrase: ExactPhrase, spelling: _Spelling) -> Node:
    """A quoted phrase: exact with its accents if it has any."""
    form = _Spelling(frozenset()) if _has_accents(phrase.tokens) else spelling
    parts = tuple(form.node(token) for token in phrase.tokens)
    return parts[0] if len(parts) == 1 else Phrase(parts, phrase.slop)


def _truncated(part: Truncated) -> Prefix:
    accented = part.token.accented if part.token.accented != part.token.folded else ""
    return Prefix("syllables", part.token.folded, accented)


def _part(part: Part, spelling: _Spelling, today: dt.date) -> Node:
    """The documents that hold a part of a query: all of its words, one of its alternatives, what its field must hold.

    Raises:
        QueryError: a field's value cannot be understood.
    """
    if isinstance(part, Truncated):
        return _truncated(part)
    if isinstance(part, Words):
        if spelling.loose is None:
            return _exact(ExactPhrase(part.tokens), spelling)
        return And(tuple(dict.fromkeys(spelling.node(token) for token in part.tokens)))
    if isinstance(part, ExactPhrase):
        return _exact(part, spelling)
    if isinstance(part, Without):
        return Not(_part(part.part, _Spelling(None), today))
    if isinstance(part, Choice):
        return Or(tuple(And(tuple(_part(p, spelling, today) for p in alternative)) for alternative in part.alternatives))
    return _field(part, spelling, today)


def _field(part: Fielded, spelling: _Spelling, today: dt.date) -> Node:
    if part.field == "speaker":
        return speaker_node(part.text)
    if part.field == "presider":
        return speaker_node(part.text, "presider")
    if part.field == "source":
        return Keyword("source", fold(normalise(part.text)), folded=True)
    if part.field == "title":
        held = (spelling.node(token) for token in part.tokens)
        return And(tuple(Variants("title", n.folded) if isinstance(n, Variants) else Term("title", n.text) for n in held))
    first, dots, last = part.text.partition("..")
    since = parse_bound(first, today=today) if first else None
    until = (parse_bound(last, today=today) if last else None) if dots else since
    if since is None and until is None:
        raise QueryError(f"the date at character {part.at + 1} is empty; write 2025, 2025-03..2025-06 or 02/07/2025", part.at)
    if since and until and since.first > until.last:
        raise QueryError(f"the range of dates at character {part.at + 1} is empty; exchange the two dates", part.at)
    return DateRange(since.first if since else None, until.last if until else None)


def _rank_also(parts: Sequence[Words | ExactPhrase | Truncated]) -> list[Words]:
    """What a choice or a title is ranked by: its words."""
    return [Words(part.tokens) for part in parts if not isinstance(part, Truncated)]


def _describe(parsed: Parsed, spelling: _Spelling, query: Query) -> str:
    wanted: tuple[Part, ...] = (*parsed.words, *parsed.phrases, *parsed.truncated, *parsed.choices, *parsed.fields)
    parts = [_text(part, spelling) for part in wanted]
    parts += ["-" + _text(part, _Spelling(frozenset())) for part in parsed.excluded]
    labels = (("từ ngày", query.since), ("đến ngày", query.until), ("người phát biểu", query.speaker), ("nguồn", query.source))
    parts += [f"{label}: {value}" for label, value in labels if value]
    return " · ".join(parts)


def _text(part: Part, spelling: _Spelling) -> str:
    """Write a part as it could be typed."""
    if isinstance(part, Truncated):
        return f"{part.token.accented}*"
    if isinstance(part, Choice):
        return "(" + " OR ".join(" ".join(_text(p, spelling) for p in alternative) for alternative in part.alternatives) + ")"
    if isinstance(part, Without):
        return "-" + _text(part.part, _Spelling(frozenset()))
    if isinstance(part, Fielded):
        return f'{part.field}:"{part.text}"' if " " in part.text else f"{part.field}:{part.text}"
    text = " ".join(map(spelling.form, part.tokens))
    if isinstance(part, Words):
        return text
    return f'"{text}"' + (f"~{part.slop}" if part.slop else "")
