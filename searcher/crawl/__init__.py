"""Seeds come in; captures and newly found addresses go to the store, one request at a time per host and with a pause.

Never reads what a page says beyond its links, and never asks for what robots.txt refuses.
"""

from searcher.crawl.crawler import Crawler, CrawlOptions, CrawlReport
from searcher.crawl.fetch import Fetcher, Resolver, any_address, parse_resolve, public_address

__all__ = ["CrawlOptions", "CrawlReport", "Crawler", "Fetcher", "Resolver", "any_address", "parse_resolve", "public_address"]
