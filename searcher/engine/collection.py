"""One kind of documents (articles, or statements) of one segment: its columns and fields.

Documents are numbered in the order of (first day, id), undated ones first. Sections, each with the kind's name before it:

    id.at, id.bytes       ids                        id_order  u4   the documents in the order of their ids
    first_day, last_day   i4   day numbers, 0 for none          inexact  u4   documents whose date spans several days
    length                u1   as Lucene rounds lengths
    facet.NAME.at/.bytes  sorted values              facet.NAME.bounds, .ordinals  u4   each document's values
    forward, forward_at   u2, u8   see ``forward``   frequent  i4   the terms with a code of their own
    stored, stored_at     u1, u8   see ``records``
    terms.at, terms.bytes   the terms of syllables, sorted ("folded TAB accented")
    fold                  u4   the first term of each folded form; one more than there are forms
    syllables.*, title.*, pairs.*, words.*, and for keywords KEYWORD.*   see ``postings``, ``pairs``, ``dictionary``
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from searcher.engine.dictionary import REMEMBERED, Dictionary, Strings, to_bytes
from searcher.engine.forward import decode
from searcher.engine.pairs import PairDictionary
from searcher.engine.postings import Ids, Ints, PostingsReader
from searcher.engine.scoring import K1, LENGTHS, B
from searcher.engine.sections import SectionReader
from searcher.model import Scope
from searcher.vietnamese.analysis import SEPARATOR

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

SCOPES: tuple[Scope, ...] = ("articles", "statements")
FACETS = ("speaker", "source", "section")
KEYWORDS = ("speaker", "presider", "attendee", "source", "section", "article", "story")
_TAB = SEPARATOR.encode()


class Collection:
    """Document numbers run from 0 to ``size``; arrays are indexed by them."""

    def __init__(self, source: SectionReader, scope: Scope, deleted: npt.NDArray[np.intp]) -> None:
        self._source, self._name, self.scope = source, scope, scope
        self.size: int = source.meta[scope]["documents"]
        self.total_length: int = source.meta[scope]["length"]
        self.deleted = deleted
        self.ids = Strings(source, f"{scope}.id")
        self.terms = Dictionary(source, f"{scope}.terms")
        self.fold_first = source.array(f"{scope}.fold", "u4")
        self._folds = self.fold_first.data
        self.syllables = PostingsReader(source, f"{scope}.syllables", self.size)
        self.pairs = PairDictionary(source, f"{scope}.pairs", self.fold_first)
        self.pair_postings = PostingsReader(source, f"{scope}.pairs", self.size)
        self.frequent = source.array(f"{scope}.frequent", "i4")
        self.forward = source.array(f"{scope}.forward", "u2")
        self.forward_at = source.array(f"{scope}.forward_at", "u8")
        self.first_day = source.array(f"{scope}.first_day", "i4")
        self.last_day = source.array(f"{scope}.last_day", "i4")
        self.inexact = source.array(f"{scope}.inexact", "u4").astype(np.intp)
        self._norms: tuple[float, Floats] | None = None
        #: Where the postings of leaves lie, filled by ``leaves``.
        self.places: dict[Any, Any] = {}
        self._forms: dict[bytes, int] = {}
        self._keywords: dict[str, tuple[Dictionary, PostingsReader]] = {}

    @cached_property
    def alive(self) -> Bools | None:
        """Which documents are not deleted; None if none is."""
        if not len(self.deleted):
            return None
        alive = np.ones(self.size, dtype=bool)
        alive[self.deleted] = False
        return alive

    @property
    def undated(self) -> int:
        """How many documents have no date: those before this number."""
        return bisect_left(self.first_day.data, 1)

    @cached_property
    def id_order(self) -> Ids:
        """The documents in the order of their ids."""
        return self._source.array(f"{self._name}.id_order", "u4").astype(np.intp)

    @cached_property
    def id_rank(self) -> Ids:
        """Where each document stands in the order of ids."""
        rank = np.empty(self.size, dtype=np.intp)
        rank[self.id_order] = np.arange(self.size)
        return rank

    @property
    def length_codes(self) -> npt.NDArray[np.uint8]:
        """Each document's length as Lucene's byte."""
        return self._source.array(f"{self._name}.length")

    def field(self, name: str) -> tuple[Dictionary, PostingsReader]:
        """Dictionary and postings of ``syllables``, ``title`` (which share a dictionary) or ``words``."""
        if name == "words":
            return self.keyword(name)
        return self.terms, self.title if name == "title" else self.syllables

    @cached_property
    def title(self) -> PostingsReader:
        """Postings of the titles' terms."""
        return PostingsReader(self._source, f"{self._name}.title", self.size)

    def keyword(self, name: str) -> tuple[Dictionary, PostingsReader]:
        """Dictionary and postings of a field with a dictionary of its own."""
        found = self._keywords.get(name)
        if found is None:
            field = f"{self._name}.{name}"
            found = self._keywords[name] = Dictionary(self._source, f"{field}.terms"), PostingsReader(self._source, field, self.size)
        return found

    def norms(self, average: float) -> Floats:
        """Return each document's k1 · (1 - b + b · length / average)."""
        if self._norms is None or self._norms[0] != average:
            by_code = (K1 * (1 - B + B * LENGTHS / average)).astype(np.float32)
            self._norms = average, by_code[self.length_codes]
        return self._norms[1]

    def facet(self, name: str) -> tuple[Strings, npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
        """Return values, bounds (document d has ``bounds[d]`` to ``bounds[d + 1]``) and ordinals into the values."""
        field = f"{self._name}.facet.{name}"
        return Strings(self._source, field), self._source.array(f"{field}.bounds", "u4"), self._source.array(f"{field}.ordinals", "u4")

    def folded(self, term: int) -> int:
        """Return the number of a term's folded form."""
        return bisect_right(self._folds, term) - 1

    def folded_number(self, folded: bytes) -> int:
        """Return the number of a folded form, -1 if no term has it."""
        known = self._forms.get(folded)
        if known is None:
            first = self.terms.first_from(folded + _TAB)
            known = self.folded(first) if first < len(self.terms) and self.terms[first].startswith(folded + _TAB) else -1
            if len(self._forms) > REMEMBERED:
                self._forms.clear()
            self._forms[folded] = known
        return known

    def find(self, document_id: str) -> int:
        """Return the number of the document with an id, deleted or not; -1 if there is none."""
        wanted = to_bytes(document_id)
        low, high = 0, self.size
        order, ids = self._source.array(f"{self._name}.id_order", "u4"), self.ids
        while low < high:
            middle = (low + high) // 2
            if ids[order[middle]] < wanted:
                low = middle + 1
            else:
                high = middle
        return int(order[low]) if low < self.size and ids[order[low]] == wanted else -1

    def is_alive(self, document: int) -> bool:
        """Whether a document is not deleted."""
        return self.alive is None or bool(self.alive[document])

    def id_of(self, document: int) -> str:
        """Return a document's id."""
        return self.ids[document].decode("utf-8", "surrogatepass")

    def stored(self, document: int) -> bytes:
        """Return a document's stored form, as ``records`` packs it."""
        at = self._source.array(f"{self._name}.stored_at", "u8")
        return bytes(self._source.array(f"{self._name}.stored").data[at[document] : at[document + 1]])

    def elements(self, document: int) -> tuple[Ints, npt.NDArray[np.uint8]]:
        """Return terms and kinds of a document's elements, in order."""
        terms, kinds, _ = decode(self.codes(document, document + 1), self.frequent)
        return terms, kinds

    def codes(self, first: int, end: int) -> npt.NDArray[np.uint16]:
        """Return the forward codes of documents ``first`` to ``end`` (exclusive)."""
        return self.forward[self.forward_at[first] : self.forward_at[end]]
