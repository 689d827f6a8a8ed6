"""Articles as JSON text and back: the form in which versions are kept."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from searcher.model import Article, Attachment, PartialDate

_DATES = ("published", "updated", "event")


def article_to_json(article: Article) -> str:
    """Return ``article`` as one line of JSON; empty fields are left out."""
    values: dict[str, Any] = {f.name: getattr(article, f.name) for f in fields(Article)}
    for name in _DATES:
        values[name] = str(values[name]) if values[name] else None
    values["attachments"] = [{"url": a.url, "title": a.title} for a in article.attachments]
    return json.dumps({k: v for k, v in values.items() if v}, ensure_ascii=False, sort_keys=True)


def article_from_json(text: str) -> Article:
    """Return the article that ``article_to_json`` wrote."""
    values: dict[str, Any] = {"url": "", "title": "", "body": ""} | json.loads(text)
    for name in _DATES:
        if values.get(name):
            values[name] = PartialDate.parse(values[name])
    values["attachments"] = tuple(Attachment(a["url"], a["title"]) for a in values.get("attachments", ()))
    values["captions"] = tuple(values.get("captions", ()))
    return Article(**values)
