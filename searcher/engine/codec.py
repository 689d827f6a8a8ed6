"""Segments as Whoosh sees them: its readers, searchers and matchers work over our columns.

The table of contents pickles the codec's and the fields' classes: their import paths are part of the index's format.
Writing goes through ``WhooshEngine`` alone, which hands over whole arrays; Whoosh's own writers are refused.
"""

from __future__ import annotations

import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from whoosh import fields, formats
from whoosh.codec import base
from whoosh.codec.whoosh3 import W3Segment
from whoosh.matching import ListMatcher
from whoosh.reading import TermInfo, TermNotFound

from searcher.engine.collection import KEYWORDS, SCOPES, Collection
from searcher.engine.dictionary import Dictionary
from searcher.engine.forward import positions
from searcher.engine.leaves import Leaves, Listed, frequencies_in
from searcher.engine.plan import Term
from searcher.engine.postings import Counts, Ids
from searcher.engine.records import unpack_stored
from searcher.engine.scoring import LENGTHS
from searcher.engine.segment import SegmentReader
from searcher.model import Scope
from searcher.vietnamese.analysis import SEPARATOR

TEXT_FIELDS = ("syllables", "pairs", "words", "title")
#: The file of a segment is named after it, with this ending.
EXTENSION = ".columns"
_STATEMENT_PREFIX = "statement_"


class Positions(formats.Format):  # type: ignore[misc]
    """Postings with positions, four bytes each."""

    def decode_positions(self, value: bytes) -> list[int]:
        """Return the ascending positions."""
        found = array.array("I")
        found.frombytes(value)
        return found.tolist()

    def decode_frequency(self, value: bytes) -> int:
        """Return how many positions there are."""
        return len(value) // 4


class TermsField(fields.FieldType):  # type: ignore[misc]
    """A field of terms written "folded TAB accented"."""

    def __init__(self, positional: bool = False) -> None:
        super().__init__(Positions() if positional else formats.Existence(), analyzer=None, scorable=False, stored=False)

    def index(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: analysed arrays are written instead."""
        raise TypeError("documents are added through searcher.engine.WhooshEngine")


def build_schema() -> fields.Schema:
    """Return the schema of a new index."""
    schema = fields.Schema(stored=fields.STORED())
    for scope in SCOPES:
        for name in TEXT_FIELDS:
            schema.add(text_field(name, scope), TermsField(positional=name == "syllables"))
    for name in KEYWORDS:
        schema.add(name, TermsField())
    return schema


def text_field(name: str, scope: Scope) -> str:
    """Return the name that a text field has for Whoosh."""
    return name if scope == "articles" else _STATEMENT_PREFIX + name


class ColumnCodec(base.Codec):  # type: ignore[misc]
    """Reads segments written by ``WhooshEngine``."""

    length_stats = False

    def per_document_reader(self, storage: Any, segment: Any) -> ColumnDocuments:
        """Open what a segment holds of each document."""
        return ColumnDocuments(storage, segment)

    def terms_reader(self, storage: Any, segment: Any) -> ColumnTerms:
        """Open a segment's terms and postings."""
        return ColumnTerms(storage, segment)

    def new_segment(self, storage: Any, indexname: str) -> W3Segment:  # noqa: ARG002  Whoosh's signature
        """Name a new segment."""
        return W3Segment(self, indexname)

    def per_document_writer(self, *_: Any) -> NoReturn:
        """Refuse: segments are written as whole arrays."""
        raise TypeError("documents are added through searcher.engine.WhooshEngine")

    field_writer = per_document_writer


def open_segment(folder: Path, segment: W3Segment) -> SegmentReader:
    """Open a segment's file."""
    deleted = np.fromiter(sorted(segment.deleted_docs()), dtype=np.intp)
    return SegmentReader(folder / segment.make_filename(EXTENSION), deleted)


class ColumnDocuments(base.PerDocumentReader):  # type: ignore[misc]
    """Documents by their numbers."""

    def __init__(self, storage: Any, segment: W3Segment) -> None:
        self._segment = segment
        self._reader = open_segment(Path(storage.folder), segment)

    def close(self) -> None:
        """Let go of the file."""
        self._reader.source.close()

    def doc_count(self) -> int:
        """Return how many documents are not deleted."""
        return int(self._segment.doc_count_all() - self._segment.deleted_count())

    def doc_count_all(self) -> int:
        """Return how many documents there are."""
        return self._reader.size

    def has_deletions(self) -> bool:
        """Whether any document is deleted."""
        return bool(self._segment.has_deletions())

    def is_deleted(self, docnum: int) -> bool:
        """Whether a document is deleted."""
        return bool(self._segment.is_deleted(docnum))

    def deleted_docs(self) -> Iterator[int]:
        """Yield the deleted documents."""
        yield from self._segment.deleted_docs()

    def doc_field_length(self, docnum: int, fieldname: str, default: int = 0) -> int:
        """Return a document's length as Lucene rounds it; all text fields share it."""
        scope, number = self._locate(docnum)
        if fieldname not in (text_field(name, scope) for name in TEXT_FIELDS):
            return default
        return int(LENGTHS[self._reader.collection(scope).length_codes[number]])

    def field_length(self, fieldname: str) -> int:
        """Return the sum of a field's lengths."""
        for scope in SCOPES:
            if fieldname in (text_field(name, scope) for name in TEXT_FIELDS):
                return self._reader.collection(scope).total_length
        return 0

    def min_field_length(self, fieldname: str) -> int:
        """Return the shortest length."""
        return min((self.doc_field_length(d, fieldname) for d in range(self._reader.size)), default=0)

    def max_field_length(self, fieldname: str) -> int:
        """Return the longest length."""
        return max((self.doc_field_length(d, fieldname) for d in range(self._reader.size)), default=0)

    def stored_fields(self, docnum: int) -> dict[str, Any]:
        """Return a document's stored form, under "stored"."""
        scope, number = self._locate(docnum)
        return {"stored": unpack_stored(self._reader.collection(scope).stored(number))[0]}

    def _locate(self, docnum: int) -> tuple[Scope, int]:
        scope = SCOPES[0] if docnum < self._reader.first[SCOPES[1]] else SCOPES[1]
        return scope, docnum - self._reader.first[scope]


class ColumnTerms(base.TermsReader):  # type: ignore[misc]
    """Terms and postings by (field, bytes)."""

    def __init__(self, storage: Any, segment: W3Segment) -> None:
        self._reader = open_segment(Path(storage.folder), segment)
        self._leaves = {scope: Leaves(self._reader.collection(scope)) for scope in SCOPES}
        self._lists: dict[str, list[bytes]] = {}

    def close(self) -> None:
        """Let go of the file."""
        self._reader.source.close()

    def indexed_field_names(self) -> list[str]:
        """Return all fields, sorted."""
        return sorted([*(text_field(name, scope) for scope in SCOPES for name in TEXT_FIELDS), *KEYWORDS])

    def __contains__(self, term: tuple[str, bytes]) -> bool:
        return len(self._postings(*term)[0]) > 0

    def terms(self) -> Iterator[tuple[str, bytes]]:
        """Yield all terms, sorted by field and bytes."""
        for name in self.indexed_field_names():
            yield from ((name, text) for text in self._terms_of(name))

    def terms_from(self, fieldname: str, prefix: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield the terms from ``prefix`` on, through all later fields."""
        return ((name, text) for name, text in self.terms() if (name, text) >= (fieldname, prefix))

    def items(self) -> Iterator[tuple[tuple[str, bytes], TermInfo]]:
        """Yield all terms with their statistics."""
        return ((term, self.term_info(*term)) for term in self.terms())

    def items_from(self, fieldname: str, prefix: bytes) -> Iterator[tuple[tuple[str, bytes], TermInfo]]:
        """Yield terms with their statistics from ``prefix`` on."""
        return ((term, self.term_info(*term)) for term in self.terms_from(fieldname, prefix))

    def term_info(self, fieldname: str, text: bytes) -> TermInfo:
        """Return a term's statistics.

        Raises:
            TermNotFound: no document holds it.
        """
        documents, frequencies = self._postings(fieldname, text)
        if not len(documents):
            raise TermNotFound(f"No term {fieldname}:{text!r}")
        return TermInfo(
            weight=float(frequencies.sum()),
            df=len(documents),
            maxweight=float(frequencies.max()),
            minid=int(documents[0]),
            maxid=int(documents[-1]),
        )

    def frequency(self, fieldname: str, text: bytes) -> float:
        """Return a term's total frequency, 0 if no document holds it."""
        return float(self._postings(fieldname, text)[1].sum())

    def doc_frequency(self, fieldname: str, text: bytes) -> int:
        """Return how many documents hold a term."""
        return len(self._postings(fieldname, text)[0])

    def matcher(self, fieldname: str, text: bytes, format_: Any, scorer: Any = None) -> ListMatcher:
        """Return a matcher over a term's postings.

        Raises:
            TermNotFound: no document holds it.
        """
        info = self.term_info(fieldname, text)
        documents, frequencies = self._postings(fieldname, text)
        values = self._positions(fieldname, text, documents) if isinstance(format_, Positions) else None
        weights = [float(f) for f in frequencies]
        return ListMatcher(documents.tolist(), weights, values, format_, scorer=scorer, term=(fieldname, text), terminfo=info)

    def _scopes(self, fieldname: str) -> list[tuple[Scope, str]]:
        """Return which kinds a field spans, and its name there; keywords are shared."""
        if fieldname in KEYWORDS:
            return [(scope, fieldname) for scope in SCOPES]
        return [(scope, name) for scope in SCOPES for name in TEXT_FIELDS if fieldname == text_field(name, scope)]

    def _postings(self, fieldname: str, text: bytes) -> tuple[Ids, Counts]:
        documents = [np.zeros(0, dtype=np.intp)]
        frequencies = [np.zeros(0, dtype=np.uint32)]
        for scope, name in self._scopes(fieldname):
            if name in KEYWORDS:
                dictionary, postings = self._reader.collection(scope).keyword(name)
                number = dictionary.number(text)
                if number < 0:
                    continue
                a, b = postings.extent(number, number + 1)
                found = Listed(postings.documents(a, b), postings.frequencies(a, b))
            else:
                held = self._leaves[scope].find(Term(name, text.decode("utf-8", "surrogatepass")))  # type: ignore[arg-type]
                found = Listed(held.documents, frequencies_in(held, held.documents))
            documents.append(found.documents + self._reader.first[scope])
            frequencies.append(found.frequencies)
        return np.concatenate(documents), np.concatenate(frequencies)

    def _positions(self, fieldname: str, text: bytes, documents: Ids) -> list[bytes]:
        ((scope, _),) = self._scopes(fieldname)
        collection = self._reader.collection(scope)
        term = collection.terms.number(text)
        found = []
        for document in (documents - self._reader.first[scope]).tolist():
            terms, kinds = collection.elements(document)
            found.append(np.unique(positions(kinds)[terms == term]).astype(np.uint32).tobytes())
        return found

    def _terms_of(self, fieldname: str) -> list[bytes]:
        """Return a field's terms that any document holds, sorted."""
        known = self._lists.get(fieldname)
        if known is None:
            texts: set[bytes] = set()
            for scope, name in self._scopes(fieldname):
                texts |= _all_terms(self._reader.collection(scope), name)
            known = self._lists[fieldname] = sorted(text for text in texts if (fieldname, text) in self)
        return known


def _all_terms(collection: Collection, name: str) -> set[bytes]:
    if name == "pairs":
        tab = SEPARATOR.encode()
        terms = collection.terms.all()
        folded, second, variant = collection.pairs.terms(0, len(collection.pairs.second))
        first = collection.fold_first[folded] + variant
        parts = [(terms[a].split(tab), terms[b].split(tab)) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
        return {a[0] + b" " + b[0] + tab + a[1] + b" " + b[1] for a, b in parts}
    dictionary: Dictionary = collection.terms if name in ("syllables", "title") else collection.keyword(name)[0]
    return set(dictionary.all())
