"""A page, parsed once: what all readers of HTML work on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

from lxml import etree, html
from lxml.cssselect import CSSSelector

from searcher.html.decode import decode
from searcher.html.urls import canonical

#: An ``lxml.html.HtmlElement``; lxml comes without types.
Element: TypeAlias = Any

BLOCKS = frozenset(
    "address article aside blockquote body br caption center dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6"
    " header hr li main nav ol p pre section summary table tbody td tfoot th thead tr ul".split()
)
SILENT = frozenset("script style template iframe button select option svg object embed canvas audio video textarea".split())
_SPACES = re.compile(r"\s+")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
#: Deeper elements are read as if they stood at this depth: nobody writes them, and walking them takes time.
_DEEPEST = 250


class Page:
    """One HTML page: its text decoded, its tree parsed, its address known."""

    def __init__(self, url: str, content: bytes, charset: str | None = None) -> None:
        decoded = decode(content, charset)
        self.url = url
        self.charset = decoded.charset
        self.charset_reason = decoded.reason
        self.text = decoded.text
        self.tree = _parse(decoded.text)

    @cached_property
    def base(self) -> str:
        """What relative links are relative to."""
        for tag in self.tree.iter("base"):
            if tag.get("href"):
                return canonical(tag.get("href"), self.url) or self.url
        return self.url

    def select(self, selector: str) -> list[Element]:
        """Return the elements that match a CSS selector, in order."""
        return list(compiled(selector)(self.tree))

    def select_one(self, selector: str) -> Element | None:
        """Return the first element that matches a CSS selector."""
        found = compiled(selector)(self.tree)
        return found[0] if found else None

    @cached_property
    def _meta(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for tag in self.tree.iter("meta"):
            content = _SPACES.sub(" ", tag.get("content") or "").strip()
            if content:
                for key in ("property", "name", "itemprop"):
                    if tag.get(key):
                        found.setdefault(tag.get(key).strip().lower(), content)
        return found

    def meta(self, *names: str) -> str:
        """Return the content of the first <meta> with one of these names or properties."""
        return next((self._meta[name.lower()] for name in names if name.lower() in self._meta), "")

    def json_ld(self) -> Iterator[dict[str, Any]]:
        """Yield the JSON-LD objects of the page, graphs unfolded; what is no JSON is passed over."""
        for tag in self.tree.iter("script"):
            if (tag.get("type") or "").lower() != "application/ld+json":
                continue
            try:
                waiting = [json.loads(tag.text or "", strict=False)]
            except (json.JSONDecodeError, RecursionError):
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
        for tag in self.tree.iter("a"):
            if tag.get("href") and "nofollow" not in (tag.get("rel") or "").lower().split():
                url = canonical(tag.get("href"), self.base)
                if url and url not in found:
                    found[url] = inline_text(tag)
        return list(found.items())


def paragraphs(element: Element, left_out: frozenset[Element] | set[Element] = frozenset()) -> list[str]:
    """Return the text of ``element`` as paragraphs: a new one at each block element and line break, white space folded.

    ``left_out`` are elements within it whose text is passed over.
    """
    pieces: list[str] = []
    waiting: list[tuple[Element, bool]] = [(element, False)]
    while waiting:
        node, closing = waiting.pop()
        block = node.tag in BLOCKS
        if closing:
            if block:
                pieces.append("\n")
            if node is not element and node.tail:
                pieces.append(_SPACES.sub(" ", node.tail))
            continue
        if not isinstance(node.tag, str) or node.tag in SILENT or node in left_out:
            if node.tail and node is not element:
                pieces.append(_SPACES.sub(" ", node.tail))
            continue
        if block:
            pieces.append("\n")
        if node.text:
            pieces.append(_SPACES.sub(" ", node.text))
        waiting.append((node, True))
        waiting += [(child, False) for child in reversed(node)]
    return [line for raw in "".join(pieces).split("\n") if (line := _SPACES.sub(" ", raw).strip())]


def inline_text(element: Element) -> str:
    """Return the text of ``element`` on one line."""
    return " ".join(paragraphs(element))


def marks(element: Element) -> str:
    """Return the class names and the id of an element."""
    return f"{element.get('class') or ''} {element.get('id') or ''}".strip()


@lru_cache(1000)
def compiled(selector: str) -> CSSSelector:
    """Return a CSS selector, ready to be applied.

    Raises:
        SelectorError: it is none.
    """
    return CSSSelector(selector, translator="html")


def _parse(text: str) -> Element:
    # The text goes to the parser as UTF-8 whatever the page declares: it is decoded already.
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    content = _NO_TEXT.sub("", text).encode("utf-8", "replace")
    try:
        root = html.document_fromstring(content, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, AssertionError):
        return html.document_fromstring("<html><body></body></html>")
    return _flattened(root)


def _flattened(root: Element) -> Element:
    """Cut what is nested deeper than anybody writes, so that no reader has to walk it; its text stays."""
    level = [root]
    for _ in range(_DEEPEST):
        level = [child for parent in level for child in parent if isinstance(child.tag, str)]
        if not level:
            return root
    for element in level:
        text = " ".join(element.itertext())
        for child in list(element):
            element.remove(child)
        element.text = text
    return root
