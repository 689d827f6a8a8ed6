"""Finding the story on a page of an unknown platform.

A page is a sequence of units: runs of text between the bounds of blocks. A unit of prose is worth its length, a unit of links or
of what is marked as boilerplate costs some of it. The story is the element whose units are worth most together, less what is
boilerplate within it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import accumulate

from searcher.html import BLOCKS, SILENT, Element, inline_text, marks, paragraphs

#: Class names and ids of what is not the story, wherever it stands; each name is looked at by itself.
_BOILERPLATE = re.compile(
    r"(?:^|[_-])(?:nav|navi|navigation|navbar|menu|footer|foot|sidebar|breadcrumbs?|brotkrume|crumbs?|related\w*|relate|comments?|commentlist|comment-?\w+|kommentare?|disqus\w*"
    r"|respond|share|shares|sharing|sharer|sharebar|sharedaddy|share-?\w+|social\w*|sociable|addthis\w*|banner|advert\w*|ads?|adsense|anzeige|werbung|sponsor\w*|promo\w*|popup|modal|cookies?|consent"
    r"|newsletter\w*|subscri\w*|signup|login|search\w*|suche|toolbar|pagination|pager|paging|tagcloud|taglist|keywords|authors?-?(?:box|bio|info|card|description|profile|name|list)|user-?profile|donat\w*|cta|call-?to-?action|yarpp\w*|topics|app-?stores?|credits?|inline-?teaser|topbox|about-?author|byline|bio|recommend\w*"
    r"|more-?(?:news|stories|posts|articles)|most-?\w+|popular\w*|trending|latest\w*|recent\w*|see-?also|readmore|read-?more|outbrain|taboola|feedback|ratings?|votes?|copyright|imprint|disclaimer"
    r"|entry-?(?:meta|utility|footer)|post-?(?:meta|info|data|footer|tags|utility|nav\w*)|article-?(?:meta|footer|tools|tags)|nav-?links?|jump-?nav|teasers|teaser-?list"
    r"|lienquan|tinlienquan|tin-?khac|tin-?cu-?hon|tin-?moi-?hon|other-?news|bai-?viet-?khac|lien-?quan|binh-?luan|quang-?cao|chia-?se|luot-?xem|tac-?gia|chuyen-?muc-?khac)(?:$|[_-])"
    r"|^(?:hidden|visually-?hidden|sr-only|screen-?reader-?text|skip-?\w*|widget|widget_\w+|meta|metadata|toc|tags?|tag-?links|print(?:-?(?:button|link|only|icon))?"
    r"|(?:site|page|main|global|top|masthead)?-?header|masthead|header-?(?:top|bar|nav|main)|author|authors|infobox|aside|noprint)$",
    re.IGNORECASE,
)
_CAPTION = re.compile(
    r"(?:^|[\s_-])(?:\w*caption\w*|bildunterschrift|bildtext|image-?(?:text|subtitle|credit)|chu-?thich\w*)(?:$|[\s_-])", re.IGNORECASE
)
#: … and names that only look as if they were: what a publishing platform says of an article.
_HARMLESS = re.compile(
    r"^(?:tag|category|type|has|no|with|label|is|js|status|format)[_-]|label-(?:hidden|above|inline)|^page-?header$", re.IGNORECASE
)
_ARTICLE_NAMES = re.compile(r"(?:^|\s)(?:hentry|type-post|post-\d+|post|article|entry|single-post|content)(?:\s|$)", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NOT_STORY = frozenset("nav aside footer form menu dialog".split())
_SENTENCE_END = re.compile(r"[.!?…:;][\"'”’»)\]]*$")
_LONG = 60
_SHORT = 22
#: The lead stands so many units behind the headline at most.
_LEAD_WITHIN = 25
#: What is marked as boilerplate holds the story after all if half of the page's prose is in it – unless its name is one of these
#: and there is so much prose (characters) elsewhere: comments are often longer than the story.
_NEVER_STORY = re.compile(
    r"(?:^|\s)(?:comments?(?:-?(?:list|area|section|wrap\w*))?|commentlist|disqus_thread|respond|related[\w-]*|yarpp[\w-]*|footer|sidebar)(?:\s|$)",
    re.IGNORECASE,
)
_ELSEWHERE = 400
#: A linked headline is so long at least, a card in a row of other stories so short (characters).
_HEADLINE = 18
_CARD = 500


@dataclass(frozen=True, slots=True)
class Story:
    """The text of a page's story, its captions, and the links within it."""

    paragraphs: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    links: tuple[Element, ...] = ()


@dataclass(slots=True)
class _Unit:
    """A run of text: its length, how much of it is links, and the element it stands in."""

    element: Element
    length: int
    links: int
    ends_sentence: bool

    @property
    def density(self) -> float:
        return self.links / self.length

    @property
    def is_prose(self) -> bool:
        return self.density < 0.35 and (self.length >= _LONG or (self.length >= _SHORT and self.ends_sentence))


@dataclass(slots=True)
class _Survey:
    """A page's units, and of each block element which of them lie within it: (element, first, end)."""

    units: list[_Unit] = field(default_factory=list)
    spans: list[tuple[Element, int, int]] = field(default_factory=list)


def read_story(tree: Element) -> Story:
    """Return the story of a page; an empty one where there is no text."""
    body = tree.find("body")
    survey = _survey(body if body is not None else tree)
    if not survey.units:
        return Story()
    prose = list(accumulate((u.length if u.is_prose else 0 for u in survey.units), initial=0))
    bad = _boilerplate(survey, prose) | _cards(survey)
    outside = [False] * len(survey.units)
    for _, first, end in bad.values():
        outside[first:end] = [True] * (end - first)
    worth = list(accumulate((_worth(u, out) for u, out in zip(survey.units, outside, strict=True)), initial=0.0))
    best: tuple[float, Element, int, int] | None = None
    for element, first, end in survey.spans:
        value = worth[end] - worth[first]
        if best is None or value > best[0]:
            best = (value, element, first, end)
    assert best is not None
    _, element, first, end = best
    left_out = {e for e, a, b in bad.values() if first <= a and b <= end and e is not element}
    left_out |= _lists_of_links(survey, first, end, element)
    left_out |= _before_headline(survey, prose, first, end)
    shown = [
        e for e, a, b in survey.spans if first <= a and b <= end and e is not element and (e.tag == "figcaption" or _is_caption(e, b - a))
    ]
    captions = tuple(dict.fromkeys(text for tag in shown if (text := inline_text(tag))))
    left_out.update(shown)
    left_out |= _labels(survey, first, end, left_out)
    links = tuple(tag for tag in element.iter("a") if tag.get("href"))
    lead = [line for e in _lead(survey, outside, first) for line in paragraphs(e)]
    return Story((*lead, *paragraphs(element, left_out)), captions, links)


def _worth(unit: _Unit, outside: bool) -> float:
    if outside:
        return -0.2 * unit.length
    if unit.density > 0.5:
        return -(min(unit.length, 150) + 10.0)
    if unit.is_prose:
        return unit.length * (1 - unit.density)
    return -2.0


def _survey(body: Element) -> _Survey:
    survey = _Survey()
    pieces: list[str] = []
    state = [0, 0]  # characters of links in the current unit, depth of links
    blocks: list[Element] = [body]

    def text(value: str | None) -> None:
        if value and (folded := " ".join(value.split())):
            pieces.append(folded)
            if state[1]:
                state[0] += len(folded)

    def flush() -> None:
        if pieces:
            whole = " ".join(pieces)
            survey.units.append(_Unit(blocks[-1], len(whole), min(state[0], len(whole)), bool(_SENTENCE_END.search(whole))))
            pieces.clear()
        state[0] = 0

    waiting: list[tuple[Element, bool, int]] = [(body, False, 0)]
    while waiting:
        node, closing, first = waiting.pop()
        tag = node.tag
        block = node is body or (tag in BLOCKS and tag != "br")
        if closing:
            if block:
                flush()
                blocks.pop()
                if len(survey.units) > first:
                    survey.spans.append((node, first, len(survey.units)))
            elif tag == "a":
                state[1] -= 1
            if node is not body:
                text(node.tail)
            continue
        if not isinstance(tag, str) or tag in SILENT:
            text(node.tail)
            continue
        if block:
            flush()
            blocks.append(node)
        elif tag == "a":
            state[1] += 1
        waiting.append((node, True, len(survey.units)))
        text(node.text)
        waiting += [(child, False, 0) for child in reversed(node)]
    flush()
    return survey


def _boilerplate(survey: _Survey, prose: list[int]) -> dict[Element, tuple[Element, int, int]]:
    found: dict[Element, tuple[Element, int, int]] = {}
    for element, first, end in survey.spans:
        elsewhere = prose[-1] - (prose[end] - prose[first])
        never = element.tag in ("aside", "footer") or bool(_NEVER_STORY.search(marks(element)))
        if element.tag in ("figure", "figcaption") or (
            (element.tag in _NOT_STORY or _is_boilerplate(element))
            and elsewhere >= (min(_ELSEWHERE, prose[-1] / 2) if never else prose[-1] / 2)
        ):
            found[element] = (element, first, end)
    return found


def _cards(survey: _Survey) -> dict[Element, tuple[Element, int, int]]:
    """Rows of other stories: three or more elements side by side, alike in name, each a linked headline with little text."""
    rows: dict[tuple[Element, str, str], list[tuple[Element, int, int]]] = {}
    for element, first, end in survey.spans:
        units = survey.units[first:end]
        if any(u.density > 0.9 and u.length >= _HEADLINE for u in units) and sum(u.length for u in units) < _CARD:
            key = element.getparent(), element.tag, (element.get("class") or "").split(" ")[0]
            rows.setdefault(key, []).append((element, first, end))
    return {span[0]: span for row in rows.values() if len(row) >= 3 for span in row}


def _is_boilerplate(element: Element) -> bool:
    if element.tag in ("body", "html", "article", "main"):
        return False
    names = marks(element)
    if not names or _ARTICLE_NAMES.search(names):
        return False
    return any(_BOILERPLATE.search(_CAMEL.sub("-", name)) and not _HARMLESS.search(name) for name in names.split())


def _lists_of_links(survey: _Survey, first: int, end: int, story: Element) -> set[Element]:
    """Elements that are links above all: lists of related articles, rows of buttons."""
    found: set[Element] = set()
    for element, a, b in survey.spans:
        if first <= a and b <= end and element is not story and element.tag in ("ul", "ol", "div", "table", "section", "dl", "p", "li"):
            length = sum(u.length for u in survey.units[a:b])
            if sum(u.links for u in survey.units[a:b]) > 0.6 * length and (element.tag not in ("p", "li") or b - a == 1):
                found.add(element)
    return found


def _is_caption(element: Element, units: int) -> bool:
    return units <= 3 and bool(element.get("class")) and bool(_CAPTION.search(element.get("class")))


def _labels(survey: _Survey, first: int, end: int, left_out: set[Element]) -> set[Element]:
    """Short lines right above what is left out ("Tin liên quan:"), and headings behind the last prose."""
    gone = [False] * (end + 1)
    for element, a, b in survey.spans:
        if element in left_out and element.tag not in ("figure", "figcaption"):
            gone[a : min(b, end)] = [True] * (min(b, end) - a)
    last = max((n for n in range(first, end) if survey.units[n].is_prose and not gone[n]), default=end)
    found: set[Element] = set()
    for element, a, b in survey.spans:
        if b - a != 1 or not first <= a < end or gone[a] or element.tag in ("div", "body", "td", "li"):
            continue
        unit = survey.units[a]
        heading = element.tag in ("h1", "h2", "h3", "h4", "h5", "h6")
        above = a + 1 < end and gone[a + 1] and not unit.is_prose and (heading or unit.length < 40)
        if above or (a > last and heading):
            found.add(element)
    return found


def _lead(survey: _Survey, outside: list[bool], first: int) -> list[Element]:
    """Prose between the headline and the story: the lead (sapo), which many platforms set apart."""
    headline = next((n for n in range(first - 1, -1, -1) if survey.units[n].element.tag == "h1"), None)
    if headline is None or first - headline > _LEAD_WITHIN:
        return []
    found = [n for n in range(headline + 1, first) if survey.units[n].is_prose and survey.units[n].length >= _LONG and not outside[n]]
    elements = [survey.units[n].element for n in found[:3]]
    return [e for e, a, b in survey.spans if b - a == 1 and e in elements and not _is_caption(e, 1)]


def _before_headline(survey: _Survey, prose: list[int], first: int, end: int) -> set[Element]:
    """The headline, which is no part of the body, and the little that stands above it."""
    for number in range(first, end):
        if survey.units[number].element.tag == "h1":
            if prose[number] - prose[first] > 0.1 * (prose[end] - prose[first]):
                return set()
            return {element for element, a, b in survey.spans if first <= a and b <= number + 1}
    return set()
