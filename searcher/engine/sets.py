"""Sets of documents: a list of their numbers, ascending, or a mask over all."""

from __future__ import annotations

from typing import TypeGuard, cast

import numpy as np

from searcher.engine.collection import Bools
from searcher.engine.postings import Ids


def is_mask(found: Ids | Bools) -> TypeGuard[Bools]:
    """Whether a set is a mask."""
    return found.dtype == bool


def as_mask(found: Ids | Bools, size: int) -> Bools:
    """Return a set of documents out of ``size`` as a mask."""
    if is_mask(found):
        return found
    mask = np.zeros(size, dtype=bool)
    mask[found] = True
    return mask


def as_list(found: Ids | Bools) -> Ids:
    """Return a set as a list."""
    return found.nonzero()[0] if is_mask(found) else cast("Ids", found)
