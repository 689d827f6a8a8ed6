"""Several segments become one, deleted documents left out: the same columns, renumbered and sorted slice by slice.

Memory is bounded by the slices; terms keep their order, so that slices of all segments meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from searcher.engine.builder import element_weights, folded_forms, write_documents, write_facet, write_lengths, write_stored
from searcher.engine.collection import FACETS, KEYWORDS, SCOPES, Collection
from searcher.engine.dictionary import merge_strings, write_strings
from searcher.engine.forward import codes_of, decode, encode, frequent_terms
from searcher.engine.pairs import PairWriter, bits, pack
from searcher.engine.postings import Ints, Postings, PostingsReader, PostingsWriter
from searcher.engine.sections import SectionWriter
from searcher.engine.segment import SegmentReader
from searcher.model import Scope
from searcher.vietnamese.bulk import TOKEN

#: Postings sorted at once.
_SLICE = 1_500_000
#: Documents whose forward index is rewritten at once.
_DOCUMENTS = 4_000


@dataclass(frozen=True, slots=True)
class _Source:
    """A segment's collection, its documents' new numbers (-1 for deleted ones) and its terms' new numbers."""

    collection: Collection
    documents: Ints
    terms: Ints


@dataclass(frozen=True, slots=True)
class Merged:
    """How many documents of each kind were written, and the new number of each old one by kind and segment (-1: deleted)."""

    counts: dict[Scope, int]
    numbers: dict[Scope, list[Ints]]


def merge(out: SectionWriter, segments: Sequence[SegmentReader]) -> Merged:
    """Write the living documents of ``segments`` as one."""
    merged = Merged({}, {})
    for scope in SCOPES:
        numbers = _merge_collection(out, scope, [segment.collection(scope) for segment in segments])
        merged.numbers[scope] = numbers
        merged.counts[scope] = sum(int(np.count_nonzero(n >= 0)) for n in numbers)
    return merged


def _merge_collection(out: SectionWriter, scope: Scope, collections: list[Collection]) -> list[Ints]:
    order = _document_order(collections)
    documents = [np.full(c.size, -1, dtype=np.int64) for c in collections]
    for new, (which, old) in enumerate(order):
        documents[which][old] = new
    days = [(c.first_day.tolist(), c.last_day.tolist()) for c in collections]
    write_documents(out, scope, [collections[w].ids[d] for w, d in order], [(days[w][0][d], days[w][1][d]) for w, d in order])
    for name in FACETS:
        columns = [c.facet(name) for c in collections]
        rows = ((columns[w], d) for w, d in order)
        write_facet(
            out, f"{scope}.facet.{name}", [[v[o] for o in ordinals[bounds[d] : bounds[d + 1]]] for (v, bounds, ordinals), d in rows]
        )
    write_stored(out, scope, (collections[w].stored(d) for w, d in order))
    vocabulary, numbers = merge_strings([c.terms.all() for c in collections])
    sources = [_Source(c, d, t) for c, d, t in zip(collections, documents, numbers, strict=True)]
    write_strings(out, f"{scope}.terms", vocabulary)
    fold_first, groups = folded_forms(vocabulary)
    out.append(f"{scope}.fold", fold_first.astype(np.uint32))
    count = len(order)
    write_lengths(out, scope, _merge_forward(out, scope, sources, order, len(vocabulary)))

    writer = PostingsWriter(out, f"{scope}.syllables", count, frequencies=True, rows=True)
    _merge_postings(writer, [(s.collection.syllables, s.terms, s.documents) for s in sources], len(vocabulary), groups)
    writer = PostingsWriter(out, f"{scope}.title", count, frequencies=False)
    _merge_postings(writer, [(s.collection.title, s.terms, s.documents) for s in sources], len(vocabulary), groups)
    _merge_pairs(out, scope, sources, fold_first, groups, count)
    for name in ("words", *KEYWORDS):
        fields = [c.keyword(name) for c in collections]
        known, numbers = merge_strings([dictionary.all() for dictionary, _ in fields])
        write_strings(out, f"{scope}.{name}.terms", known)
        writer = PostingsWriter(out, f"{scope}.{name}", count, frequencies=name == "words")
        parts = [(postings, n, s.documents) for (_, postings), n, s in zip(fields, numbers, sources, strict=True)]
        _merge_postings(writer, parts, len(known), np.arange(len(known)))
    return documents


def _document_order(collections: list[Collection]) -> list[tuple[int, int]]:
    """Return (segment, document) of the living documents in the order of (first day, id)."""
    found: list[tuple[int, bytes, int, int]] = []
    for which, collection in enumerate(collections):
        days = collection.first_day.tolist()
        found += [(days[d], name, which, d) for d, name in enumerate(collection.ids.all()) if collection.is_alive(d)]
    found.sort()
    return [(which, d) for _, _, which, d in found]


def _merge_forward(out: SectionWriter, scope: Scope, sources: Sequence[_Source], order: list[tuple[int, int]], terms: int) -> Ints:
    """Write the forward index anew; return the documents' lengths."""
    lengths = np.zeros(len(order), dtype=np.int64)
    frequencies = np.zeros(terms, dtype=np.int64)
    for source in sources:
        for first in range(0, source.collection.size, _DOCUMENTS):
            codes = source.collection.codes(first, min(source.collection.size, first + _DOCUMENTS))
            found, _, _ = decode(codes, source.collection.frequent)
            counts = np.bincount(found[found >= 0], minlength=len(source.terms))
            frequencies[source.terms] += counts
    frequent = frequent_terms(frequencies)
    out.append(f"{scope}.frequent", frequent.astype(np.int32))
    codes_by_term = codes_of(frequent, terms)
    at = 0
    bounds = [np.zeros(1, dtype=np.int64)]
    for first in range(0, len(order), _DOCUMENTS):
        batch = order[first : first + _DOCUMENTS]
        pieces = []
        for which, document in batch:
            pieces.append((which, sources[which].collection.codes(document, document + 1)))
        encoded: list[npt.NDArray[np.uint16]] = [np.zeros(0, dtype=np.uint16)] * len(pieces)
        for which, source in enumerate(sources):
            mine = [i for i, (w, _) in enumerate(pieces) if w == which]
            if not mine:
                continue
            joined = np.concatenate([pieces[i][1] for i in mine])
            found, kinds, begins = decode(joined, source.collection.frequent)
            renumbered = np.where(found >= 0, source.terms[found], -1)
            codes, ends = encode(renumbered, kinds, codes_by_term)
            edges = np.searchsorted(begins, np.concatenate([[0], np.cumsum([len(pieces[i][1]) for i in mine])]))
            weights, _ = element_weights(kinds, edges, scope)
            sums = np.concatenate([[0], np.cumsum(weights * (kinds == TOKEN))])
            lengths[[first + i for i in mine]] = np.diff(sums[edges])
            for i, a, b in zip(mine, ends[edges[:-1]].tolist(), ends[edges[1:]].tolist(), strict=True):
                encoded[i] = codes[a:b]
        out.append(f"{scope}.forward", np.concatenate(encoded))
        bounds.append(at + np.cumsum([len(codes) for codes in encoded]))
        at = int(bounds[-1][-1])
    if not order:
        out.append(f"{scope}.forward", np.zeros(0, dtype=np.uint16))
    out.append(f"{scope}.forward_at", np.concatenate(bounds).astype(np.uint64))
    return lengths


def _merge_postings(writer: PostingsWriter, parts: Sequence[tuple[PostingsReader, Ints, Ints]], terms: int, groups: Ints) -> None:
    """Merge fields given as (postings, new numbers of terms, new numbers of documents)."""
    sizes = np.zeros(terms, dtype=np.int64)
    for postings, numbers, _ in parts:
        sizes[numbers] += postings.document_frequencies()
    for first, end in _slices(sizes, groups):
        found = []
        for postings, numbers, documents in parts:
            a, b = np.searchsorted(numbers, [first, end])
            if a < b:
                held = postings.slice(int(a), int(b))
                found.append((numbers[held.terms], documents[held.documents], held.frequencies))
        writer.add(_sorted(found), end, groups)
    writer.finish()


def _merge_pairs(out: SectionWriter, scope: Scope, sources: Sequence[_Source], fold_first: Ints, groups: Ints, count: int) -> None:
    dictionary = PairWriter(out, f"{scope}.pairs", fold_first)
    writer = PostingsWriter(out, f"{scope}.pairs", count, frequencies=True)
    forms = len(fold_first) - 1
    sizes = np.zeros(forms, dtype=np.int64)
    form_of: list[Ints] = []  # the new number of each source's folded forms
    for source in sources:
        first = source.collection.fold_first[:-1]
        form_of.append(groups[source.terms[first]] if len(first) else np.zeros(0, dtype=np.int64))
        sizes[form_of[-1]] += np.diff(source.collection.pair_postings.extents(source.collection.pairs.first))
    variants = bits(int(np.diff(fold_first).max(initial=1)))
    seconds = bits(int(fold_first[-1]))
    written = 0
    for first_form, end_form in _slices(sizes, np.arange(forms), most=1 << (64 - variants - seconds)):
        found, keys = [], []
        for source, forms_here in zip(sources, form_of, strict=True):
            a, b = np.searchsorted(forms_here, [first_form, end_form])
            begin, stop = int(source.collection.pairs.first[a]), int(source.collection.pairs.first[b])
            if begin == stop:
                continue
            folded, second, variant = source.collection.pairs.terms(begin, stop)
            term = source.terms[source.collection.fold_first[folded] + variant]
            form = groups[term]
            columns = [(form - first_form, 64 - variants - seconds), (source.terms[second], seconds), (term - fold_first[form], variants)]
            packed = pack(columns)
            assert packed is not None
            held = source.collection.pair_postings.slice(begin, stop)
            found.append((held.terms - begin, source.documents[held.documents], held.frequencies))
            keys.append(packed)
        if not keys:
            continue
        # A pair whose documents are all deleted has no postings left and goes, too.
        living = [np.unique_values(t[d >= 0]) for t, d, _ in found]
        unique = np.sort(np.concatenate([k[t.astype(np.int64)] for k, t in zip(keys, living, strict=True)]))
        unique = unique[np.concatenate([[True], unique[1:] != unique[:-1]])] if len(unique) else unique
        places = [np.searchsorted(unique, k) for k in keys]
        dictionary.add(
            (unique >> np.uint64(variants + seconds)).astype(np.int64) + first_form,
            (unique >> np.uint64(variants) & np.uint64((1 << seconds) - 1)).astype(np.int64),
            (unique & np.uint64((1 << variants) - 1)).astype(np.int64),
        )
        merged = _sorted([(place[t], d, f) for place, (t, d, f) in zip(places, found, strict=True)])
        writer.add(Postings(merged.terms + written, merged.documents, merged.frequencies), written + len(unique))
        written += len(unique)
    dictionary.finish()
    writer.finish()


def _slices(sizes: Ints, groups: Ints, most: int = 1 << 62) -> Iterator[tuple[int, int]]:
    """Yield ranges of terms of at most some postings and ``most`` terms; a group is never torn apart."""
    ends = np.cumsum(sizes)
    first = 0
    while first < len(sizes):
        reached = int(ends[first - 1]) if first else 0
        end = max(first + 1, min(int(np.searchsorted(ends, reached + _SLICE, side="right")), first + most))
        while end < len(sizes) and groups[end] == groups[end - 1]:
            end += 1
        yield first, end
        first = end


def _sorted(found: Sequence[tuple[Ints, Ints, Ints]]) -> Postings:
    """Join (terms, documents, frequencies) by term and document; documents of -1 are left out."""
    terms, documents, frequencies = (
        (np.concatenate([part[i] for part in found]) if found else np.zeros(0, dtype=np.int64)) for i in range(3)
    )
    alive = documents >= 0
    terms, documents, frequencies = terms[alive], documents[alive], frequencies[alive]
    term_bits, document_bits = bits(int(terms.max(initial=0))), bits(int(documents.max(initial=0)))
    packed = pack([(terms, term_bits), (documents, document_bits), (frequencies, bits(int(frequencies.max(initial=0))))])
    if packed is None:
        order = np.lexsort((documents, terms))
        return Postings(terms[order], documents[order], frequencies[order])
    packed.sort()
    width = bits(int(frequencies.max(initial=0)))
    return Postings(
        (packed >> np.uint64(document_bits + width)).astype(np.int64),
        (packed >> np.uint64(width) & np.uint64((1 << document_bits) - 1)).astype(np.int64),
        (packed & np.uint64((1 << width) - 1)).astype(np.int64),
    )
