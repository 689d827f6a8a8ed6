"""Leaves of a plan looked up in one collection: which documents hold them, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from searcher.engine.collection import Collection
from searcher.engine.dictionary import REMEMBERED, to_bytes
from searcher.engine.forward import decode, positions
from searcher.engine.pairs import bits
from searcher.engine.phrases import phrase_occurrences
from searcher.engine.plan import Keyword, Phrase, Prefix, Term, Variants
from searcher.engine.postings import Counts, Ids, PostingsReader, Rows, documents_at, frequencies_at
from searcher.vietnamese.analysis import SEPARATOR, folded_prefix, pair_term
from searcher.vietnamese.bulk import BREAK, TOKEN

Leaf: TypeAlias = Term | Variants | Prefix | Phrase | Keyword

#: A prefix stands for at most so many terms of a segment.
MAX_EXPANSIONS = 500
#: Documents read at once for words near each other, and how far apart their positions are put: beyond all that they can hold.
_BATCH = 1000
_APART = 1 << 40
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


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a leaf's postings lie; those of ``several`` terms may name a document more than once."""

    postings: PostingsReader
    first: int
    end: int
    several: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """What several leaves were found to be, and their lists one behind the other.

    List i has ``bounds[i]`` to ``bounds[i + 1]`` and is that of leaf ``order[i]``.
    """

    found: list[Found]
    order: list[int]
    documents: Ids
    frequencies: Counts
    bounds: Ids


_NOTHING = Listed(_EMPTY, np.zeros(0, dtype=np.uint32))


class Leaves:
    """Looks leaves up; what one question asks for twice is found once."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._found: dict[Leaf, Found] = {}
        self._ranges: dict[tuple[Term | Variants | Prefix, ...], tuple[Ids, Ids]] = {}

    def find(self, leaf: Leaf) -> Found:
        """Return the documents that hold a leaf, deleted ones included."""
        found = self._found.get(leaf)
        if found is None:
            if isinstance(leaf, Phrase):
                found = self._phrase(leaf)
            elif isinstance(leaf, Prefix):
                found = self._prefix(leaf)
            else:
                place = self._resolve(leaf)
                found = place if isinstance(place, Row) else _list(place)
            self._found[leaf] = found
        return found

    def knows(self, leaf: Leaf) -> bool:
        """Whether a leaf has been looked up."""
        return leaf in self._found

    def batch(self, leaves: Sequence[Leaf]) -> Batch:
        """Look many leaves up at once; rows, phrases and prefixes are not among the lists."""
        found: list[Found] = []
        single: list[int] = []
        several: list[int] = []
        extents: dict[int, tuple[PostingsReader, int, int]] = {}
        for i, leaf in enumerate(leaves):
            if isinstance(leaf, Phrase | Prefix):
                found.append(self.find(leaf))
                continue
            place = self._resolve(leaf)
            if isinstance(place, Row):
                found.append(place)
                self._found[leaf] = place
                continue
            found.append(_NOTHING)
            if place.end > place.first:
                (several if place.several else single).append(i)
                extents[i] = place.postings, place.first, place.end
            else:
                self._found[leaf] = _NOTHING
        order = several + single
        places = [extents[i] for i in order]
        bounds = np.zeros(len(places) + 1, dtype=np.intp)
        np.cumsum([end - first for _, first, end in places], out=bounds[1:])
        if not places:
            return Batch(found, order, _EMPTY, _ones(0), bounds)
        documents, frequencies = documents_at(places), frequencies_at(places)
        if several:
            documents, frequencies, bounds = _merged(documents, frequencies, bounds, len(several))
        ends = bounds.tolist()
        for i, first, end in zip(order, ends, ends[1:], strict=False):
            found[i] = self._found[leaves[i]] = Listed(documents[first:end], frequencies[first:end])
        return Batch(found, order, documents, frequencies, bounds)

    def _resolve(self, leaf: Term | Variants | Keyword) -> Row | Extent:
        """Return where a leaf's postings lie; remembered, since it depends on the segment alone."""
        known: dict[Leaf, Row | Extent] = self._collection.places
        place = known.get(leaf)
        if place is None:
            if len(known) > REMEMBERED:
                known.clear()
            place = known[leaf] = self._place(leaf)
        return place

    def _place(self, leaf: Term | Variants | Keyword) -> Row | Extent:
        collection = self._collection
        if isinstance(leaf, Keyword):
            dictionary, postings = collection.keyword(leaf.field)
            if leaf.folded:
                return _extent(postings, *dictionary.range(to_bytes(folded_prefix(leaf.text))))
            return _at(postings, dictionary.number(to_bytes(leaf.text)))
        if leaf.field == "pairs":
            return self._pair(leaf)
        dictionary, postings = collection.field(leaf.field)
        if isinstance(leaf, Term):
            return _at(postings, dictionary.number(to_bytes(leaf.text)))
        if leaf.field == "words":
            return _extent(postings, *dictionary.range(to_bytes(folded_prefix(leaf.folded))))
        form = collection.folded_number(to_bytes(leaf.folded))
        if form < 0:
            return Extent(postings, 0, 0, several=False)
        row = postings.rows.of_form.get(form)
        first, end = int(collection.fold_first[form]), int(collection.fold_first[form + 1])
        if row is not None:
            return Row(postings.rows, row)
        return _at(postings, first) if end == first + 1 else _extent(postings, first, end)

    def _pair(self, leaf: Term | Variants) -> Extent:
        collection = self._collection
        postings = collection.pair_postings
        if isinstance(leaf, Variants):
            forms = [collection.folded_number(to_bytes(part)) for part in leaf.folded.split(" ")]
            if len(forms) == 2 and min(forms) >= 0:
                return _extent(postings, *collection.pairs.range(*forms))
        else:
            folded, accented = (part.split(" ") for part in leaf.text.split(SEPARATOR))
            terms = [collection.terms.number(to_bytes(f"{f}{SEPARATOR}{a}")) for f, a in zip(folded, accented, strict=True)]
            if len(terms) == 2 and min(terms) >= 0:
                pair = collection.pairs.number(collection.folded(terms[0]), *terms)
                if pair >= 0:
                    return Extent(postings, *postings.extent(pair, pair + 1), several=False)
        return Extent(postings, 0, 0, several=False)

    def _prefix(self, leaf: Prefix) -> Found:
        dictionary, postings = self._collection.field(leaf.field)
        first, end = dictionary.range(to_bytes(leaf.folded))
        wanted = to_bytes(SEPARATOR + leaf.accented)
        numbers = islice((n for n, term in dictionary.items(first, end) if not leaf.accented or wanted in term), MAX_EXPANSIONS)
        places = [_at(postings, number) for number in numbers]
        found = [place if isinstance(place, Row) else _list(place) for place in places]
        if not found:
            return Listed(_EMPTY, _ones(0))
        documents = np.concatenate([part.documents for part in found])
        return _summed(documents, np.concatenate([frequencies_in(part, part.documents) for part in found]))

    # Phrases

    def _phrase(self, phrase: Phrase) -> Found:
        """Documents that hold the parts in order; all pairs of neighbours narrow down which ones must be read."""
        found = [self.find(part) for part in phrase.parts]
        if phrase.slop == 0:
            pairs = [_pair_leaf(first, second) for first, second in pairwise(phrase.parts)]
            if len(pairs) == 1 and pairs[0] is not None:
                return self.find(pairs[0])
            # What the pairs of neighbours hold, their syllables hold: rows need not be asked.
            found = [part for part in found if isinstance(part, Listed)] if None not in pairs else found
            found += [self.find(pair) for pair in pairs if pair is not None]
        candidates = intersection(found)
        if not len(candidates):
            return Listed(_EMPTY, _ones(0))
        if phrase.slop == 0:
            ranges = [self._numbers(part) for part in phrase.parts]
            return Listed(*phrase_occurrences(self._collection, candidates, ranges))
        batches = [candidates[at : at + _BATCH] for at in range(0, len(candidates), _BATCH)]
        counts = np.concatenate([self._within(phrase, batch) for batch in batches])
        return Listed(candidates[counts > 0], counts[counts > 0])

    def _within(self, phrase: Phrase, documents: Ids) -> Counts:
        """Return how often each document holds the parts in order with few enough positions between them, title and lead like all."""
        pieces = [self._collection.codes(d, d + 1) for d in documents.tolist()]
        terms, kinds, begins = decode(np.concatenate(pieces), self._collection.frequent)
        ends = np.cumsum([len(piece) for piece in pieces])
        # Positions go on from document to document, so far apart that nothing is near across them.
        at = positions(kinds) + np.searchsorted(ends, begins[: len(kinds)], side="right") * _APART
        places = []
        for part in phrase.parts:
            first, end = self._numbers(part)
            places.append(np.unique(at[(terms >= first) & (terms < end)]))
        return _near(places, phrase.slop, len(documents))

    def _numbers(self, part: Term | Variants) -> tuple[int, int]:
        """Return the terms (first, end exclusive) that a part of a phrase stands for."""
        collection = self._collection
        if isinstance(part, Term):
            number = collection.terms.number(to_bytes(part.text))
            return (number, number + 1) if number >= 0 else (0, 0)
        form = collection.folded_number(to_bytes(part.folded))
        return (int(collection.fold_first[form]), int(collection.fold_first[form + 1])) if form >= 0 else (0, 0)

    def tokens(self, document: int, leaves: Sequence[Term | Variants | Prefix]) -> list[tuple[int, int]]:
        """Return (token of the body, leaf) for each token of a document that holds one of some syllables, in order.

        Tokens are counted from 0, the title left out; parts count for their token.
        """
        collection = self._collection
        terms, kinds = collection.elements(document)
        first_body = int(np.flatnonzero(kinds == BREAK)[0]) + 1
        terms, kinds = terms[first_body:], kinds[first_body:]
        edges, which = self._edges(tuple(leaves))
        at = edges.searchsorted(terms, side="right")
        held = (at & 1).nonzero()[0]  # between the first and the end of a leaf's terms
        if not len(held):
            return []
        token = (np.cumsum(kinds == TOKEN) - 1)[held].tolist()
        found: dict[int, int] = {}
        for place, element, number in zip(token, held.tolist(), which[at[held] >> 1].tolist(), strict=True):
            leaf = leaves[number]
            if (
                not (isinstance(leaf, Prefix) and leaf.accented)
                or to_bytes(SEPARATOR + leaf.accented) in collection.terms[int(terms[element])]
            ):
                found.setdefault(place, number)
        return list(found.items())

    def _edges(self, leaves: tuple[Term | Variants | Prefix, ...]) -> tuple[Ids, Ids]:
        """Return first and end of the terms of leaves, ascending and apart, and which leaf each range is."""
        known = self._ranges.get(leaves)
        if known is None:
            terms = self._collection.terms
            ranges = [(*(terms.range(to_bytes(x.folded)) if isinstance(x, Prefix) else self._numbers(x)), i) for i, x in enumerate(leaves)]
            apart: list[tuple[int, int, int]] = []
            for first, end, number in sorted(ranges):
                begin = max(first, apart[-1][1]) if apart else first
                if begin < end:
                    apart.append((begin, end, number))
            edges = np.array([edge for first, end, _ in apart for edge in (first, end)], dtype=np.intp)
            known = self._ranges[leaves] = edges, np.array([number for _, _, number in apart], dtype=np.intp)
        return known


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
    return np.asarray(documents[placed(other.documents, documents)[1]])


def placed(listed: Ids, documents: Ids) -> tuple[Ids, npt.NDArray[np.bool_]]:
    """Return where each of some documents stands in a list (both ascending), and whether it does."""
    if not len(listed):
        return np.zeros(len(documents), dtype=np.intp), np.zeros(len(documents), dtype=bool)
    at = listed.searchsorted(documents)
    at[at == len(listed)] = 0
    return at, listed[at] == documents


def frequencies_in(found: Found, documents: Ids) -> Counts:
    """Return how often each of some documents (ascending) holds a leaf."""
    if isinstance(found, Row):
        return np.asarray(found.rows.frequencies_of([found.number], documents)[0])
    if found.documents is documents:
        return found.frequencies
    if not found.df:
        return np.zeros(len(documents), dtype=np.uint32)
    at, held = placed(found.documents, documents)
    return np.where(held, found.frequencies[at], 0).astype(np.uint32)


def _at(postings: PostingsReader, number: int) -> Row | Extent:
    """Where one term's postings lie."""
    if number < 0:
        return Extent(postings, 0, 0, several=False)
    row = postings.rows.of_term.get(number)
    return Row(postings.rows, row) if row is not None else Extent(postings, *postings.extent(number, number + 1), several=False)


def _extent(postings: PostingsReader, first: int, end: int) -> Extent:
    """Where the postings of neighbouring terms without rows lie."""
    held = 0
    for number in range(first, end):
        a, b = postings.extent(number, number + 1)
        held += b > a
        if held > 1:
            break
    return Extent(postings, *postings.extent(first, end), several=held > 1) if end > first else Extent(postings, 0, 0, several=False)


def _list(place: Extent) -> Listed:
    documents = documents_at([(place.postings, place.first, place.end)])
    frequencies = place.postings.frequencies(place.first, place.end)
    return _summed(documents, frequencies) if place.several else Listed(documents, frequencies)


def _merged(documents: Ids, frequencies: Counts, bounds: Ids, several: int) -> tuple[Ids, Counts, Ids]:
    """Merge what each of the first ``several`` lists names more than once, by sorting all of them at once.

    Lists follow one another: list i has ``bounds[i]`` to ``bounds[i + 1]``.
    """
    end = int(bounds[several])
    if not end:
        return documents, frequencies, bounds
    document_bits, frequency_bits = bits(int(documents[:end].max())), bits(int(frequencies[:end].max()))
    kind: type[np.unsignedinteger[Any]] = np.uint32 if bits(several) + document_bits + frequency_bits <= 32 else np.uint64
    keys = np.repeat(np.arange(several).astype(kind), np.diff(bounds[: several + 1]))
    keys <<= kind(document_bits)
    keys |= documents[:end].astype(kind)
    keys <<= kind(frequency_bits)
    keys |= frequencies[:end].astype(kind)
    keys.sort()
    places = keys >> kind(frequency_bits)
    first = np.empty(end, dtype=bool)
    first[0] = True
    np.not_equal(places[1:], places[:-1], out=first[1:])
    begins = first.nonzero()[0]
    counts = np.add.reduceat((keys & kind((1 << frequency_bits) - 1)).astype(np.uint32), begins)
    merged = (places[begins] & kind((1 << document_bits) - 1)).astype(np.intp)
    shorter = begins.searchsorted(bounds[: several + 1])
    return (
        np.concatenate([merged, documents[end:]]),
        np.concatenate([counts, frequencies[end:]]),
        np.concatenate([shorter[:-1], bounds[several:] - (end - len(begins))]),
    )


def _summed(documents: Ids, frequencies: Counts) -> Listed:
    """Sort documents and add up the frequencies of equal ones."""
    return Listed(*_merged(documents, frequencies, np.array([0, len(documents)], dtype=np.intp), 1)[:2])


def _near(places: list[npt.NDArray[np.int64]], slop: int, documents: int) -> Counts:
    """How often positions follow one another with up to ``slop`` positions between them in all, by document."""
    starts = at = places[0]
    for found in places[1:]:
        following = np.searchsorted(found, at, side="right")
        inside = following < len(found)
        starts, at = starts[inside], found[following[inside]]
    near = at - starts - (len(places) - 1) <= slop
    return np.bincount(starts[near] // _APART, minlength=documents).astype(np.uint32)


def _pair_leaf(first: Term | Variants, second: Term | Variants) -> Term | Variants | None:
    if isinstance(first, Term) and isinstance(second, Term):
        return Term("pairs", pair_term(first.text, second.text))
    if isinstance(first, Variants) and isinstance(second, Variants):
        return Variants("pairs", f"{first.folded} {second.folded}")
    return None


def _ones(count: int) -> Counts:
    return np.ones(count, dtype=np.uint32)
