"""Analysed documents in memory, and how they become a segment: sorting packed 64-bit keys is all the inversion there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from searcher.engine.collection import FACETS, KEYWORDS, SCOPES
from searcher.engine.dictionary import to_bytes, write_strings
from searcher.engine.forward import codes_of, encode, frequent_terms
from searcher.engine.pairs import PairWriter, bits, pack
from searcher.engine.postings import Postings, PostingsWriter
from searcher.engine.records import Document, pack_stored
from searcher.engine.scoring import length_codes
from searcher.engine.sections import SectionWriter
from searcher.model import Scope
from searcher.vietnamese.analysis import LEAD_LENGTH, LEAD_WEIGHT, SEPARATOR, TITLE_WEIGHT
from searcher.vietnamese.bulk import BREAK, PART, TOKEN, TextArrays

Ints = npt.NDArray[np.int64]
Kinds = npt.NDArray[np.uint8]

_WEIGHT_BITS = bits(max(TITLE_WEIGHT, LEAD_WEIGHT))


@dataclass(slots=True)
class _Row:
    """A buffered document; ``terms`` and ``kinds`` are its elements, ``words`` its words, ``stored`` its stored form."""

    id: str
    first_day: int
    last_day: int
    keywords: dict[str, list[str]]
    facets: dict[str, list[str]]
    terms: npt.NDArray[np.int32]
    kinds: Kinds
    words: npt.NDArray[np.int32]
    stored: bytes


class SegmentBuffer:
    """Documents that are not written yet. An article added again replaces what it was."""

    def __init__(self) -> None:
        self._articles: dict[str, list[tuple[Scope, _Row]]] = {}
        self._names: list[str] = []
        self.elements = 0

    def __len__(self) -> int:
        return len(self._articles)

    def takes(self, arrays: TextArrays) -> bool:
        """Whether arrays number their terms as those in the buffer do; if not, the buffer must be written first."""
        return not self._articles or arrays.names is self._names

    def add(self, documents: Sequence[tuple[str, Document]], arrays: TextArrays) -> None:
        """Add (article id, document) pairs that were analysed together."""
        self._names = arrays.names
        terms, kinds, words = arrays.terms.astype(np.int32), arrays.kinds.astype(np.uint8), arrays.words.astype(np.int32)
        for article_id in {article_id for article_id, _ in documents}:
            self.drop(article_id)
        for i, (article_id, document) in enumerate(documents):
            first, body, end = int(arrays.bounds[i]), int(arrays.bodies[i]), int(arrays.bounds[i + 1])
            tokens = arrays.kinds[body:end] == TOKEN
            row = _Row(
                document.id,
                document.first_day,
                document.last_day,
                dict(document.keywords),
                dict(document.facets),
                terms[first:end],
                kinds[first:end],
                words[arrays.word_bounds[i] : arrays.word_bounds[i + 1]],
                pack_stored(document.stored, arrays.starts[body:end][tokens]),
            )
            self._articles.setdefault(article_id, []).append((document.scope, row))
            self.elements += end - first

    def drop(self, article_id: str) -> None:
        """Forget an article and its statements."""
        for _, row in self._articles.pop(article_id, ()):
            self.elements -= len(row.terms)

    def write(self, out: SectionWriter) -> dict[Scope, int]:
        """Write everything as one segment; return how many documents of each kind there are."""
        rows: dict[Scope, list[_Row]] = {scope: [] for scope in SCOPES}
        for scope, row in chain.from_iterable(self._articles.values()):
            rows[scope].append(row)
        for scope in SCOPES:
            _write_collection(out, scope, rows[scope], self._names)
        return {scope: len(found) for scope, found in rows.items()}


def _write_collection(out: SectionWriter, scope: Scope, rows: list[_Row], names: list[str]) -> None:
    rows.sort(key=lambda row: (row.first_day, to_bytes(row.id)))
    write_documents(out, scope, [to_bytes(row.id) for row in rows], [(row.first_day, row.last_day) for row in rows])
    for name in FACETS:
        write_facet(out, f"{scope}.facet.{name}", [[to_bytes(value) for value in row.facets.get(name, ())] for row in rows])
    write_stored(out, scope, (row.stored for row in rows))
    count = len(rows)
    sizes = [len(row.terms) for row in rows]
    terms = np.concatenate([*(row.terms for row in rows), np.zeros(0, dtype=np.int32)])
    kinds = np.concatenate([*(row.kinds for row in rows), np.zeros(0, dtype=np.uint8)])
    document = np.repeat(np.arange(count), sizes)
    inside = kinds != BREAK
    vocabulary, ranks = _ranked(terms[inside], names)
    write_strings(out, f"{scope}.terms", vocabulary)
    fold_first, groups = folded_forms(vocabulary)
    out.append(f"{scope}.fold", fold_first.astype(np.uint32))
    numbered = np.full(len(terms), -1, dtype=np.int64)
    numbered[inside] = ranks
    weights, in_title = element_weights(kinds, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), scope)
    tokens = kinds == TOKEN
    lengths = np.bincount(document[tokens], weights=weights[tokens], minlength=count).astype(np.int64)
    write_lengths(out, scope, lengths)

    frequencies = np.bincount(ranks, minlength=len(vocabulary))
    frequent = frequent_terms(frequencies)
    codes, bounds = encode(numbered, kinds, codes_of(frequent, len(vocabulary)))
    out.append(f"{scope}.frequent", frequent.astype(np.int32))
    out.append(f"{scope}.forward", codes)
    out.append(f"{scope}.forward_at", bounds[np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])].astype(np.uint64))

    syllables = PostingsWriter(out, f"{scope}.syllables", count, frequencies=True, rows=True)
    syllables.add(_counted(numbered[inside], document[inside], weights[inside]), len(vocabulary), groups)
    syllables.finish()
    title = PostingsWriter(out, f"{scope}.title", count, frequencies=False)
    title.add(_counted(numbered[inside & in_title], document[inside & in_title], None), len(vocabulary))
    title.finish()
    _write_pairs(out, scope, numbered, kinds, document, weights, fold_first, groups, count)

    words = np.concatenate([*(row.words for row in rows), np.zeros(0, dtype=np.int32)])
    known, numbers = _ranked(words, names)
    write_field(
        out,
        f"{scope}.words",
        known,
        _counted(numbers, np.repeat(np.arange(count), [len(row.words) for row in rows]), np.ones(len(words), dtype=np.int64)),
        count,
        frequencies=True,
    )
    for name in KEYWORDS:
        values = [[to_bytes(value) for value in row.keywords.get(name, ())] for row in rows]
        known = sorted(set(chain.from_iterable(values)))
        number = {value: i for i, value in enumerate(known)}
        flat = np.array([number[value] for value in chain.from_iterable(values)], dtype=np.int64)
        postings = _counted(flat, np.repeat(np.arange(count), [len(found) for found in values]), None)
        write_field(out, f"{scope}.{name}", known, postings, count, frequencies=False)


def _ranked(terms: npt.NDArray[np.int32], names: list[str]) -> tuple[list[bytes], Ints]:
    """Return the terms used, sorted, and each given one's number among them."""
    used = np.flatnonzero(np.bincount(terms, minlength=1)) if len(terms) else np.zeros(0, dtype=np.int64)
    written = [to_bytes(names[n]) for n in used.tolist()]
    order = sorted(range(len(used)), key=written.__getitem__)
    rank = np.zeros(int(used[-1]) + 1 if len(used) else 0, dtype=np.int64)
    rank[used[order]] = np.arange(len(used))
    return [written[i] for i in order], rank[terms]


def folded_forms(vocabulary: Sequence[bytes]) -> tuple[Ints, Ints]:
    """Return the first term of each folded form, with the number of terms at the end, and each term's form."""
    tab = SEPARATOR.encode()
    folded = [term.split(tab, 1)[0] for term in vocabulary]
    begins = np.array([i for i, form in enumerate(folded) if i == 0 or form != folded[i - 1]], dtype=np.int64)
    starts = np.zeros(len(vocabulary), dtype=np.int64)
    starts[begins] = 1
    return np.append(begins, len(vocabulary)), np.cumsum(starts) - 1


def element_weights(kinds: Kinds, bounds: Ints, scope: Scope) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Return how much each element counts, and which ones stand in a title (before the first break)."""
    count = len(bounds) - 1
    breaks = np.cumsum(kinds == BREAK)
    before = breaks - (kinds == BREAK)
    first_breaks = np.concatenate([before, [0]])[bounds[:-1]] if len(kinds) else np.zeros(count, dtype=np.int64)
    sizes = np.diff(bounds)
    in_title = before == np.repeat(first_breaks, sizes)
    weights = np.ones(len(kinds), dtype=np.int64)
    if scope == "articles":
        body = np.cumsum((kinds == TOKEN) & ~in_title)
        at_start = np.concatenate([[0], body])[bounds[:-1]]
        weights[body - np.repeat(at_start, sizes) <= LEAD_LENGTH] = LEAD_WEIGHT
        weights[in_title] = TITLE_WEIGHT
    return weights, in_title


def _counted(terms: Ints, documents: Ints, weights: Ints | None) -> Postings:
    """Sort (term, document) and add up the weights of equal ones; without weights each counts once."""
    columns = [(terms, bits(int(terms.max(initial=0)))), (documents, bits(int(documents.max(initial=0))))]
    if weights is not None:
        columns.append((weights, _WEIGHT_BITS))
    packed = pack(columns)
    assert packed is not None  # 33 million terms × 16 million documents × 2 bits
    return _summed(packed, columns[1][1], weights is not None)


def _summed(packed: npt.NDArray[np.uint64], document_bits: int, weighted: bool) -> Postings:
    packed.sort()
    shift = np.uint64(_WEIGHT_BITS if weighted else 0)
    keys = packed >> shift
    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, dtype=np.intp)
    unique = keys[begins]
    terms = (unique >> np.uint64(document_bits)).astype(np.int64)
    documents = (unique & np.uint64((1 << document_bits) - 1)).astype(np.int64)
    if not weighted or not len(begins):
        return Postings(terms, documents, np.ones(len(unique), dtype=np.int64))
    weights = (packed & np.uint64((1 << _WEIGHT_BITS) - 1)).astype(np.int64)
    return Postings(terms, documents, np.add.reduceat(weights, begins))


def _neighbours(kinds: Kinds, document: Ints) -> tuple[Ints, Ints]:
    """Return the elements at each position with those at the next position of the same paragraph, as pairs of indices."""
    group = np.cumsum(kinds != PART) - 1  # parts share their token's group
    begins = np.flatnonzero(kinds != PART)
    sizes = np.diff(np.append(begins, len(kinds)))
    broken = kinds[begins] == BREAK
    following = np.append(sizes[1:], 0)
    following[broken] = 0
    following[:-1][broken[1:] | (document[begins[1:]] != document[begins[:-1]])] = 0
    repeats = following[group]
    left = np.repeat(np.arange(len(kinds)), repeats)
    first = np.append(begins[1:], 0)[group]
    within = np.arange(len(left)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return left, np.repeat(first, repeats) + within


def _write_pairs(
    out: SectionWriter, scope: Scope, terms: Ints, kinds: Kinds, document: Ints, weights: Ints, fold_first: Ints, groups: Ints, count: int
) -> None:
    dictionary = PairWriter(out, f"{scope}.pairs", fold_first)
    postings = PostingsWriter(out, f"{scope}.pairs", count, frequencies=True)
    left, right = _neighbours(kinds, document)
    if len(left):
        folded = groups[terms[left]]
        variant = terms[left] - fold_first[folded]
        second, documents = terms[right], document[left]
        widths = [bits(int(column.max())) for column in (folded, second, variant, documents)]
        parts = [(folded, widths[0]), (second, widths[1]), (variant, widths[2])]
        packed = pack([*parts, (documents, widths[3]), (weights[left], _WEIGHT_BITS)])
        if packed is None:  # numbers too large to sort at once: the pairs are numbered first
            keys = pack(parts)
            assert keys is not None
            unique = np.sort(keys)
            unique = unique[np.concatenate([[True], unique[1:] != unique[:-1]])]
            found = _counted(np.searchsorted(unique, keys), documents, weights[left])
        else:
            found = _summed(packed, widths[3], weighted=True)
            begins = np.concatenate([[True], found.terms[1:] != found.terms[:-1]])
            unique = found.terms[begins].astype(np.uint64)
            found = Postings(np.cumsum(begins) - 1, found.documents, found.frequencies)
        variants = unique & np.uint64((1 << widths[2]) - 1)
        seconds = unique >> np.uint64(widths[2]) & np.uint64((1 << widths[1]) - 1)
        dictionary.add((unique >> np.uint64(widths[1] + widths[2])).astype(np.int64), seconds.astype(np.int64), variants.astype(np.int64))
        postings.add(found, len(unique))
    dictionary.finish()
    postings.finish()


def write_field(out: SectionWriter, field: str, terms: Sequence[bytes], postings: Postings, documents: int, *, frequencies: bool) -> None:
    """Write a field with a dictionary of its own."""
    write_strings(out, f"{field}.terms", terms)
    writer = PostingsWriter(out, field, documents, frequencies=frequencies)
    writer.add(postings, len(terms))
    writer.finish()


def write_documents(out: SectionWriter, scope: Scope, ids: Sequence[bytes], days: Sequence[tuple[int, int]]) -> None:
    """Write ids and dates of documents in their order."""
    write_strings(out, f"{scope}.id", ids)
    out.append(f"{scope}.id_order", np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.uint32))
    table = np.array(days, dtype=np.int32).reshape(-1, 2)
    out.append(f"{scope}.first_day", table[:, 0])
    out.append(f"{scope}.last_day", table[:, 1])
    out.append(f"{scope}.inexact", np.flatnonzero(table[:, 0] != table[:, 1]).astype(np.uint32))


def write_lengths(out: SectionWriter, scope: Scope, lengths: Ints) -> None:
    """Write lengths as their bytes, and their number and sum."""
    out.append(f"{scope}.length", length_codes(lengths))
    out.meta[scope] = {"documents": len(lengths), "length": int(lengths.sum())}


def write_facet(out: SectionWriter, field: str, values: Sequence[Sequence[bytes]]) -> None:
    """Write each document's values of a facet."""
    known = sorted(set(chain.from_iterable(values)))
    number = {value: i for i, value in enumerate(known)}
    write_strings(out, field, known)
    sizes = np.array([0, *(len(found) for found in values)], dtype=np.int64)
    out.append(f"{field}.bounds", np.cumsum(sizes).astype(np.uint32))
    out.append(f"{field}.ordinals", np.array([number[v] for v in chain.from_iterable(values)], dtype=np.uint32))


def write_stored(out: SectionWriter, scope: Scope, stored: Iterable[bytes]) -> None:
    """Write stored forms one behind the other."""
    at = [0]
    for packed in stored:
        out.append_bytes(f"{scope}.stored", packed)
        at.append(at[-1] + len(packed))
    out.append(f"{scope}.stored_at", np.array(at, dtype=np.uint64))
