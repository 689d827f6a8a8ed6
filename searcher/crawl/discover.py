"""Where a page, a sitemap or a feed leads."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import feedparser
from lxml import etree

from searcher.html import Page, Profile, canonical

_NOT_TEXT = re.compile(
    r"\.(?:jpe?g|png|gif|webp|svg|ico|bmp|css|js|woff2?|ttf|eot|mp[34]|avi|mov|wmv|flv|zip|rar|7z|gz|exe|apk|xlsx?|pptx?)$", re.IGNORECASE
)
_SITEMAP = re.compile(r"sitemap[\w.-]*\.xml(?:\.gz)?$", re.IGNORECASE)
_LONGEST = 800
_MOST_SEGMENTS = 12


def page_links(page: Page, profile: Profile | None) -> list[str]:
    """Return the addresses a page leads to, other views of an article turned into the article's own address."""
    found = [url for url, _ in page.links()]
    for tag in page.select('link[rel~="alternate"][href], link[rel~="canonical"][href], link[rel~="next"][href]'):
        if "alternate" not in (tag.get("rel") or "").split() or "xml" in (tag.get("type") or ""):
            url = canonical(tag.get("href"), page.base)
            found += [url] if url else []
    if profile is not None:
        found = [address for url in found if (address := profile.address(url))]
    return wanted(found)


def xml_links(url: str, content: bytes, since: dt.date | None = None) -> list[str]:
    """Return the addresses in a sitemap, a sitemap index or a feed, without those last changed before ``since``."""
    try:
        # No entities, no network: a sitemap needs neither.
        root = etree.fromstring(content, etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False))
    except etree.XMLSyntaxError:
        return []
    if root is None:
        return []
    if etree.QName(root).localname in ("sitemapindex", "urlset"):
        dated = [(canonical(node.text or "", url), node.getparent().findtext("{*}lastmod") or "") for node in root.iter("{*}loc")]
        found = [link for link, changed in dated if since is None or not changed or changed.strip()[:10] >= since.isoformat()]
    else:
        found = [canonical(entry.get("link", ""), url) for entry in feedparser.parse(content).entries if entry.get("link")]
    return wanted(filter(None, found))


def wanted(urls: Iterable[str]) -> list[str]:
    """Return each address once, without pictures, scripts and the like, and without obvious loops."""
    return [
        url
        for url in dict.fromkeys(urls)
        if _SITEMAP.search(urlsplit(url).path) or not (_NOT_TEXT.search(urlsplit(url).path) or _runs_away(url))
    ]


def _runs_away(url: str) -> bool:
    segments = [s for s in urlsplit(url).path.split("/") if s]
    return len(url) > _LONGEST or len(segments) > _MOST_SEGMENTS or any(segments.count(s) > 2 for s in segments)
