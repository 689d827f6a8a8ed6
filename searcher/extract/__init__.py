"""A captured page or document comes in; an article goes out, each of its fields with the layer that gave it.

Never fetches, never keeps anything, and invents nothing: what a page does not say stays empty.
"""

from searcher.extract.article import EXTRACTOR_VERSION, article_address, extract, is_article, read_document

__all__ = ["EXTRACTOR_VERSION", "article_address", "extract", "is_article", "read_document"]
