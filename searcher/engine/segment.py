"""One segment of the index as arrays: postings, lengths, dates and facets, read once and kept while they are used."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from whoosh.reading import IndexReader, TermNotFound

from searcher.engine.schema import SCOPES
from searcher.model import Scope

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
T = TypeVar("T")

_CACHED_POSTINGS = 8_000_000  # entries kept a segment, 16 bytes each


class SegmentReader:
    """Document numbers run from 0 to ``size``; arrays are indexed by them."""

    def __init__(self, reader: IndexReader) -> None:
        self._reader = reader
        self.size: int = reader.doc_count_all()
        self._postings: OrderedDict[tuple[str, bytes], tuple[Ids, Floats]] = OrderedDict()
        self._cached = 0

    @cached_property
    def alive(self) -> Bools:
        """Which documents are not deleted."""
        if not self._reader.has_deletions():
            return np.ones(self.size, dtype=bool)
        return np.fromiter((not self._reader.is_deleted(i) for i in range(self.size)), dtype=bool, count=self.size)

    @cached_property
    def ids(self) -> list[str]:
        """The id of each document."""
        return [value.decode() for value in self._column("doc_id")]

    @cached_property
    def number_of(self) -> dict[str, int]:
        """The number of each document that is not deleted, by its id."""
        return {name: i for i, name in enumerate(self.ids) if self.alive[i]}

    @cached_property
    def lengths(self) -> Ids:
        """The length of each document in tokens, the title counted with its weight."""
        return self._numbers("length")

    @cached_property
    def days(self) -> tuple[Ids, Ids]:
        """First and last day that each document's date may mean; 0 where there is none."""
        return self._numbers("first_day"), self._numbers("last_day")

    @cached_property
    def _scopes(self) -> Ids:
        return self._numbers("scope")

    def in_scope(self, scope: Scope) -> Bools:
        """Which documents are of a kind, deleted ones included."""
        return np.asarray(self._scopes == SCOPES[scope])

    def facet_values(self, name: str) -> tuple[list[str], Ids, Ids]:
        """Return (values, document numbers, ordinals): one entry for each value a document has."""
        cached = self._facets.get(name)
        if cached is None:
            ordinals: dict[str, int] = {}
            pairs = [
                (document, ordinals.setdefault(value, len(ordinals)))
                for document, raw in enumerate(self._column(f"facet_{name}"))
                if raw
                for value in raw.decode("utf-8", "surrogatepass").split("\n")
            ]
            table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
            cached = self._facets[name] = (list(ordinals), table[:, 0], table[:, 1])
        return cached

    @cached_property
    def _facets(self) -> dict[str, tuple[list[str], Ids, Ids]]:
        return {}

    def postings(self, field: str, term: bytes) -> tuple[Ids, Floats]:
        """Return document numbers, ascending, and weights of a term; deleted documents are left out."""
        key = (field, term)
        found = self._postings.get(key)
        if found is not None:
            self._postings.move_to_end(key)
            return found
        documents: list[int] = []
        weights: list[float] = []
        matcher = self._matcher(field, term)
        while matcher is not None and matcher.is_active():
            documents.append(matcher.id())
            weights.append(matcher.weight())
            matcher.next()
        found = np.array(documents, dtype=np.int64), np.array(weights, dtype=np.float64)
        self._keep(key, found)
        return found

    def positions(self, field: str, term: bytes, documents: Ids) -> dict[int, list[int]]:
        """Return the positions of a term in those of ``documents`` (ascending) that hold it."""
        found: dict[int, list[int]] = {}
        matcher = self._matcher(field, term)
        if matcher is None:
            return found
        for document in documents.tolist():
            if not matcher.is_active():
                break
            matcher.skip_to(document)
            if matcher.is_active() and matcher.id() == document:
                found[document] = matcher.value_as("positions")
        return found

    def terms(self, field: str, prefix: str) -> Iterator[bytes]:
        """Yield the terms of a field that begin with ``prefix``, in byte order."""
        yield from self._reader.expand_prefix(field, prefix.encode("utf-8", "surrogatepass")) if field in self._reader.schema else ()

    def frequency(self, field: str, term: bytes) -> tuple[int, int]:
        """Return document frequency and total weight of a term, deleted documents included."""
        try:
            info = self._reader.term_info(field, term)
        except (TermNotFound, KeyError):
            return 0, 0
        return int(info.doc_frequency()), int(info.weight())

    def stored(self, document: int) -> str:
        """Return the stored form of a document."""
        return str(self._reader.stored_fields(document)["stored"])

    def verify(self) -> Iterator[str]:
        """Read everything there is; yield the problems."""
        checks: list[tuple[str, Callable[[], Any]]] = [("columns", lambda: (self.ids, self.lengths, self.days, self._scopes))]
        checks.append(("stored documents", lambda: [self.stored(i) for i in range(self.size) if self.alive[i]]))
        for name, read in checks:
            try:
                read()
            except Exception as error:  # noqa: BLE001  whatever damaged bytes raise is the finding
                yield f"{name}: {type(error).__name__}: {error}"
        try:
            for field, term in self._reader.all_terms():
                matcher = self._reader.postings(field, term)
                while matcher.is_active():
                    if not 0 <= matcher.id() < self.size:
                        yield f"postings of {field}:{term!r} name document {matcher.id()} of {self.size}"
                    matcher.value()
                    matcher.next()
        except Exception as error:  # noqa: BLE001
            yield f"postings: {type(error).__name__}: {error}"

    def _matcher(self, field: str, term: bytes) -> Any:
        try:
            return self._reader.postings(field, term)
        except TermNotFound:
            return None

    def _keep(self, key: tuple[str, bytes], found: tuple[Ids, Floats]) -> None:
        self._postings[key] = found
        self._cached += len(found[0]) + 16
        while self._cached > _CACHED_POSTINGS and len(self._postings) > 1:
            _, (documents, _) = self._postings.popitem(last=False)
            self._cached -= len(documents) + 16

    def _column(self, name: str) -> Iterator[bytes]:
        column = self._reader.column_reader(name)
        return (column[i] for i in range(self.size))

    def _numbers(self, name: str) -> Ids:
        column = self._reader.column_reader(name)
        return np.fromiter((column[i] for i in range(self.size)), dtype=np.int64, count=self.size)
