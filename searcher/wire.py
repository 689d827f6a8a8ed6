"""The JSON that all doors speak, and the lines of an export: a search looks the same from the command line and over HTTP."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from searcher.errors import SearcherError
from searcher.model import Article, Attribution, Hit, PartialDate, Results
from searcher.query import Frequency, Line
from searcher.references import bibtex, ris

#: Raised whenever a field changes its meaning or goes; new fields do not raise it.
SCHEMA_VERSION = 1

Json = dict[str, Any]
_REFERENCES: dict[str, Callable[[Article], str]] = {"ris": ris, "bibtex": bibtex}
#: The forms of an export.
EXPORTS = ("jsonl", "csv", *_REFERENCES)


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


def export_lines(hits: Iterable[Hit], get: Callable[[str], Article], form: str) -> Iterator[str]:
    """Yield whole articles of ``hits``, each fetched with ``get``, as lines of ``jsonl`` or ``csv``, or as entries of ``ris`` or ``bibtex``.

    Raises:
        SearcherError: another form is asked for.
    """
    if form not in EXPORTS:
        raise SearcherError(f"{form!r} is no export format; use one of {', '.join(EXPORTS)}")
    if form in _REFERENCES:
        for article_id in dict.fromkeys(hit.article_id for hit in hits):
            yield _REFERENCES[form](get(article_id))
        return
    columns = ("id", "url", "title", "date", "body", "author", "source", "section", "speakers")
    if form == "csv":
        yield _csv_line(columns)
    for hit in hits:
        article = get(hit.article_id)
        people = "; ".join(f"{p.name} ({p.role})" if p.role else p.name for p in hit.speakers)
        body = hit.statement.text if hit.statement else article.body
        values = (hit.id, hit.url, hit.title, str(hit.date or ""), body, article.byline, hit.source, article.section, people)
        yield _csv_line(values) if form == "csv" else json.dumps(dict(zip(columns, values, strict=True)), ensure_ascii=False) + "\n"


def frequency_json(rows: Sequence[Frequency]) -> Json:
    """Return the JSON form of counts over time."""
    return {"schema_version": SCHEMA_VERSION, "frequency": [frequency_row(row) for row in rows]}


def frequency_row(row: Frequency) -> Json:
    """Return the JSON form of one stretch of time."""
    return {"period": row.period, "count": row.count, "documents": row.documents, "per_thousand": round(row.per_thousand, 3)}


def kwic_json(lines: Sequence[Line]) -> Json:
    """Return the JSON form of a concordance."""
    return {"schema_version": SCHEMA_VERSION, "lines": [kwic_row(line) for line in lines]}


def kwic_row(line: Line) -> Json:
    """Return the JSON form of one line of a concordance."""
    return {
        "id": line.id, "article_id": line.article_id, "date": _day(line.date), "title": line.title,
        "left": line.left, "match": line.match, "right": line.right,
    }  # fmt: skip


def _day(date: PartialDate | None) -> str | None:
    return str(date) if date else None


def _csv_line(values: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()
