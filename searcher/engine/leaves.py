"""Leaves of a plan looked up in one collection: which documents hold them, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from searcher.engine.collection import Collection
from searcher.engine.forward import decode, positions
from searcher.engine.plan import Keyword, Phrase, Prefix, Term, Variants
from searcher.engine.postings import Counts, Ids, PostingsReader, Rows
from searcher.vietnamese.analysis import LEAD_LENGTH, LEAD_WEIGHT, SEPARATOR, TITLE_WEIGHT, folded_prefix, pair_term
from searcher.vietnamese.bulk import BREAK, TOKEN

Leaf: TypeAlias = Term | Variants | Prefix | Phrase | Keyword

#: A prefix stands for at most so many terms of a segment.
MAX_EXPANSIONS = 500
_EMPTY = np.zeros(0, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Listed:
    """Documents, ascending, with frequencies."""

    documents: Ids
    frequencies: Counts

    @property
    def df(self) -> int:
        """How many documents there are."""
        return len(self.documents)


@dataclass(frozen=True)
class Row:
    """A row of a frequent term."""

    rows: Rows
    number: int

    @property
    def df(self) -> int:
        """How many documents there are."""
        return int(self.rows.df[self.number])

    @cached_property
    def documents(self) -> Ids:
        """The documents, ascending."""
        return self.rows.documents(self.number)


Found: TypeAlias = Listed | Row


class Leaves:
    """Looks leaves up; what one question asks for twice is found once."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._found: dict[Leaf, Found] = {}

    def find(self, leaf: Leaf) -> Found:
        """Return the documents that hold a leaf, deleted ones included."""
        found = self._found.get(leaf)
        if found is None:
            found = self._found[leaf] = self._look_up(leaf)
        return found

    def _look_up(self, leaf: Leaf) -> Found:
        match leaf:
            case Phrase():
                return self._phrase(leaf)
            case Keyword(name, text, folded):
                dictionary, postings = self._collection.keyword(name)
                if folded:
                    return _union(postings, *dictionary.range(_bytes(folded_prefix(text))))
                number = dictionary.number(_bytes(text))
                return _union(postings, number, number + 1) if number >= 0 else Listed(_EMPTY, _ones(0))
            case Prefix():
                return self._prefix(leaf)
            case Term("pairs", text) | Variants("pairs", text):
                return self._pair(leaf)
            case Term(field, text):
                postings, number = self._term(field, text)
                return self._of(postings, number) if number >= 0 else Listed(_EMPTY, _ones(0))
            case Variants(field, text):
                return self._variants(field, text)

    def _term(self, field: str, text: str) -> tuple[PostingsReader, int]:
        collection = self._collection
        if field == "words":
            dictionary, postings = collection.words
            return postings, dictionary.number(_bytes(text))
        return collection.title if field == "title" else collection.syllables, collection.terms.number(_bytes(text))

    def _of(self, postings: PostingsReader, number: int) -> Found:
        row = postings.rows.number_of.get(number)
        return Row(postings.rows, row) if row is not None else _listed(postings, *postings.extent(number, number + 1))

    def _variants(self, field: str, folded: str) -> Found:
        collection = self._collection
        if field == "words":
            dictionary, postings = collection.words
            return _union(postings, *dictionary.range(_bytes(folded_prefix(folded))))
        form = collection.folded_number(_bytes(folded))
        if form < 0:
            return Listed(_EMPTY, _ones(0))
        first, end = int(collection.fold_first[form]), int(collection.fold_first[form + 1])
        postings = collection.title if field == "title" else collection.syllables
        row = postings.folded.number_of.get(form)
        if row is not None:
            return Row(postings.folded, row)
        return self._of(postings, first) if end == first + 1 else _union(postings, first, end)

    def _pair(self, leaf: Term | Variants | Prefix | Keyword) -> Found:
        collection = self._collection
        if isinstance(leaf, Variants):
            numbers = [collection.folded_number(_bytes(part)) for part in leaf.folded.split(" ")]
            if len(numbers) == 2 and min(numbers) >= 0:
                return _union(collection.pair_postings, *collection.pairs.range(*numbers))
        elif isinstance(leaf, Term):
            folded, accented = (part.split(" ") for part in leaf.text.split(SEPARATOR))
            terms = [collection.terms.number(_bytes(f"{f}{SEPARATOR}{a}")) for f, a in zip(folded, accented, strict=True)]
            if len(terms) == 2 and min(terms) >= 0:
                pair = collection.pairs.number(collection.folded(terms[0]), *terms)
                if pair >= 0:
                    return _listed(collection.pair_postings, *collection.pair_postings.extent(pair, pair + 1))
        return Listed(_EMPTY, _ones(0))

    def _prefix(self, leaf: Prefix) -> Found:
        collection = self._collection
        dictionary, postings = collection.words if leaf.field == "words" else (collection.terms, self._term(leaf.field, "")[0])
        first, end = dictionary.range(_bytes(leaf.folded))
        wanted = _bytes(SEPARATOR + leaf.accented)
        numbers = [n for n, term in dictionary.items(first, end) if wanted in term][:MAX_EXPANSIONS] if leaf.accented else [*range(first, end)][:MAX_EXPANSIONS]
        return _merged([self._of(postings, n) for n in numbers])

    # Phrases

    def _phrase(self, phrase: Phrase) -> Found:
        """Documents that hold the parts in order; all pairs of neighbours narrow down which ones must be read."""
        found = [self.find(part) for part in phrase.parts]
        if phrase.slop == 0:
            pairs = [_pair_leaf(first, second) for first, second in zip(phrase.parts, phrase.parts[1:], strict=False)]
            if len(pairs) == 1 and pairs[0] is not None:
                return self.find(pairs[0])
            found += [self.find(pair) for pair in pairs if pair is not None]
        candidates = intersection(found)
        counts = np.array([self.occurrences(phrase, d) for d in candidates.tolist()], dtype=np.uint32)
        return Listed(candidates[counts > 0], counts[counts > 0])

    def occurrences(self, phrase: Phrase, document: int) -> int:
        """Return how often a document holds a phrase; in title and lead, occurrences count as often as terms do."""
        collection = self._collection
        terms, kinds = collection.elements(document)
        at = positions(kinds)
        places = []
        for part in phrase.parts:
            first, end = self._numbers(part)
            places.append(np.unique(at[(terms >= first) & (terms < end)]).tolist())
        starts = _starts(places, phrase.slop)
        if not starts:
            return 0
        if collection.scope != "articles":
            return len(starts)
        title = int(at[np.flatnonzero(kinds == BREAK)[0]])
        body = at[kinds == TOKEN]
        body = body[body > title]
        lead = int(body[min(len(body), LEAD_LENGTH) - 1]) if len(body) else title
        return sum(TITLE_WEIGHT if p < title else LEAD_WEIGHT if p <= lead else 1 for p in starts)

    def _numbers(self, part: Term | Variants) -> tuple[int, int]:
        """Return the terms (first, end exclusive) that a part of a phrase stands for."""
        collection = self._collection
        if isinstance(part, Term):
            number = collection.terms.number(_bytes(part.text))
            return (number, number + 1) if number >= 0 else (0, 0)
        form = collection.folded_number(_bytes(part.folded))
        return (int(collection.fold_first[form]), int(collection.fold_first[form + 1])) if form >= 0 else (0, 0)

    def tokens(self, document: int, leaves: Sequence[Term | Variants | Prefix]) -> list[tuple[int, int]]:
        """Return (token of the body, leaf) for each token of a document that holds one of some syllables, in order.

        Tokens are counted from 0, the title left out; parts count for their token.
        """
        collection = self._collection
        codes = collection.forward[collection.forward_at[document] : collection.forward_at[document + 1]]
        terms, kinds, _ = decode(codes, collection.frequent)
        first_body = int(np.flatnonzero(kinds == BREAK)[0]) + 1
        terms, kinds = terms[first_body:], kinds[first_body:]
        token = np.cumsum(kinds == TOKEN) - 1
        found: dict[int, int] = {}
        for number, leaf in enumerate(leaves):
            first, end = collection.terms.range(_bytes(leaf.folded)) if isinstance(leaf, Prefix) else self._numbers(leaf)
            if first < end:
                held = np.flatnonzero((terms >= first) & (terms < end))
                if isinstance(leaf, Prefix) and leaf.accented:
                    wanted = _bytes(SEPARATOR + leaf.accented)
                    held = np.array([i for i in held.tolist() if wanted in collection.terms[int(terms[i])]], dtype=np.intp)
                for at in token[held].tolist():
                    found.setdefault(at, number)
        return sorted(found.items())


def intersection(found: Sequence[Found]) -> Ids:
    """Return the documents that all hold, the shortest list first."""
    ordered = sorted(found, key=lambda f: f.df)
    documents = ordered[0].documents if ordered else _EMPTY
    for other in ordered[1:]:
        documents = keep(documents, other)
    return documents


def keep(documents: Ids, other: Found) -> Ids:
    """Return those of some documents (ascending) that hold a leaf."""
    if isinstance(other, Row):
        return documents[other.rows.holds_of(other.number, documents)]
    listed = other.documents
    if not len(listed):
        return listed
    at = np.searchsorted(listed, documents)
    at[at == len(listed)] = 0
    return documents[listed[at] == documents]


def frequencies_in(found: Found, documents: Ids) -> Counts:
    """Return how often each of some documents (ascending) holds a leaf."""
    if isinstance(found, Row):
        return found.rows.frequencies_of(found.number, documents)
    if not found.df:
        return np.zeros(len(documents), dtype=np.uint32)
    at = np.searchsorted(found.documents, documents)
    at[at == found.df] = 0
    return np.where(found.documents[at] == documents, found.frequencies[at], 0).astype(np.uint32)


def _listed(postings: PostingsReader, a: int, b: int) -> Listed:
    return Listed(postings.documents(a, b), postings.frequencies(a, b))


def _union(postings: PostingsReader, first: int, end: int) -> Found:
    """Merge the lists of neighbouring terms without rows (rows of single terms are merged where they occur)."""
    if any(first <= key < end for key in postings.rows.number_of):
        numbers = range(first, end)
        rows = postings.rows.number_of
        return _merged([Row(postings.rows, rows[n]) if n in rows else _listed(postings, *postings.extent(n, n + 1)) for n in numbers])
    a, b = postings.extent(first, end)
    documents, frequencies = postings.documents(a, b), postings.frequencies(a, b)
    if end - first < 2 or len(documents) < 2 or int(np.count_nonzero(postings.sizes(first, end))) < 2:
        return Listed(documents, frequencies)
    return _summed(documents, frequencies)


def _merged(parts: Sequence[Found]) -> Listed:
    if not parts:
        return Listed(_EMPTY, _ones(0))
    documents = np.concatenate([part.documents for part in parts])
    frequencies = np.concatenate([part.frequencies if isinstance(part, Listed) else frequencies_in(part, part.documents) for part in parts])
    return _summed(documents, frequencies)


def _summed(documents: Ids, frequencies: Counts) -> Listed:
    """Sort documents and add up the frequencies of equal ones."""
    wide = len(frequencies) and frequencies.max() > 0xFF
    if wide:
        packed = documents.astype(np.uint64) << np.uint64(32) | frequencies
        shift, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    else:
        packed = documents.astype(np.uint32) << np.uint32(8) | frequencies
        shift, mask = np.uint32(8), np.uint32(0xFF)
    packed.sort()
    documents = (packed >> shift).astype(np.intp)
    first = np.empty(len(documents), dtype=bool)
    first[:1] = True
    np.not_equal(documents[1:], documents[:-1], out=first[1:])
    counts = (packed & mask).astype(np.uint32)
    if first.all():
        return Listed(documents, counts)
    begins = np.flatnonzero(first)
    return Listed(documents[begins], np.add.reduceat(counts, begins))


def _starts(places: list[list[int]], slop: int) -> list[int]:
    """Where positions follow one another: exactly by one, or with up to ``slop`` positions between them in all."""
    if slop == 0:
        starts = set(places[0])
        for distance, found in enumerate(places[1:], start=1):
            starts &= {p - distance for p in found}
        return sorted(starts)
    matched = []
    for start in places[0]:
        at = start
        for found in places[1:]:
            following = next((p for p in found if p > at), None)
            if following is None:
                return matched
            at = following
        if at - start - (len(places) - 1) <= slop:
            matched.append(start)
    return matched


def _pair_leaf(first: Term | Variants, second: Term | Variants) -> Term | Variants | None:
    if isinstance(first, Term) and isinstance(second, Term):
        return Term("pairs", pair_term(first.text, second.text))
    if isinstance(first, Variants) and isinstance(second, Variants):
        return Variants("pairs", f"{first.folded} {second.folded}")
    return None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _ones(count: int) -> Counts:
    return np.ones(count, dtype=np.uint32)
