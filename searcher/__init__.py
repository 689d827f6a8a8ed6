"""Full-text search over the news archives of Vietnamese wards (phường) and communes (xã).

``Archive`` is the way in; everything that goes in or comes out is in ``searcher.model``, every error in ``searcher.errors``.
"""

from searcher.archive import Archive
from searcher.errors import (
    ArchiveError,
    ArchiveLocked,
    FetchError,
    IndexDamaged,
    IndexMismatch,
    InputError,
    ModelError,
    QueryError,
    SearcherError,
    StoreError,
)
from searcher.model import Article, Hit, Results, Segment, Statement

__version__ = "0.1.0"

__all__ = [
    "Archive", "ArchiveError", "ArchiveLocked", "Article", "FetchError", "Hit", "IndexDamaged", "IndexMismatch", "InputError", "ModelError",
    "QueryError", "Results", "SearcherError", "Segment", "Statement", "StoreError", "__version__",
]  # fmt: skip
