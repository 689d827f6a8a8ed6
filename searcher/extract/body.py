"""Finding the story on a page of an unknown platform: the block with the most prose outside of links."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, Tag

_BOILERPLATE = re.compile(
    r"(?:^|[\s_-])(?:nav|menu|footer|header|sidebar|related|comment|share|social|breadcrumb|banner|advert|ads|popup|tags?|author-box|lienquan|tinlienquan"
    r"|tin-?khac|other-?news|readmore|newsletter|print|hidden)(?:$|[\s_-])",
    re.IGNORECASE,
)
_SHORTEST = 40
_CONTAINERS = frozenset({"p", "div", "table", "ul", "td"})


def best_block(soup: BeautifulSoup) -> Tag | None:
    """Return the element that holds the article's text: what a page declares as its body, else the best scored one.

    Each paragraph of prose counts its length for its parent and half of it for its grandparent, links not counted.
    """
    declared = soup.select_one("[itemprop=articleBody]")
    if isinstance(declared, Tag) and len(declared.get_text()) > 4 * _SHORTEST:
        return declared
    scores: dict[int, float] = {}
    tags: dict[int, Tag] = {}
    for tag in soup.find_all(["p", "div", "td", "span"]):
        if tag.name != "p" and any(isinstance(child, Tag) and child.name in _CONTAINERS for child in tag.children):
            continue
        prose = _prose(tag)
        if prose < _SHORTEST or _inside_boilerplate(tag):
            continue
        for ancestor, share in zip(tag.parents, (1.0, 0.5), strict=False):
            scores[id(ancestor)] = scores.get(id(ancestor), 0.0) + share * prose
            tags[id(ancestor)] = ancestor
    return tags[max(scores, key=scores.__getitem__)] if scores else None


def prune(block: Tag) -> list[Tag]:
    """Return the elements within ``block`` that are not the story: captions, related links, buttons, lists of links."""
    found: list[Tag] = []
    for tag in block.select("*"):
        if any(parent in found for parent in tag.parents):
            continue
        links = sum(len(a.get_text(strip=True)) for a in tag.find_all("a"))
        length = len(tag.get_text(strip=True))
        linked = tag.name in ("ul", "ol", "div", "table") and length and links > 0.6 * length
        if tag.name in ("figure", "figcaption", "nav", "aside", "footer", "form") or linked or _BOILERPLATE.search(_marks(tag)):
            found.append(tag)
    return found


def _prose(tag: Tag) -> int:
    text = len(tag.get_text(" ", strip=True))
    links = sum(len(a.get_text(strip=True)) for a in tag.find_all("a"))
    return text - 2 * links


def _inside_boilerplate(tag: Tag) -> bool:
    return any(
        parent.name in ("nav", "aside", "footer", "header") or _BOILERPLATE.search(_marks(parent))
        for parent in tag.parents
        if parent.name not in ("body", "html", "[document]")
    )


def _marks(tag: Tag) -> str:
    return " ".join([*(str(c) for c in tag.get_attribute_list("class") if c), str(tag.get("id") or "")])
