"""The schema of the Whoosh index, and how a record becomes its documents.

An article and each of its statements are documents of their own. Text fields of statements carry a prefix, so that the two
kinds have statistics of their own.
"""

from __future__ import annotations

import array
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from whoosh import columns, fields, formats

from searcher.engine.base import StoredDocument, day_number
from searcher.model import Article, Attribution, PartialDate, Person, Record, Scope, Statement
from searcher.vietnamese.analysis import Analyser, TextTerms, term_of

#: Raised whenever the layout of the index changes: indexes of another version are refused.
SCHEMA_VERSION = 1
SCOPES: dict[Scope, int] = {"articles": 1, "statements": 2}
_STATEMENT_PREFIX = "statement_"
TEXT_FIELDS = ("syllables", "pairs", "words", "title")
KEYWORD_FIELDS = ("speaker", "presider", "attendee", "source", "section", "article")
FACET_FIELDS = ("speaker", "source", "section")


class Positions(formats.Format):  # type: ignore[misc]
    """Postings with positions, two or four bytes each; the first byte tells which."""

    def decode_positions(self, value: bytes) -> list[int]:
        """Return the ascending positions."""
        positions = array.array("H" if value[0] == 2 else "I")
        positions.frombytes(value[1:])
        return positions.tolist()

    def decode_frequency(self, value: bytes) -> int:
        """Return how many positions there are."""
        return (len(value) - 1) // int(value[0])

    @staticmethod
    def encode(positions: Sequence[int]) -> bytes:
        """Write ascending positions."""
        wide = positions[-1] > 0xFFFF
        return bytes((4 if wide else 2,)) + array.array("I" if wide else "H", positions).tobytes()


class Frequencies(formats.Existence):  # type: ignore[misc]
    """Postings with a weight and nothing else."""


class TermsField(fields.FieldType):  # type: ignore[misc]
    """A field whose value is already analysed: a mapping of terms to weights, with positions if ``positional``."""

    def __init__(self, positional: bool) -> None:
        super().__init__(Positions() if positional else Frequencies(), analyzer=None, scorable=False, stored=False)

    def index(self, value: Any, **_: Any) -> Iterator[tuple[bytes, int, float, bytes]]:
        """Yield (term, frequency, weight, payload)."""
        if isinstance(value, TextTerms):
            weights, encode = value.weights, Positions.encode
            for term, positions in value.positions.items():
                yield term.encode("utf-8", "surrogatepass"), weights[term], weights[term], encode(positions)
        else:
            for term, weight in value.items():
                yield term.encode("utf-8", "surrogatepass"), weight, weight, b""


class KeywordField(fields.FieldType):  # type: ignore[misc]
    """A field of exact values, given as a sequence of terms."""

    def __init__(self) -> None:
        super().__init__(Frequencies(), analyzer=None, scorable=False, stored=False)

    def index(self, value: Any, **_: Any) -> Iterator[tuple[bytes, int, float, bytes]]:
        """Yield (term, frequency, weight, payload)."""
        for term in dict.fromkeys(value):
            yield term.encode("utf-8", "surrogatepass"), 1, 1.0, b""


def build_schema() -> fields.Schema:
    """Return the schema of a new index."""
    schema = fields.Schema(id=KeywordField(), stored=fields.STORED())
    for scope in SCOPES:
        for name in TEXT_FIELDS:
            schema.add(text_field(name, scope), TermsField(positional=name == "syllables"))
    for name in KEYWORD_FIELDS:
        schema.add(name, KeywordField())
    schema.add("doc_id", fields.COLUMN(columns.VarBytesColumn()))
    for name in FACET_FIELDS:
        schema.add(f"facet_{name}", fields.COLUMN(columns.VarBytesColumn()))
    for name in ("scope", "length", "first_day", "last_day"):
        schema.add(name, fields.COLUMN(columns.NumericColumn("i")))
    return schema


def text_field(name: str, scope: Scope) -> str:
    """Return the name that a text field has in the index."""
    return name if scope == "articles" else _STATEMENT_PREFIX + name


def documents_of(record: Record, analyser: Analyser) -> Iterator[dict[str, Any]]:
    """Yield the index documents of a record: the article, then its statements."""
    article, attribution = record.article, record.attribution
    yield _document(
        "articles", article.id, article, article.title, article.body, analyser,
        speakers=[p.name for p in attribution.speakers], presiders=[p.name for p in attribution.presiders],
        attendees=[p.name for p in attribution.attendees], stored=_stored_article(article, attribution),
    )  # fmt: skip
    for statement in {s.id_in(article.id) + s.speaker: s for s in attribution.statements}.values():
        name = statement_id(article.id, statement, attribution)
        stored = _stored_article(article, attribution) | {"id": name, "body": statement.text, "statement": _statement_values(statement)}
        yield _document(
            "statements",
            name,
            article,
            "",
            statement.text,
            analyser,
            speakers=[statement.speaker],
            presiders=[],
            attendees=[],
            stored=stored,
        )


def statement_id(article_id: str, statement: Statement, attribution: Attribution) -> str:
    """The id of a statement; where one sentence speaks for several people, their order tells them apart."""
    together = [s for s in attribution.statements if (s.start, s.end) == (statement.start, statement.end)]
    suffix = f".{together.index(statement) + 1}" if len(together) > 1 and together.index(statement) else ""
    return statement.id_in(article_id) + suffix


def read_stored(text: str) -> StoredDocument:
    """Return the stored form of a document."""
    data = json.loads(text)
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
    )


def keyword_terms(name: str) -> list[str]:
    """The terms a person is found under: the whole name and each of its ends ("Trần Minh Đức", "Minh Đức", "Đức")."""
    parts = name.split()
    return [term_of(" ".join(parts[i:])) for i in range(len(parts))]


def _document(
    scope: Scope,
    name: str,
    article: Article,
    title: str,
    body: str,
    analyser: Analyser,
    *,
    speakers: list[str],
    presiders: list[str],
    attendees: list[str],
    stored: Mapping[str, Any],
) -> dict[str, Any]:
    terms = analyser.text_terms(title, body)
    date = article.date
    return {
        "id": [name],
        "doc_id": name.encode(),
        "article": [article.id],
        text_field("syllables", scope): terms,
        text_field("pairs", scope): terms.pairs,
        text_field("words", scope): terms.words,
        text_field("title", scope): dict.fromkeys((t for token in analyser.tokens(title) for t in token.terms), 1),
        "speaker": [term for person in speakers for term in keyword_terms(person)],
        "presider": [term for person in presiders for term in keyword_terms(person)],
        "attendee": [term for person in attendees for term in keyword_terms(person)],
        "source": [term_of(article.source)] if article.source else [],
        "section": [term_of(article.section)] if article.section else [],
        "facet_speaker": "\n".join(speakers).encode(),
        "facet_source": article.source.encode("utf-8", "surrogatepass"),
        "facet_section": article.section.encode("utf-8", "surrogatepass"),
        "scope": SCOPES[scope],
        "length": terms.length,
        "first_day": day_number(date.first) if date else 0,
        "last_day": day_number(date.last) if date else 0,
        "stored": json.dumps(stored, ensure_ascii=True),
    }


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
