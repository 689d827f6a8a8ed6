"""Captures, articles and the crawl's frontier come in and are kept; ``changes(since)`` gives out what is new.

The only room that touches ``corpus/``. Never fetches, never interprets a page, never alters a captured byte.
"""

from searcher.store.frontier import Due, Frontier
from searcher.store.store import Store, utc_now
from searcher.store.warc import Payload

__all__ = ["Due", "Frontier", "Payload", "Store", "utc_now"]
