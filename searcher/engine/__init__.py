"""Records come in and are indexed; a ``Plan`` comes in and matching documents, scores and counts go out.

Never parses a query, never touches ``corpus/``, and lets no object of the index library out.
"""

from searcher.engine.base import Engine, Found, Occurrence, ScoredDocument, Snapshot, StoredDocument
from searcher.engine.plan import (
    And,
    AtLeast,
    DateRange,
    Everything,
    Keyword,
    Node,
    Not,
    Or,
    Phrase,
    Plan,
    Prefix,
    Scored,
    Term,
    Variants,
)
from searcher.engine.whoosh_engine import WhooshEngine

__all__ = [
    "And", "AtLeast", "DateRange", "Engine", "Everything", "Found", "Keyword", "Node", "Not", "Occurrence", "Or", "Phrase", "Plan", "Prefix", "Scored",
    "ScoredDocument", "Snapshot", "StoredDocument", "Term", "Variants", "WhooshEngine",
]  # fmt: skip
