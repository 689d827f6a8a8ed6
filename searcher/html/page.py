"""A page, parsed once: what all readers of HTML work on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PreformattedString

from searcher.html.decode import decode
from searcher.html.urls import canonical

_BLOCKS = frozenset(
    "address article aside blockquote br caption dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header"
    " hr li main nav ol p pre section table tbody td tfoot th thead tr ul".split()
)
_SILENT = frozenset("script style noscript template iframe button select option svg".split())
_SPACES = re.compile(r"\s+")


class Page:
    """One HTML page: its text decoded, its tree parsed, its address known."""

    def __init__(self, url: str, content: bytes, charset: str | None = None) -> None:
        decoded = decode(content, charset)
        self.url = url
        self.charset = decoded.charset
        self.soup = BeautifulSoup(decoded.text, "lxml")

    @property
    def base(self) -> str:
        """What relative links are relative to."""
        tag = self.soup.find("base", href=True)
        return canonical(str(tag["href"]), self.url) or self.url if isinstance(tag, Tag) else self.url

    def select(self, selector: str) -> list[Tag]:
        """Return the elements that match a CSS selector, in order."""
        return list(self.soup.select(selector))

    def meta(self, *names: str) -> str:
        """Return the content of the first <meta> with one of these names or properties."""
        for name in names:
            for key in ("property", "name", "itemprop"):
                tag = self.soup.find("meta", attrs={key: name})
                if isinstance(tag, Tag) and str(tag.get("content", "")).strip():
                    return _SPACES.sub(" ", str(tag["content"])).strip()
        return ""

    def json_ld(self) -> Iterator[dict[str, Any]]:
        """Yield the JSON-LD objects of the page, graphs unfolded; what is no JSON is passed over."""
        for tag in self.soup.find_all("script", type="application/ld+json"):
            try:
                waiting = [json.loads(tag.get_text(), strict=False)]
            except json.JSONDecodeError:
                continue
            while waiting:
                item = waiting.pop(0)
                if isinstance(item, list):
                    waiting += item
                elif isinstance(item, dict):
                    yield item
                    waiting += [item["@graph"]] if "@graph" in item else []

    def links(self) -> list[tuple[str, str]]:
        """Return (canonical address, text) of the links a robot may follow, each address once."""
        found: dict[str, str] = {}
        base = self.base
        for tag in self.soup.find_all("a", href=True):
            if "nofollow" in (tag.get("rel") or ()):
                continue
            url = canonical(str(tag["href"]), base)
            if url:
                found.setdefault(url, inline_text(tag))
        return list(found.items())


def paragraphs(tag: Tag) -> list[str]:
    """Return the text of ``tag`` as paragraphs: a new one at each block element and line break, white space folded."""
    pieces: list[str] = []

    def walk(node: Tag) -> None:
        for child in node.children:
            if isinstance(child, Tag):
                if child.name in _SILENT:
                    continue
                block = child.name in _BLOCKS
                if block:
                    pieces.append("\n")
                walk(child)
                if block:
                    pieces.append("\n")
            elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
                pieces.append(_SPACES.sub(" ", str(child)))

    walk(tag)
    return [line for raw in "".join(pieces).split("\n") if (line := _SPACES.sub(" ", raw).strip())]


def inline_text(tag: Tag) -> str:
    """Return the text of ``tag`` on one line."""
    return " ".join(paragraphs(tag))
