"""From the parts of a query to a plan, and to words that say how it was understood.

Ranking: BM25 of syllables + 0.4 × BM25 of pairs of neighbouring syllables. A query with accents is matched accented, with
half of the folded score added; one without accents, or with too few of them, is matched folded.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from searcher.engine import And, AtLeast, DateRange, Engine, Everything, Keyword, Node, Not, Or, Phrase, Prefix, Scored, Term, Variants
from searcher.errors import QueryError
from searcher.model import Query
from searcher.query.dates import parse_bound
from searcher.query.grammar import ExactPhrase, Parsed, Truncated, Words
from searcher.query.synonyms import Synonym, synonyms
from searcher.vietnamese.analysis import SEPARATOR, Analyser, Token, folded_prefix, pair_term, term_of
from searcher.vietnamese.normalise import fold, normalise

#: Weight of the pairs' BM25 (measured on five Vietnamese test sets; MRR@10 is flat between 0.3 and 0.6).
PAIR_BOOST = 0.4
#: Weight of the folded score of an accented query: changes clean queries by nothing measurable, repairs a wrong accent.
FOLDED_BOOST = 0.5
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
    matched: frozenset[str]  # what snippets mark: accented forms, or folded ones if ``folded``
    folded: bool
    truncated: tuple[str, ...]
    notes: tuple[str, ...]
    interpreted: str


def understand(
    query: Query, parsed: Parsed, engine: Engine, analyser: Analyser, *, today: dt.date, force_folded: bool = False
) -> Understood:
    """Plan a query.

    Raises:
        QueryError: a filter cannot be understood.
    """
    if query.match == "any":  # asked for any of what was typed, an exact phrase is no condition but ranks all the same
        parsed = replace(parsed, words=(*parsed.words, *(Words(phrase.tokens) for phrase in parsed.phrases)))
    tokens = [token for words in parsed.words for token in words.tokens]
    folded = force_folded or not _accents_meant([*tokens, *(t for p in parsed.phrases for t in p.tokens)], engine)
    notes = list(parsed.notes)
    others = [[*synonyms(words.tokens, analyser, folded=folded)] for words in parsed.words]
    leaves = _leaves(parsed, others, folded)
    exact: list[Node] = [_exact(phrase, folded=folded and not _has_accents(phrase.tokens)) for phrase in parsed.phrases]
    must: list[Node] = [] if query.match == "any" else exact
    must += [_truncated(part) for part in parsed.truncated]
    must += [Not(_excluded(part)) for part in parsed.excluded]
    need = len(leaves) if len(leaves) <= 2 else -int(-AUTO_SHARE * len(leaves) // 1)
    notes += dict.fromkeys(synonym.note for found in others for synonym in found)
    if folded and _has_accents(tokens):
        notes.append("đã tìm không phân biệt dấu")
    everything = Everything()
    return Understood(
        any_words=Or(tuple(leaves)) if leaves else everything,
        all_words=And(tuple(leaves)) if leaves else everything,
        auto_words=AtLeast(tuple(leaves), need) if leaves else everything,
        need=need,
        distinct=len(leaves),
        others=And((*must, *_filters(query))),
        dates=_dates(query, today),
        ranking=tuple(_ranking(parsed, others, folded)),
        matched=frozenset(_marks(parsed, folded)),
        folded=folded,
        truncated=tuple(part.token.folded for part in parsed.truncated),
        notes=tuple(notes),
        interpreted=_describe(parsed, folded, query),
    )


def speaker_node(name: str) -> Node:
    """Match a speaker by full name or by its end, with or without accents and honorifics.

    Raises:
        QueryError: nothing but honorifics is left.
    """
    plain = _HONORIFIC.sub("", " ".join(normalise(name).split()))
    if not any(c.isalnum() for c in plain):
        raise QueryError(f'{name!r} names nobody; write a name such as "Trần Minh Đức" or "Minh Duc"')
    if fold(plain) == plain.lower():
        return Keyword("speaker", fold(plain), folded=True)
    return Keyword("speaker", term_of(plain))


def _filters(query: Query) -> list[Node]:
    found: list[Node] = [speaker_node(query.speaker)] if query.speaker else []
    if query.source:
        found.append(Keyword("source", fold(normalise(query.source)), folded=True))
    return found


def _dates(query: Query, today: dt.date) -> Node:
    since = parse_bound(query.since, today=today) if query.since else None
    until = parse_bound(query.until, today=today) if query.until else None
    if since and until and since.first > until.last:
        raise QueryError(f"the range from {query.since} to {query.until} is empty; exchange the two dates")
    return DateRange(since.first if since else None, until.last if until else None) if since or until else Everything()


def _accents_meant(tokens: Sequence[Token], engine: Engine) -> bool:
    """Whether a query is to be taken at its accents: it has some, and what has none is spelled so in this index, too."""
    if not _has_accents(tokens):
        return False
    for token in {t.term: t for t in tokens}.values():
        if token.accented == token.folded and token.folded.isalpha():
            variants = engine.vocabulary("syllables", folded_prefix(token.folded))
            total = sum(count for _, count in variants)
            own = next((count for term, count in variants if term == token.term), 0)
            if total and own < PLAUSIBLE * total:
                return False
    return True


def _has_accents(tokens: Sequence[Token]) -> bool:
    return any(token.accented != token.folded for token in tokens)


def _leaves(parsed: Parsed, others: Sequence[Sequence[Synonym]], folded: bool) -> list[Node]:
    """One node for each distinct syllable asked for; a syllable of a name is also held by what holds the name's synonym."""
    leaves: dict[str, list[Node]] = {}
    for words, found in zip(parsed.words, others, strict=True):
        for i, token in enumerate(words.tokens):
            own: Node = Variants("syllables", token.folded) if folded else Term("syllables", token.term)
            nodes = leaves.setdefault(token.folded if folded else token.term, [own])
            nodes += [And(tuple(_name_nodes(synonym.tokens, folded))) for synonym in found if synonym.start <= i < synonym.end]
    return [nodes[0] if len(nodes) == 1 else Or(tuple(nodes)) for nodes in leaves.values()]


def _name_nodes(tokens: Sequence[Token], folded: bool) -> list[Term | Variants]:
    """What a document holds that holds a name: all of its pairs (for all names there are, as good as the phrase and faster)."""
    if len(tokens) == 1:
        return [Variants("syllables", tokens[0].folded) if folded else Term("syllables", tokens[0].term)]
    pairs = [pair_term(first.term, second.term) for first, second in itertools.pairwise(tokens)]
    return [Variants("pairs", pair.split(SEPARATOR)[0]) if folded else Term("pairs", pair) for pair in pairs]


def _ranking(parsed: Parsed, others: Sequence[Sequence[Synonym]], folded: bool) -> list[Scored]:
    found: dict[Term | Variants | Phrase, float] = {}

    def add(node: Term | Variants | Phrase, boost: float) -> None:
        found[node] = found.get(node, 0.0) + boost

    for words in parsed.words:
        for boost, variants in [(1.0, True)] if folded else [(1.0, False), (FOLDED_BOOST, True)]:
            for token in words.tokens:
                add(Variants("syllables", token.folded) if variants else Term("syllables", token.term), boost)
            for first, second in zip(words.tokens, words.tokens[1:], strict=False):
                pair = pair_term(first.term, second.term)
                add(Variants("pairs", pair.split(SEPARATOR)[0]) if variants else Term("pairs", pair), boost * PAIR_BOOST)
    for synonym in (synonym for run in others for synonym in run):
        nodes = _name_nodes(synonym.tokens, folded)
        for name_node in nodes:
            add(name_node, SYNONYM_BOOST / len(nodes))
    for phrase in parsed.phrases:
        node = _exact(phrase, folded=folded and not _has_accents(phrase.tokens))
        if isinstance(node, (Phrase, Term, Variants)):
            add(node, 1.0)
    return [Scored(node, boost) for node, boost in found.items()]


def _exact(phrase: ExactPhrase, *, folded: bool) -> Node:
    parts = tuple(Variants("syllables", t.folded) if folded else Term("syllables", t.term) for t in phrase.tokens)
    return parts[0] if len(parts) == 1 else Phrase(parts)


def _truncated(part: Truncated) -> Node:
    accented = part.token.accented if part.token.accented != part.token.folded else ""
    return Prefix("syllables", part.token.folded, accented)


def _excluded(part: Words | ExactPhrase | Truncated) -> Node:
    if isinstance(part, Truncated):
        return _truncated(part)
    phrase = ExactPhrase(part.tokens)
    return _exact(phrase, folded=not _has_accents(part.tokens))


def _marks(parsed: Parsed, folded: bool) -> list[str]:
    tokens = [token for words in parsed.words for token in words.tokens] + [token for phrase in parsed.phrases for token in phrase.tokens]
    return [token.folded if folded else token.accented for token in tokens]


def _describe(parsed: Parsed, folded: bool, query: Query) -> str:
    form = (lambda t: t.folded) if folded else (lambda t: t.accented)
    parts = [" ".join(map(form, words.tokens)) for words in parsed.words]
    parts += ['"' + " ".join(map(form, phrase.tokens)) + '"' for phrase in parsed.phrases]
    parts += [f"{part.token.accented}*" for part in parsed.truncated]
    parts += ["-" + _excluded_text(part) for part in parsed.excluded]
    labels = (("từ ngày", query.since), ("đến ngày", query.until), ("người phát biểu", query.speaker), ("nguồn", query.source))
    parts += [f"{label}: {value}" for label, value in labels if value]
    return " · ".join(parts)


def _excluded_text(part: Words | ExactPhrase | Truncated) -> str:
    if isinstance(part, Truncated):
        return f"{part.token.accented}*"
    text = " ".join(token.accented for token in part.tokens)
    return f'"{text}"' if len(part.tokens) > 1 else text
