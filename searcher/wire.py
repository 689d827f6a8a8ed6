"""The JSON that all doors speak: a search looks the same from the command line and over HTTP."""

from __future__ import annotations

from typing import Any

from searcher.model import Article, Attribution, Hit, PartialDate, Results

#: Raised whenever a field changes its meaning or goes; new fields do not raise it.
SCHEMA_VERSION = 1

Json = dict[str, Any]


def results_json(results: Results) -> Json:
    """Return the JSON form of a search's results."""
    return {
        "schema_version": SCHEMA_VERSION,
        "query": {"raw": results.query.text, "interpreted": results.interpreted, "notes": list(results.notes)},
        "total": results.total,
        "hits": [hit_json(hit) for hit in results.hits],
        "total_all": results.total_all,
        "total_any": results.total_any,
        "facets": {name: [{"value": f.value, "count": f.count} for f in values] for name, values in results.facets.items()},
        "next_cursor": results.next_cursor,
        "index": {"generation": results.index.generation, "documents": results.index.documents, "built_at": results.index.built_at},
    }


def hit_json(hit: Hit) -> Json:
    """Return the JSON form of one hit."""
    statement = hit.statement
    return {
        "id": hit.id,
        "url": hit.url,
        "title": hit.title,
        "date": str(hit.date) if hit.date else None,
        "date_precision": hit.date.precision if hit.date else None,
        "source": hit.source,
        "speakers": [{"name": p.name, "role": p.role} for p in hit.speakers],
        "score": round(hit.score, 6),
        "snippet": [{"text": s.text, "match": s.is_match} for s in hit.snippet],
        "statement": None
        if statement is None
        else {
            "article_id": hit.article_id,
            "speaker": statement.speaker,
            "role": statement.role,
            "mode": statement.mode,
            "text": statement.text,
            "start": statement.start,
            "end": statement.end,
            "rule": statement.rule,
            "confidence": statement.confidence,
        },
        "copies": list(hit.copies),
    }


def article_json(article: Article, people: Attribution) -> Json:
    """Return the JSON form of an article with its statements, presiders and attendees."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": article.id,
        "url": article.url,
        "title": article.title,
        "lead": article.lead,
        "body": article.body,
        "date": _day(article.date),
        "date_precision": article.date.precision if article.date else None,
        "published": _day(article.published),
        "updated": _day(article.updated),
        "event": _day(article.event),
        "author": article.byline,
        "source": article.source,
        "section": article.section,
        "captions": list(article.captions),
        "attachments": [{"url": a.url, "title": a.title} for a in article.attachments],
        "origins": dict(article.origins),
        "statements": [
            {
                "speaker": s.speaker, "role": s.role, "mode": s.mode, "text": s.text, "start": s.start, "end": s.end,
                "quote_start": s.quote_start, "quote_end": s.quote_end, "rule": s.rule, "confidence": s.confidence,
            }
            for s in people.statements
        ],
        "presiders": [{"name": p.name, "role": p.role} for p in people.presiders],
        "attendees": [{"name": p.name, "role": p.role} for p in people.attendees],
    }  # fmt: skip


def _day(date: PartialDate | None) -> str | None:
    return str(date) if date else None
