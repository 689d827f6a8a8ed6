"""One segment of the index: its file, its kinds of documents, and which of them are deleted.

Whoosh numbers the documents of a segment through: articles first, statements behind them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from searcher.engine.collection import SCOPES, Collection
from searcher.engine.sections import SectionReader
from searcher.model import Scope


class SegmentReader:
    """A segment with its deletions as they were when it was opened."""

    def __init__(self, path: Path, deleted: npt.NDArray[np.intp]) -> None:
        self.source = SectionReader(path)
        self._collections: dict[Scope, Collection] = {}
        self.first: dict[Scope, int] = {}
        at = 0
        for scope in SCOPES:
            size = int(self.source.meta[scope]["documents"])
            inside = deleted[(deleted >= at) & (deleted < at + size)] - at
            self._collections[scope] = Collection(self.source, scope, inside)
            self.first[scope] = at
            at += size
        self.size = at

    def collection(self, scope: Scope) -> Collection:
        """Return the documents of a kind."""
        return self._collections[scope]
