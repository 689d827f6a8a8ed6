"""How a record becomes documents, and how the index stores what it shows of them.

An article and each of its statements are documents of their own, in collections with statistics of their own. The stored
form is zlib-compressed: length of the JSON (u32), the JSON, then where the body's tokens begin (``pack_starts``).
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from searcher.engine.base import StoredDocument, day_number
from searcher.model import Article, Attribution, PartialDate, Person, Record, Scope, Statement
from searcher.vietnamese.analysis import term_of

_LENGTH = struct.Struct("<I")
_CONTINUED = 255
_COMPRESSION = 1

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Document:
    """One document on its way into the index. ``keywords`` and ``facets`` map fields to values."""

    scope: Scope
    id: str
    title: str
    body: str
    first_day: int
    last_day: int
    keywords: Mapping[str, list[str]]
    facets: Mapping[str, list[str]]
    stored: Mapping[str, Any]


def documents_of(record: Record) -> Iterator[Document]:
    """Yield the documents of a record: the article, then its statements."""
    article, attribution = record.article, record.attribution
    speakers = [p.name for p in attribution.speakers]
    people = {
        "speaker": speakers,
        "presider": [p.name for p in attribution.presiders],
        "attendee": [p.name for p in attribution.attendees],
    }
    # The texts of linked documents stand behind the article's own, so that offsets into it stay what they are.
    body = "\n".join([article.body, *record.documents])
    stored = _stored_article(article, attribution) | {"body": body, "story": record.story}
    whole = _document("articles", article.id, article, article.title, body, people, stored)
    yield replace(whole, keywords={**whole.keywords, "story": [record.story] if record.story else []})
    for statement in {s.id_in(article.id) + s.speaker: s for s in attribution.statements}.values():
        name = statement_id(article.id, statement, attribution)
        own = stored | {"id": name, "body": statement.text, "statement": _statement_values(statement)}
        yield _document("statements", name, article, "", statement.text, {"speaker": [statement.speaker]}, own)


def statement_id(article_id: str, statement: Statement, attribution: Attribution) -> str:
    """The id of a statement; where one sentence speaks for several people, their order tells them apart."""
    together = [s for s in attribution.statements if (s.start, s.end) == (statement.start, statement.end)]
    suffix = f".{together.index(statement) + 1}" if len(together) > 1 and together.index(statement) else ""
    return statement.id_in(article_id) + suffix


def keyword_terms(name: str) -> list[str]:
    """The terms a person is found under: the whole name and each of its ends ("Trần Minh Đức", "Minh Đức", "Đức")."""
    parts = name.split()
    return [term_of(" ".join(parts[i:])) for i in range(len(parts))]


def pack_stored(values: Mapping[str, Any], starts: Ints) -> bytes:
    """Return the stored form of a document; ``starts`` are the characters at which its body's tokens begin."""
    text = json.dumps(values, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return zlib.compress(_LENGTH.pack(len(text)) + text + pack_starts(starts), _COMPRESSION)


def unpack_stored(packed: bytes) -> tuple[StoredDocument, Ints]:
    """Return a stored document and where its body's tokens begin."""
    data = zlib.decompress(packed)
    (length,) = _LENGTH.unpack_from(data)
    return _read(json.loads(data[4 : 4 + length].decode("utf-8", "surrogatepass"))), unpack_starts(data[4 + length :])


def pack_starts(starts: Ints) -> bytes:
    """Return ascending numbers as the bytes of their differences; a byte of 255 goes on in the next."""
    steps = np.diff(starts, prepend=0)
    counts = steps // _CONTINUED
    out = np.full(len(steps) + int(counts.sum()), _CONTINUED, dtype=np.uint8)
    out[np.cumsum(counts + 1) - 1] = steps % _CONTINUED
    return out.tobytes()


def unpack_starts(packed: bytes) -> Ints:
    """Return what ``pack_starts`` was given."""
    steps = np.frombuffer(packed, dtype=np.uint8)
    return np.asarray(np.cumsum(steps, dtype=np.int64)[steps != _CONTINUED])


def _read(data: Mapping[str, Any]) -> StoredDocument:
    return StoredDocument(
        id=data["id"],
        article_id=data["article"],
        url=data["url"],
        title=data["title"],
        body=data["body"],
        date=PartialDate.parse(data["date"]) if data["date"] else None,
        source=data["source"],
        speakers=tuple(Person(*p) for p in data["speakers"]),
        statement=Statement(*data["statement"]) if data.get("statement") else None,
        story=data["story"],
    )


def _document(
    scope: Scope, name: str, article: Article, title: str, body: str, people: Mapping[str, list[str]], stored: Mapping[str, Any]
) -> Document:
    date = article.date
    named = {field: list(dict.fromkeys(term for person in names for term in keyword_terms(person))) for field, names in people.items()}
    return Document(
        scope=scope,
        id=name,
        title=title,
        body=body,
        first_day=day_number(date.first) if date else 0,
        last_day=day_number(date.last) if date else 0,
        keywords={
            **named,
            "source": [term_of(article.source)] if article.source else [],
            "section": [term_of(article.section)] if article.section else [],
            "article": [article.id],
            "story": [],
        },
        facets={
            "speaker": people["speaker"],
            "source": [article.source] if article.source else [],
            "section": [article.section] if article.section else [],
        },
        stored=stored,
    )


def _stored_article(article: Article, attribution: Attribution) -> dict[str, Any]:
    return {
        "id": article.id,
        "article": article.id,
        "url": article.url,
        "title": article.title,
        "body": article.body,
        "date": str(article.date) if article.date else None,
        "source": article.source,
        "speakers": [(p.name, p.role) for p in attribution.speakers],
    }


def _statement_values(s: Statement) -> list[Any]:
    return [s.speaker, s.role, s.text, s.start, s.end, s.mode, s.rule, s.confidence, s.quote_start, s.quote_end]
