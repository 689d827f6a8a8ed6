"""What an engine is asked: a frozen tree that says which documents match and how they are ranked.

Fields of an article: ``syllables`` (with positions), ``pairs`` (neighbouring syllables), ``words``, ``title``; keywords
``speaker``, ``presider``, ``attendee``, ``source``, ``section``, ``article``. Statements have the same ones. Terms are written
"folded TAB accented" (see ``searcher.vietnamese.analysis``).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal, TypeAlias

from searcher.model import Scope, Sort

Field = Literal["syllables", "pairs", "words", "title"]
KeywordField = Literal["speaker", "presider", "attendee", "source", "section", "article", "story"]


@dataclass(frozen=True, slots=True)
class Term:
    """Documents that hold a term."""

    field: Field
    text: str


@dataclass(frozen=True, slots=True)
class Variants:
    """Documents that hold any accented variant of a folded form; scored as if all variants were one term."""

    field: Field
    folded: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """Documents that hold a term whose folded form begins with ``folded`` (and, if given, its accented form alike)."""

    field: Field
    folded: str
    accented: str = ""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Documents that hold the parts one behind the other, up to ``slop`` positions apart in all."""

    parts: tuple[Term | Variants, ...]
    slop: int = 0


@dataclass(frozen=True, slots=True)
class And:
    """Documents that match all of the nodes."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Documents that match any of the nodes."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Documents that match at least ``count`` of the nodes."""

    nodes: tuple[Node, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Not:
    """Documents that do not match the node."""

    node: Node


@dataclass(frozen=True, slots=True)
class Keyword:
    """Documents whose keyword field holds the value: exactly, or any accented variant of it if ``folded``."""

    field: KeywordField
    text: str
    folded: bool = False


@dataclass(frozen=True, slots=True)
class DateRange:
    """Documents whose date may lie between two days, both included; undated documents never match."""

    first: dt.date | None
    last: dt.date | None


@dataclass(frozen=True, slots=True)
class Everything:
    """All documents."""


Node: TypeAlias = Term | Variants | Prefix | Phrase | And | Or | AtLeast | Not | Keyword | DateRange | Everything


@dataclass(frozen=True, slots=True)
class Scored:
    """A leaf that adds ``boost`` times its BM25 score."""

    node: Term | Variants | Phrase
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole question. ``after`` is the (sort key, id) of the last document already seen."""

    matching: Node
    ranking: tuple[Scored, ...] = ()
    scope: Scope = "articles"
    sort: Sort = "relevance"
    limit: int = 10
    after: tuple[float, str] | None = None
