"""What the engine must answer, written out document by document: the oracle of the differential tests."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from dataclasses import dataclass

from searcher.engine import And, AtLeast, DateRange, Everything, Keyword, Node, Not, Or, Phrase, Prefix, Scored, Term, Variants
from searcher.engine.scoring import K1, B, byte_to_int
from searcher.model import Record
from searcher.vietnamese.analysis import LEAD_LENGTH, LEAD_WEIGHT, TITLE_WEIGHT, Analyser, pair_term, term_of

ANALYSER = Analyser()
LENGTHS = [byte_to_int(code) for code in range(256)]


@dataclass(frozen=True)
class Document:
    """An article as the reference sees it: (position, weight, terms) of its tokens, what they add up to, and its dates."""

    record: Record
    tokens: tuple[tuple[int, int, tuple[str, ...]], ...]
    syllables: Counter[str]
    pairs: Counter[str]
    length: int

    @classmethod
    def of(cls, record: Record) -> Document:
        """Read a record."""
        tokens: list[tuple[int, int, tuple[str, ...]]] = []
        position = seen = 0
        for number, paragraph in enumerate((record.article.title, *record.article.body.split("\n"))):
            for token in ANALYSER.tokens(paragraph):
                seen += number > 0
                tokens.append((position, TITLE_WEIGHT if number == 0 else LEAD_WEIGHT if seen <= LEAD_LENGTH else 1, token.terms))
                position += 1
            position += 100
        syllables: Counter[str] = Counter()
        pairs: Counter[str] = Counter()
        for i, (at, weight, terms) in enumerate(tokens):
            for term in terms:
                syllables[term] += weight
                if i + 1 < len(tokens) and tokens[i + 1][0] == at + 1:
                    for following in tokens[i + 1][2]:
                        pairs[pair_term(term, following)] += weight
        return cls(record, tuple(tokens), syllables, pairs, sum(weight for _, weight, _ in tokens))

    def frequency(self, leaf: Term | Variants | Prefix | Phrase) -> int:
        """How often the document holds a leaf, titles and leads weighted."""
        if isinstance(leaf, Phrase):
            return self._phrase(leaf)
        held = self.pairs if leaf.field == "pairs" else self.syllables
        return sum(count for term, count in held.items() if _is(leaf, term))

    def _phrase(self, phrase: Phrase) -> int:
        by_position = {at: terms for at, _, terms in self.tokens}
        total = 0
        for at, weight, terms in self.tokens:
            if any(_is(phrase.parts[0], term) for term in terms):
                places = [at]
                for part in phrase.parts[1:]:
                    reach = [p for p in sorted(by_position) if p > places[-1] and any(_is(part, t) for t in by_position[p])]
                    if not reach or (phrase.slop == 0 and reach[0] != places[-1] + 1):
                        break
                    places.append(reach[0])
                else:
                    if phrase.slop == 0:
                        total += weight
                    else:
                        total += places[-1] - places[0] - (len(places) - 1) <= phrase.slop
        return total

    def matches(self, node: Node) -> bool:
        """Whether the document matches a node."""
        match node:
            case Everything():
                return True
            case And(nodes):
                return all(self.matches(n) for n in nodes)
            case Or(nodes):
                return any(self.matches(n) for n in nodes)
            case AtLeast(nodes, count):
                return sum(self.matches(n) for n in nodes) >= count
            case Not(inner):
                return not self.matches(inner)
            case DateRange(first, last):
                date = self.record.article.date
                return date is not None and date.last >= (first or dt.date.min) and date.first <= (last or dt.date.max)
            case Keyword(_, text, _):
                return term_of(self.record.article.source) == text
            case _:
                return self.frequency(node) > 0


def _is(leaf: Term | Variants | Prefix, term: str) -> bool:
    folded, accented = term.split("\t")
    if isinstance(leaf, Term):
        return term == leaf.text
    if isinstance(leaf, Variants):
        return folded == leaf.folded
    return folded.startswith(leaf.folded) and accented.startswith(leaf.accented)


def scores(documents: list[Document], ranking: tuple[Scored, ...]) -> list[float]:
    """BM25 of every document: Lucene's idf and rounded lengths, k1 1.6, b 0.75."""
    average = sum(d.length for d in documents) / len(documents)
    norms = [K1 * (1 - B + B * max(n for n in LENGTHS if n <= d.length) / average) for d in documents]
    totals = [0.0] * len(documents)
    for scored in ranking:
        frequencies = [d.frequency(scored.node) for d in documents]
        n = sum(f > 0 for f in frequencies)
        idf = math.log(1 + (len(documents) - n + 0.5) / (n + 0.5))
        for i, (f, norm) in enumerate(zip(frequencies, norms, strict=True)):
            totals[i] += scored.boost * idf * f / (f + norm)
    return totals
