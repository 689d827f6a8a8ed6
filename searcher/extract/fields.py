"""The fields of one HTML page, each from the first layer that has it: profile, JSON-LD, meta, microdata, text."""

from __future__ import annotations

import datetime as dt
import re
from functools import cached_property
from typing import Any

from searcher.extract.body import Story, read_story
from searcher.html import Page, Profile, canonical, inline_text, marks, paragraphs
from searcher.model import Article, Attachment, PartialDate
from searcher.vietnamese.dates import parse_date
from searcher.vietnamese.normalise import fold

_ARTICLE_TYPES = frozenset({"NewsArticle", "Article", "BlogPosting", "ReportageNewsArticle"})
_DOCUMENT = re.compile(r"\.(?:pdf|docx?|xlsx?)(?:$|\?)", re.IGNORECASE)
_DATE_HINT = re.compile(r"date|time|ngay|created|publish|post-?meta", re.IGNORECASE)
_SITE_SUFFIX = re.compile(r"\s+[-|–—»]\s+[^-|–—»]{3,80}$")
_MIN_BODY = 400

Found = tuple[str, str]  # value, origin


class PageReader:
    """Reads the fields of ``page``; ``profile`` is that of its platform. Where it does not fit, the generic path is taken.

    ``seen`` is when the page was fetched: what dates like "hôm qua" are relative to.
    """

    def __init__(self, page: Page, profile: Profile | None, seen: dt.datetime | None = None) -> None:
        self.page = page
        self._seen = seen
        self.profile = profile if profile is not None and profile.is_article(page) else None
        self._ld = next((item for item in page.json_ld() if _ARTICLE_TYPES & set(_as_list(item.get("@type")))), {})

    def article(self) -> Article:
        """Return the article with an empty id."""
        origins: dict[str, str] = {}

        def keep(name: str, found: tuple[Any, str]) -> Any:
            if found[0]:
                origins[name] = found[1]
            return found[0]

        body, captions, body_origin = self._body()
        lead, lead_origin = self._selected("lead")
        byline, byline_origin = self._byline()
        if self.profile is not None and self.profile.byline_last and body and not byline:
            byline, byline_origin, body = _take_byline(body)
        if lead and (not body or fold(body[0]) != fold(lead)):
            body = [lead, *body]
        elif not lead and len(body) > 1:
            lead, lead_origin = body[0], "heuristic"
        return Article(
            id="",
            url=self.page.url,
            title=keep("title", self.title()),
            body=keep("body", ("\n".join(body), body_origin)),
            lead=keep("lead", (lead, lead_origin)),
            published=keep("published", self._published()),
            updated=keep("updated", self._updated()),
            byline=keep("byline", (byline, byline_origin)),
            section=keep("section", self._section()),
            captions=tuple(captions),
            attachments=tuple(self._attachments()),
            origins=origins,
        )

    def title(self) -> Found:
        """Return the headline and where it comes from."""
        found = self._selected("title")
        if found[0]:
            return found
        if self._ld.get("headline"):
            return " ".join(str(self._ld["headline"]).split()), "json-ld"
        headings = [text for tag in self.page.select("h1") if (text := inline_text(tag))]
        title = self.page.meta("og:title", "twitter:title")
        if headings and (not title or any(fold(h) in fold(title) or fold(title) in fold(h) for h in headings)):
            return next((h for h in headings if not title or fold(h) in fold(title) or fold(title) in fold(h)), headings[0]), "text"
        if title:
            return title, "meta"
        text = next((inline_text(tag) for tag in self.page.tree.iter("title")), "")
        return _SITE_SUFFIX.sub("", text), "text"

    def claims_article(self, *, believe_meta: bool = True) -> bool:
        """Whether the page's data call it an article and it has text to show. Some platforms say so of listings in their <meta>."""
        claims = bool(self._ld) or bool(self.page.select("[itemprop=articleBody]"))
        claims = claims or (believe_meta and self.page.meta("og:type").lower() == "article")
        return claims and sum(map(len, self._body()[0])) >= _MIN_BODY // 2

    def reads_like_article(self) -> bool:
        """Whether the page has one dominant block of prose and a date near its title."""
        return sum(map(len, self._body()[0])) >= _MIN_BODY and self._published()[0] is not None

    def _selected(self, field: str) -> Found:
        if self.profile is None or field not in self.profile.fields:
            return "", ""
        tag = self.page.select_one(self.profile.fields[field])
        return (inline_text(tag), "profile") if tag is not None else ("", "")

    def _published(self) -> tuple[PartialDate | None, str]:
        if self.profile is not None and "date" in self.profile.fields:
            for tag in self.page.select(self.profile.fields["date"]):
                date = parse_date(tag.get("datetime") or tag.get("content") or "") or parse_date(inline_text(tag), self._seen)
                if date:
                    return date, "profile"
        for value, origin in (
            (self._ld.get("datePublished"), "json-ld"),
            (self.page.meta("article:published_time", "pubdate", "datePublished", "dc.date.issued", "DC.Date"), "meta"),
        ):
            date = parse_date(str(value)) if value else None
            if date:
                return date, origin
        if self.profile is not None:
            return None, ""  # the platform's dates are known: whatever else looks like one is a clock or a list
        for tag in self.page.select("time[datetime]")[:1]:
            date = parse_date(tag.get("datetime"))
            if date:
                return date, "time"
        return self._visible_date()

    def _visible_date(self) -> tuple[PartialDate | None, str]:
        """The date in the first small element after the headline that is marked as one."""
        heading = self.page.select_one("h1") if self.page.select_one("h1") is not None else self.page.select_one("h2")
        if heading is None:
            return None, ""
        for tag in heading.xpath(
            "following::*[self::span or self::div or self::p or self::em or self::time or self::li][position() <= 40]"
        ):
            text = inline_text(tag) if len(tag.text_content()) < 120 else ""
            date = parse_date(text, self._seen) if text and _DATE_HINT.search(marks(tag)) else None
            if date:
                return date, "text"
        return None, ""

    def _updated(self) -> tuple[PartialDate | None, str]:
        value = self._ld.get("dateModified") or self.page.meta("article:modified_time")
        return (parse_date(str(value)), "json-ld" if self._ld.get("dateModified") else "meta") if value else (None, "")

    def _byline(self) -> Found:
        found, origin = self._selected("byline")
        prefix = self.profile.byline_prefix if self.profile is not None else ""
        if found:
            return found.removeprefix(prefix).strip() if prefix else found, origin
        names = [str(a.get("name", "")) if isinstance(a, dict) else str(a) for a in _as_list(self._ld.get("author"))]
        if any(names):
            return ", ".join(filter(None, names)), "json-ld"
        meta = self.page.meta("author", "article:author")
        return (meta, "meta") if meta and not meta.startswith("http") else ("", "")

    def _section(self) -> Found:
        found = self._selected("section")
        if found[0]:
            return found
        section = _as_list(self._ld.get("articleSection"))
        return (str(section[0]), "json-ld") if section else (self.page.meta("article:section"), "meta")

    def _body(self) -> tuple[list[str], list[str], str]:
        """Return paragraphs, captions and the layer that gave them."""
        captions: list[str] = []
        if self.profile is not None and "body" in self.profile.fields:
            tag = self.page.select_one(self.profile.fields["body"])
            if tag is None:
                return [], [], ""
            if "caption" in self.profile.fields:
                captions = [inline_text(c) for c in self.page.select(self.profile.fields["caption"])]
            left_out = self.page.select(self.profile.fields["remove"]) if "remove" in self.profile.fields else []
            return paragraphs(tag, set(left_out)), captions, "profile"
        story = self._story
        told = str(self._ld.get("articleBody") or "")
        if len(told) > 3 * sum(map(len, story.paragraphs)):  # the page builds its text in the browser
            return [line for raw in told.split("\n") if (line := " ".join(raw.split()))], list(story.captions), "json-ld"
        return list(story.paragraphs), list(story.captions), "heuristic" if story.paragraphs else ""

    @cached_property
    def _story(self) -> Story:
        return read_story(self.page.tree)

    def _attachments(self) -> list[Attachment]:
        if self.profile is not None and "attachment" in self.profile.fields:
            tags = self.page.select(self.profile.fields["attachment"])
        else:
            tags = [t for t in self._story.links if _DOCUMENT.search(t.get("href"))]
        found = {url: inline_text(tag) for tag in tags if (url := canonical(tag.get("href"), self.page.base))}
        return [Attachment(url, title) for url, title in found.items()]


def _take_byline(body: list[str]) -> tuple[str, str, list[str]]:
    """Split off a last line that names an author: short, capitalised, without a full stop."""
    last = body[-1]
    words = last.split()
    if len(body) > 1 and len(words) <= 6 and last[-1] not in '.!?…:;"”' and all(not w[0].isalpha() or w[0].isupper() for w in words):
        return last, "profile", body[:-1]
    return "", "", body


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []
