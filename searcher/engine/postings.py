"""Postings as columns: for each term the documents that hold it, ascending, and how often.

Sections of a field NAME, terms numbered from 0:

    NAME.offsets  u4     where each term's postings begin; one more than there are terms
    NAME.low      u2     document number modulo 65,536
    NAME.high     u1     document number divided by 65,536 (only where a segment has more documents)
    NAME.tf       u1     frequency, a nibble a posting, even ones low; 15 means: see below (only in fields with frequencies)
    NAME.big_at   u8     posting numbers, ascending, of the frequencies of 15 and more
    NAME.big_tf   u4     those frequencies

Frequent terms (held by more than an eighth of the documents) have no postings but a row each, and so have folded forms that
several terms share:

    NAME.rows.keys   u4  the terms or folded forms
    NAME.rows.forms  u1  1 for folded forms
    NAME.rows.df     u4  their document frequencies
    NAME.rows.tf     u1  a nibble a document: byte j holds document j low and document j + half high; half is (documents + 1) // 2
    NAME.rows.bits   u1  a bit a document, as numpy.packbits orders them
    NAME.rows.big_at, NAME.rows.big_tf   row × documents + document, ascending, and the frequency, for 15 and more
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from searcher.engine.sections import Array, SectionReader, SectionWriter

Ids = npt.NDArray[np.intp]
Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.uint32]

#: Segments of fewer documents have no rows: there is nothing to gain.
FEWEST_FOR_ROWS = 4096
#: The share of documents from which on a term gets a row. By size alone it would be a quarter (a nibble and a bit a document
#: against 20 bits a posting), but rows are only read where they can matter.
ROW_SHARE = 8
_ESCAPE = 15
#: The two nibbles of a byte as two bytes.
_NIBBLES = (np.arange(256) & 15 | np.arange(256) >> 4 << 8).astype("<u2")


@dataclass(frozen=True, slots=True)
class Postings:
    """Documents (ascending) and frequencies; several terms' where ``terms`` says whose they are."""

    terms: Ints
    documents: Ints
    frequencies: Ints


class PostingsWriter:
    """Writes a field. Slices come in the order of terms; a slice holds all postings of its terms, sorted by term and document."""

    def __init__(self, out: SectionWriter, name: str, documents: int, *, frequencies: bool, rows: bool = False) -> None:
        self._out, self._name, self._documents = out, name, documents
        self._frequencies = frequencies
        self._rows = _RowWriter(out, f"{name}.rows", documents) if rows and documents >= FEWEST_FOR_ROWS else None
        self._terms = self._written = 0
        self._half: Array = np.zeros(0, dtype=np.uint8)  # a frequency whose nibble waits for its neighbour

    def add(self, postings: Postings, end: int, groups: Ints | None = None) -> None:
        """Write the postings of the terms up to ``end`` (exclusive); ``groups[term]`` is the term's folded form, for rows."""
        terms, documents, frequencies = postings.terms, postings.documents, postings.frequencies
        if self._rows is not None and len(terms):
            assert groups is not None
            self._rows.add_frequent(groups[terms], documents, frequencies, several=terms)
            kept = self._rows.add_frequent(terms, documents, frequencies)
            terms, documents, frequencies = terms[kept], documents[kept], frequencies[kept]
        counts = np.bincount(terms - self._terms, minlength=end - self._terms)
        offsets = self._written + np.concatenate([[0], np.cumsum(counts)])
        if offsets[-1] >= 1 << 32:
            raise ValueError(f"field {self._name} would have {offsets[-1]} postings in one segment; 4,294,967,295 are the most")
        self._out.append(f"{self._name}.offsets", offsets[:-1].astype(np.uint32))
        self._terms = end
        self._out.append(f"{self._name}.low", (documents & 0xFFFF).astype(np.uint16))
        if self._documents > 1 << 16:
            self._out.append(f"{self._name}.high", (documents >> 16).astype(np.uint8))
        if self._frequencies:
            big = np.flatnonzero(frequencies >= _ESCAPE)
            self._out.append(f"{self._name}.big_at", (big + self._written).astype(np.uint64))
            self._out.append(f"{self._name}.big_tf", frequencies[big].astype(np.uint32))
            nibbles = np.concatenate([self._half, np.minimum(frequencies, _ESCAPE).astype(np.uint8)])
            even = len(nibbles) & ~1
            self._half = nibbles[even:]
            self._out.append(f"{self._name}.tf", nibbles[0:even:2] | nibbles[1:even:2] << 4)
        self._written += len(documents)

    def finish(self) -> None:
        """Write what is left."""
        self._out.append(f"{self._name}.offsets", np.array([self._written], dtype=np.uint32))
        if len(self._half):
            self._out.append(f"{self._name}.tf", self._half)
        if self._rows is not None:
            self._rows.finish()


class _RowWriter:
    def __init__(self, out: SectionWriter, name: str, documents: int) -> None:
        self._out, self._name, self._documents = out, name, documents
        self._keys: list[int] = []
        self._forms: list[bool] = []
        self._df: list[int] = []
        self._big: list[tuple[int, int]] = []

    def add_frequent(self, keys: Ints, documents: Ints, frequencies: Ints, several: Ints | None = None) -> npt.NDArray[np.bool_]:
        """Write rows for frequent keys (ascending); return which postings got none.

        With ``several``, the terms behind the keys, only keys that several terms share get a row.
        """
        kept = np.ones(len(keys), dtype=bool)
        begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        sizes = np.diff(np.append(begins, len(keys)))
        for begin, size in zip(
            begins[sizes > self._documents / ROW_SHARE].tolist(), sizes[sizes > self._documents / ROW_SHARE].tolist(), strict=True
        ):
            run = slice(begin, begin + size)
            if several is not None and several[begin] == several[begin + size - 1]:
                continue
            row = np.bincount(documents[run], weights=frequencies[run], minlength=self._documents).astype(np.int64)
            df = int(np.count_nonzero(row))
            if df <= self._documents / ROW_SHARE:
                continue
            kept[run] = False
            big = np.flatnonzero(row >= _ESCAPE)
            self._big += [(len(self._keys) * self._documents + d, f) for d, f in zip(big.tolist(), row[big].tolist(), strict=True)]
            self._keys.append(int(keys[begin]))
            self._forms.append(several is not None)
            self._df.append(df)
            nibbles = np.minimum(row, _ESCAPE).astype(np.uint8)
            half = (self._documents + 1) // 2
            high = np.zeros(half, dtype=np.uint8)
            high[: self._documents - half] = nibbles[half:]
            self._out.append(f"{self._name}.tf", nibbles[:half] | high << 4)
            self._out.append(f"{self._name}.bits", np.packbits(row > 0))
        return kept

    def finish(self) -> None:
        self._out.append(f"{self._name}.keys", np.array(self._keys, dtype=np.uint32))
        self._out.append(f"{self._name}.forms", np.array(self._forms, dtype=np.uint8))
        self._out.append(f"{self._name}.df", np.array(self._df, dtype=np.uint32))
        self._out.append(f"{self._name}.big_at", np.array([at for at, _ in self._big], dtype=np.uint64))
        self._out.append(f"{self._name}.big_tf", np.array([f for _, f in self._big], dtype=np.uint32))


class PostingsReader:
    """A field's postings."""

    def __init__(self, source: SectionReader, name: str, documents: int) -> None:
        self._offsets = source.array(f"{name}.offsets", "u4")
        self._begins = self._offsets.data
        self.low = source.array(f"{name}.low", "u2")
        self.high = source.array(f"{name}.high") if f"{name}.high" in source else None
        self.tf = source.array(f"{name}.tf") if f"{name}.tf" in source else None
        self._big_at = source.array(f"{name}.big_at", "u8")
        self._big_tf = source.array(f"{name}.big_tf", "u4")
        self.rows = Rows(source, f"{name}.rows", documents)
        self.terms = max(0, len(self._offsets) - 1)

    def extent(self, first: int, end: int) -> tuple[int, int]:
        """Return where the postings of terms ``first`` to ``end`` (exclusive) lie; terms with a row have none."""
        return self._begins[first], self._begins[end]

    def sizes(self, first: int, end: int) -> Ints:
        """Return how many postings each term has, rows apart."""
        return np.diff(self._offsets[first : end + 1]).astype(np.int64)

    def extents(self, terms: Array) -> Ints:
        """Return where the postings of terms begin, rows apart."""
        return self._offsets[terms].astype(np.int64) if len(self._offsets) else np.zeros(len(terms), dtype=np.int64)

    def document_frequencies(self) -> Ints:
        """Return the document frequency of every term, rows included."""
        found = self.sizes(0, self.terms)
        for term, row in self.rows.of_term.items():
            found[term] = self.rows.df[row]
        return found

    def documents(self, a: int, b: int) -> Ids:
        """Return the document numbers of postings ``a`` to ``b``."""
        return documents_at([(self, a, b)])

    def frequencies(self, a: int, b: int) -> Counts:
        """Return the frequencies of postings ``a`` to ``b``."""
        return frequencies_at([(self, a, b)])

    def correct(self, found: Counts, a: int, b: int) -> None:
        """Put the frequencies of 15 and more of postings ``a`` to ``b`` into their places."""
        if len(self._big_at) and len(found):
            first, end = self._big_at.searchsorted(np.array([a, b], dtype=np.uint64))
            found[(self._big_at[first:end] - np.uint64(a)).astype(np.intp)] = self._big_tf[first:end]

    def slice(self, first: int, end: int) -> Postings:
        """Return all postings of terms ``first`` to ``end`` (exclusive), rows included, sorted by term and document."""
        a, b = self.extent(first, end)
        terms = np.repeat(np.arange(first, end), self.sizes(first, end))
        documents, frequencies = self.documents(a, b).astype(np.int64), self.frequencies(a, b).astype(np.int64)
        rows = [(term, row) for term, row in self.rows.of_term.items() if first <= term < end]
        if not rows:
            return Postings(terms, documents, frequencies)
        for term, row in rows:
            inside = self.rows.documents(row)
            terms = np.concatenate([terms, np.full(len(inside), term)])
            documents = np.concatenate([documents, inside])
            frequencies = np.concatenate([frequencies, self.rows.frequencies(row)[inside]])
        order = np.argsort(terms, kind="stable")
        return Postings(terms[order], documents[order], frequencies[order])


def documents_at(places: Sequence[tuple[PostingsReader, int, int]]) -> Ids:
    """Return the document numbers of several runs of postings of one segment, one behind the other."""
    if len(places) == 1:
        postings, a, b = places[0]
        found = postings.low[a:b].astype(np.intp)
        if postings.high is not None:
            found |= postings.high[a:b].astype(np.intp) << 16
        return found
    found = np.concatenate([postings.low[a:b] for postings, a, b in places]).astype(np.intp)
    if places[0][0].high is not None:
        found |= np.concatenate([postings.high[a:b] for postings, a, b in places if postings.high is not None]).astype(np.intp) << 16
    return found


def frequencies_at(places: Sequence[tuple[PostingsReader, int, int]]) -> Counts:
    """Return the frequencies of several runs of postings, one behind the other."""
    packed = [np.zeros(0, np.uint8) if postings.tf is None else postings.tf[a >> 1 : (b + 1) >> 1] for postings, a, b in places]
    nibbles = _NIBBLES[packed[0] if len(packed) == 1 else np.concatenate(packed)].view(np.uint8)
    parts = []
    at = 0
    for (postings, a, b), part in zip(places, packed, strict=True):
        parts.append(np.ones(b - a, np.uint8) if postings.tf is None else nibbles[at + (a & 1) : at + (a & 1) + b - a])
        at += 2 * len(part)
    found = (parts[0] if len(parts) == 1 else np.concatenate(parts)).astype(np.uint32)
    if len(found) and found.max() == _ESCAPE:
        at = 0
        for postings, a, b in places:
            postings.correct(found[at : at + b - a], a, b)
            at += b - a
    return found


class Rows:
    """Frequent keys, a row of frequencies each."""

    def __init__(self, source: SectionReader, name: str, documents: int) -> None:
        self._keys = source.array(f"{name}.keys", "u4")
        self._forms = source.array(f"{name}.forms")
        self.df = source.array(f"{name}.df", "u4")
        self._size = documents
        self._half = (documents + 1) // 2
        self._tf = source.array(f"{name}.tf").reshape(len(self._keys), self._half if len(self._keys) else 0)
        self._bits = source.array(f"{name}.bits").reshape(len(self._keys), (documents + 7) // 8 if len(self._keys) else 0)
        self._big_at = source.array(f"{name}.big_at", "u8")
        self._big_tf = source.array(f"{name}.big_tf", "u4")

    @cached_property
    def of_term(self) -> dict[int, int]:
        """The row of each term that has one."""
        return {key: row for row, key in enumerate(self._keys.tolist()) if not self._forms[row]}

    @cached_property
    def of_form(self) -> dict[int, int]:
        """The row of each folded form that has one."""
        return {key: row for row, key in enumerate(self._keys.tolist()) if self._forms[row]}

    def frequencies(self, row: int) -> Counts:
        """Return the frequency of each document."""
        packed = self._tf[row]
        found = np.empty(self._size, dtype=np.uint32)
        np.bitwise_and(packed, 15, out=found[: self._half], casting="unsafe")
        np.right_shift(packed[: self._size - self._half], 4, out=found[self._half :], casting="unsafe")
        at, big = self.overflow(row)
        found[at] = big
        return found

    def frequencies_of(self, rows: Sequence[int], documents: Ids) -> Counts:
        """Return, for each of some rows, the frequency in each of some documents (ascending)."""
        upper = documents >= self._half
        packed = self._tf[np.array(rows, dtype=np.intp)[:, None], documents - upper * self._half]
        found = (packed >> (upper * np.uint8(4)) & np.uint8(15)).astype(np.uint32)
        if found.size and found.max() == _ESCAPE:
            for row, frequencies in zip(rows, found, strict=True):
                at, big = self.overflow(row)
                held = (frequencies == _ESCAPE).nonzero()[0]
                frequencies[held] = big[at.searchsorted(documents[held])]
        return found

    def holds(self, row: int) -> npt.NDArray[np.uint8]:
        """Return 1 for each document that holds the key, else 0."""
        return np.unpackbits(self._bits[row], count=self._size)

    def union(self, rows: Sequence[int]) -> npt.NDArray[np.uint8]:
        """Return a bit for each document that holds any of some keys, packed."""
        return np.asarray(np.bitwise_or.reduce(self._bits[rows], axis=0))

    def holds_of(self, row: int, documents: Ids) -> npt.NDArray[np.bool_]:
        """Return which of some documents hold the key."""
        return np.asarray((self._bits[row][documents >> 3] >> (7 - (documents & 7)).astype(np.uint8)) & 1, dtype=bool)

    def documents(self, row: int) -> Ids:
        """Return the documents that hold the key."""
        return np.flatnonzero(self.holds(row))

    def overflow(self, row: int) -> tuple[Ids, Counts]:
        """Return the documents with frequencies of 15 and more in a row, and those frequencies."""
        first, end = self._overflow_bounds[row], self._overflow_bounds[row + 1]
        return self._overflow_documents[first:end], self._big_tf[first:end]

    @cached_property
    def _overflow_bounds(self) -> list[int]:
        edges = np.arange(len(self._keys) + 1, dtype=np.uint64) * np.uint64(self._size)
        return self._big_at.searchsorted(edges).tolist()  # type: ignore[no-any-return]

    @cached_property
    def _overflow_documents(self) -> Ids:
        return (self._big_at % np.uint64(max(1, self._size))).astype(np.intp)
