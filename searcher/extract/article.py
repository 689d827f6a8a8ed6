"""From a capture to an article: which reader fits, and which address the article goes by."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from searcher.errors import InputError
from searcher.extract.documents import read_docx, read_pdf, read_text
from searcher.extract.fields import PageReader
from searcher.html import Page, canonical, host_of, profile_of, same_site
from searcher.model import Article, Capture, content_id
from searcher.vietnamese.dates import event_date, parse_date

#: Raised whenever the same page may give another article, so that ``extract`` reads everything again.
EXTRACTOR_VERSION = 3

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
#: Characters of a linked document that are searched.
_LONGEST_DOCUMENT = 500_000
_MISSING = re.compile(r"không tìm thấy|không tồn tại|đã bị gỡ|page not found|\b404\b", re.IGNORECASE)
_READERS: dict[str, Callable[[bytes], Article]] = {DOCX: read_docx, "application/pdf": read_pdf, "text/plain": read_text}


def extract(capture: Capture, content: bytes, key: str | None = None) -> Article | None:
    """Return the article in ``content``, or None if a crawled page holds none.

    ``key`` is the article id that an importer gave; what was imported is an article whatever it looks like.

    Raises:
        InputError: an imported document cannot be read.
    """
    if capture.mime == "application/json":
        return _dated(_read_json(capture, content, key))
    if capture.mime in _READERS:
        if key is None:
            return None  # a document that pages link to; kept as their attachment
        try:
            article = _READERS[capture.mime](content)
        except (ValueError, KeyError, OSError) as error:
            raise InputError(_name(capture.url), f"cannot be read: {error}") from error
        return _dated(replace(article, id=key, url=capture.url, title=article.title or _name(capture.url)))
    if capture.status != 200 or "html" not in capture.mime:
        return None
    page = Page(capture.url, content, capture.charset)
    reader = PageReader(page, profile_of(page), capture.fetched_at)
    if key is None and not _looks_like_article(page, reader):
        return None
    article = reader.article()
    if not article.body and not article.title:
        if key is None:
            return None
        raise InputError(_name(capture.url), "holds no text")
    url = capture.url if key else article_address(page)
    return _dated(replace(article, id=key or content_id(url), url=url, source=article.source or host_of(url)))


def read_document(capture: Capture, content: bytes) -> tuple[str, str] | None:
    """Return the text of a document that pages link to, or "" and why there is none; None if it is no document."""
    if capture.mime in ("application/msword", "application/vnd.ms-word") or content.startswith(b"\xd0\xcf\x11\xe0"):
        return "", "an old Word document (.doc), which is not read; the file is kept"
    mime = capture.mime
    if mime in ("application/octet-stream", "application/zip", "application/x-zip-compressed", "binary/octet-stream"):
        suffix = urlsplit(capture.url).path.lower().rpartition(".")[2]
        mime = {"pdf": "application/pdf", "docx": DOCX}.get(suffix, mime)
    if mime not in _READERS or mime == "text/plain" or capture.status != 200:
        return None
    try:
        article = _READERS[mime](content)
    except (ValueError, KeyError, OSError) as error:
        return "", str(error)
    return "\n".join(filter(None, [article.title, article.body]))[:_LONGEST_DOCUMENT], ""


def is_article(page: Page) -> bool:
    """Whether a crawled page is an article rather than a listing, a form or a "not found"."""
    return _looks_like_article(page, PageReader(page, profile_of(page)))


def article_address(page: Page) -> str:
    """Return the address an article goes by: what the page itself calls canonical on its own site, else the address the
    platform's other views stand for.
    """
    for tag in page.select('link[rel~="canonical"][href]'):
        declared = canonical(tag.get("href"), page.url)
        if declared and same_site(host_of(declared), host_of(page.url)) and urlsplit(declared).path not in ("", "/index.php"):
            return declared
    profile = profile_of(page)
    return (profile.address(page.url) if profile else None) or page.url


def _looks_like_article(page: Page, reader: PageReader) -> bool:
    if _MISSING.search(reader.title()[0]) and len(page.tree.text_content()) < 5000:
        return False
    if reader.profile is not None:
        return True
    if profile_of(page) is not None:
        return reader.claims_article(believe_meta=False)  # a theme of its own: only what calls itself an article is one
    return reader.claims_article() or reader.reads_like_article()


def _read_json(capture: Capture, content: bytes, key: str | None) -> Article:
    """Read one object of an imported JSONL file; its fields were checked on import."""
    data: dict[str, Any] = json.loads(content)

    def text(name: str) -> str:
        return str(data.get(name) or "").strip()

    published = parse_date(text("date")) if text("date") else None
    body = "\n".join(line for raw in text("body").split("\n") if (line := " ".join(raw.split())))
    origins = {name: "import" for name in ("title", "body", "byline", "source") if text(name)}
    return Article(
        id=key or content_id(capture.url),
        url=text("url"),
        title=" ".join(text("title").split()),
        body=body,
        published=published,
        byline=text("author"),
        source=text("source"),
        origins=origins | ({"published": "import"} if published else {}),
    )


def _dated(article: Article) -> Article:
    """Add the date of the event that the text reports; it stands in for a publication date that is not known."""
    event = event_date(article.body, article.published)
    if event is None:
        return article
    origins = dict(article.origins) | {"event": "text"}
    return replace(article, event=event, origins=origins)


def _name(url: str) -> str:
    return unquote(urlsplit(url).path.rsplit("/", 1)[-1]) or url
