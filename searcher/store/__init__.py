"""Captures, articles and the crawl's frontier come in and are kept; ``changes(since)`` gives out what is new.

The only room that touches ``corpus/``. Never fetches, never interprets a page, never alters a captured byte.
"""

from searcher.store.custody import Citation, back_up_corpus, cdxj, cite, copy_tree, replay
from searcher.store.frontier import Due, Frontier
from searcher.store.store import Store, utc_now
from searcher.store.warc import Foreign, Payload, read_foreign

__all__ = [
    "Citation",
    "Due",
    "Foreign",
    "Frontier",
    "Payload",
    "Store",
    "back_up_corpus",
    "cdxj",
    "cite",
    "copy_tree",
    "read_foreign",
    "replay",
    "utc_now",
]
