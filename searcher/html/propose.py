"""Proposing a site profile: what marks title, date and body on some articles of one site, in the form of a data file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence

from bs4 import BeautifulSoup, Tag

from searcher.errors import InputError
from searcher.html.decode import decode
from searcher.vietnamese.dates import parse_date
from searcher.vietnamese.normalise import fold

_FEWEST = 2
_LONGEST_DATE = 160
_TITLE = re.compile(r"title|headline|heading|tieu-?de", re.IGNORECASE)
#: A body must hold so much of the text on each page.
_COVERED = 0.5


def propose(pages: Sequence[tuple[str, bytes]]) -> str:
    """Return a profile, as TOML, that reads ``pages`` – (address, content) of some articles of one site.

    Raises:
        InputError: fewer than two pages, or nothing marks their titles and bodies alike.
    """
    if len(pages) < _FEWEST:
        raise InputError("profile", "name at least two articles of the site")
    soups = [BeautifulSoup(decode(content).text, "lxml") for _, content in pages]
    for soup in soups:
        for tag in soup.find_all(["script", "style", "noscript", "template"]):
            tag.decompose()
    title = _common(soups, _titles) or _common(soups, _named_titles)
    if not title:
        raise InputError(pages[0][0], "nothing marks the titles of these pages alike; name articles of one site, not listings")
    body = _common(soups, _bodies, smallest=True)
    if not body:
        raise InputError(pages[0][0], "nothing marks the texts of these pages alike; name articles of one site, not listings")
    date = _common(soups, _dates, distinct=False)
    generator = next((str(tag.get("content", "")) for tag in soups[0].select('meta[name="generator"]')), "")
    lines = [f"# Proposed from {len(pages)} pages; compare what it reads with what they show before it is used."]
    word = generator.split(" ")[0]
    detect = [f'meta[name="generator"][content^="{word}"]'] if word else [title, body]
    lines.append(f"detect = [{', '.join(map(_quoted, detect))}]")
    lines += [f"article = [{_quoted(title)}, {_quoted(body)}]", "", "[fields]", f"title = {_quoted(title)}", f"body = {_quoted(body)}"]
    if date:
        lines.append(f"date = {_quoted(date)}")
    return "\n".join(lines) + "\n"


def _common(
    soups: Sequence[BeautifulSoup], find: Callable[[BeautifulSoup], Iterator[Tag]], *, smallest: bool = False, distinct: bool = True
) -> str:
    """Return the selector that finds, first of all, what ``find`` yields on every page; the simplest, or that of the smallest text.

    ``distinct`` texts differ from page to page.
    """
    wanted = [list(find(soup)) for soup in soups]
    best: tuple[int, int, str] | None = None
    for tag in wanted[0]:
        for selector in _selectors(tag):
            found = [soup.select_one(selector) for soup in soups]
            if all(any(one is tag for tag in tags) for one, tags in zip(found, wanted, strict=True)) and (
                not distinct or len({one.get_text() for one in found if one is not None}) == len(soups)
            ):
                size = len(tag.get_text()) if smallest else 0
                cost = (size, len(selector), selector)
                best = cost if best is None or cost < best else best
    return best[2] if best else ""


def _selectors(tag: Tag) -> Iterator[str]:
    """Yield simple selectors of an element: by property, id and class names without digits, alone and below its parent."""
    own = []
    if tag.get("itemprop"):
        own.append(f'[itemprop="{tag["itemprop"]}"]')
    if tag.get("id") and str(tag["id"]).replace("-", "").replace("_", "").isalpha():
        own.append(f"#{tag['id']}")
    own += [f"{tag.name}.{name}" for name in tag.get_attribute_list("class") if name and name.replace("-", "").replace("_", "").isalpha()]
    if tag.name in ("h1", "article", "time"):
        own.append(tag.name)
    yield from own
    parent = tag.parent
    if parent is not None and parent.name not in ("body", "html", "[document]"):
        above = [f".{name}" for name in parent.get_attribute_list("class") if name and name.replace("-", "").replace("_", "").isalpha()]
        yield from (f"{outer} > {inner}" for outer in above for inner in (own or [tag.name]))


def _titles(soup: BeautifulSoup) -> Iterator[Tag]:
    told = [str(tag.get("content", "")) for tag in soup.select('meta[property="og:title"]')] + [soup.title.get_text() if soup.title else ""]
    for tag in soup.find_all(["h1", "h2", "h3", "div", "span", "p", "td"]):
        text = fold(" ".join(tag.get_text(" ").split()))
        if 10 < len(text) < 300 and any(text in fold(t) for t in told if t):
            yield tag


def _named_titles(soup: BeautifulSoup) -> Iterator[Tag]:
    for tag in soup.find_all(["h1", "h2", "h3", "div", "span", "p", "td"]):
        names = " ".join([*tag.get_attribute_list("class"), str(tag.get("id") or "")]) if tag.get("class") or tag.get("id") else ""
        if 10 < len(tag.get_text(strip=True)) < 300 and (tag.name == "h1" or _TITLE.search(names)):
            yield tag


def _bodies(soup: BeautifulSoup) -> Iterator[Tag]:
    """Elements without headline or navigation that hold most of the text outside of links."""
    sizes = {}
    for tag in soup.find_all(["div", "article", "section", "td", "main"]):
        if not tag.find(["h1", "nav", "footer", "header", "form"]):
            size = len(tag.get_text(" ", strip=True)) - 2 * sum(len(a.get_text(strip=True)) for a in tag.find_all("a"))
            sizes[id(tag)] = (size, tag)
    most = max((size for size, _ in sizes.values()), default=0)
    yield from (tag for size, tag in sizes.values() if size >= _COVERED * most > 0)


def _dates(soup: BeautifulSoup) -> Iterator[Tag]:
    for tag in soup.find_all(["time", "span", "div", "p", "em", "li", "td"]):
        text = tag.get_text(" ", strip=True)
        if len(text) < _LONGEST_DATE and (parse_date(str(tag.get("datetime") or "")) or parse_date(text)):
            yield tag


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
