"""The frozen values that pass between the rooms. Nothing here knows how they are made, kept or found."""

from __future__ import annotations

import calendar
import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["direct", "indirect", "mixed", "directive", "report", "reply", "speech"]
Scope = Literal["articles", "statements"]
Sort = Literal["relevance", "newest", "oldest"]
Match = Literal["auto", "all", "any"]
Copies = Literal["all", "fold"]
Precision = Literal["day", "month", "year"]


@dataclass(frozen=True, slots=True, order=True)
class PartialDate:
    """A date known to the day, the month (``day`` is 0) or the year (``month`` and ``day`` are 0).

    Raises:
        ValueError: no such day in the calendar.
    """

    year: int
    month: int = 0
    day: int = 0

    def __post_init__(self) -> None:
        if self.day and not self.month:
            raise ValueError("a day needs a month")
        dt.date(self.year, self.month or 1, self.day or 1)

    @classmethod
    def parse(cls, text: str) -> PartialDate:
        """Read ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``."""
        return cls(*map(int, text.split("-")))

    def __str__(self) -> str:
        parts = [f"{self.year:04}", f"{self.month:02}", f"{self.day:02}"]
        return "-".join(parts[: 1 + bool(self.month) + bool(self.day)])

    @property
    def precision(self) -> Precision:
        """What the date is known to."""
        return "day" if self.day else "month" if self.month else "year"

    @property
    def first(self) -> dt.date:
        """The first day it may mean."""
        return dt.date(self.year, self.month or 1, self.day or 1)

    @property
    def last(self) -> dt.date:
        """The last day it may mean."""
        month = self.month or 12
        return dt.date(self.year, month, self.day or calendar.monthrange(self.year, month)[1])


@dataclass(frozen=True, slots=True)
class Capture:
    """One fetched or imported document as it stands in a WARC file.

    ``url`` is what was asked for; ``path`` and ``offset`` say where the record lies (file name, byte offset).
    """

    id: int
    url: str
    status: int
    mime: str
    charset: str | None
    fetched_at: dt.datetime
    digest: str
    path: str
    offset: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """A document that an article links to."""

    url: str
    title: str


@dataclass(frozen=True, slots=True)
class Article:
    """One article in its current version.

    ``body`` is the whole text below the title, paragraphs separated by newlines; where the page has a lead (sapo), it is
    the body's first paragraph and ``lead`` repeats it. ``origins`` names, for each field, the layer that gave it.
    """

    id: str
    url: str
    title: str
    body: str
    lead: str = ""
    published: PartialDate | None = None
    updated: PartialDate | None = None
    event: PartialDate | None = None
    byline: str = ""
    source: str = ""
    section: str = ""
    captions: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def date(self) -> PartialDate | None:
        """The published date, else the event date found in the text."""
        return self.published or self.event


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody is reported to have said.

    ``start`` and ``end`` delimit the sentence with its attribution in ``Article.body`` (character offsets, end exclusive);
    ``quote_start`` and ``quote_end`` the words said, where they can be told apart. ``confidence`` is between 0 and 1.
    """

    speaker: str
    role: str
    text: str
    start: int
    end: int
    mode: Mode
    rule: str
    confidence: float
    quote_start: int | None = None
    quote_end: int | None = None

    def id_in(self, article_id: str) -> str:
        """The statement's id in an index."""
        return f"{article_id}#{self.start}-{self.end}"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody named in an article, with the role the article gives him or her there."""

    name: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who did what in one article: speaking, presiding and attending are three facts."""

    statements: tuple[Statement, ...] = ()
    presiders: tuple[Person, ...] = ()
    attendees: tuple[Person, ...] = ()

    @property
    def speakers(self) -> tuple[Person, ...]:
        """Everybody who speaks, once, in the order of the text, with the longest role given."""
        roles: dict[str, str] = {}
        for statement in self.statements:
            known = roles.get(statement.speaker, "")
            roles[statement.speaker] = statement.role if len(statement.role) > len(known) else known
        return tuple(Person(name, role) for name, role in roles.items())


@dataclass(frozen=True, slots=True)
class Record:
    """An article with its attribution: the unit that indexing takes. ``deleted`` articles leave the index.

    Articles of one ``story`` tell the same text; ``documents`` are the texts of those that the article links to.
    """

    article: Article
    attribution: Attribution
    change: int
    deleted: bool = False
    story: str = ""
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A search as it was asked for; every door fills in the same one."""

    text: str = ""
    since: str | None = None
    until: str | None = None
    speaker: str | None = None
    source: str | None = None
    scope: Scope = "articles"
    sort: Sort = "relevance"
    match: Match = "auto"
    copies: Copies = "all"
    limit: int = 10
    cursor: str | None = None
    snippets: bool = True
    facets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a snippet, in the article's own characters."""

    text: str
    is_match: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. ``statement`` is set when statements were searched for; ``copies`` when reposts were folded."""

    id: str
    url: str
    title: str
    date: PartialDate | None
    source: str
    speakers: tuple[Person, ...]
    score: float
    snippet: tuple[Segment, ...]
    statement: Statement | None = None
    article_id: str = ""
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value of a facet and how many documents of the listed set have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class IndexState:
    """Which index answered."""

    generation: int
    documents: int
    built_at: str


@dataclass(frozen=True, slots=True)
class Results:
    """The answer to a query.

    ``total`` counts the listed set, ``total_all`` the documents with all words, ``total_any`` those with any.
    """

    query: Query
    interpreted: str
    notes: tuple[str, ...]
    total: int
    total_all: int
    total_any: int
    hits: tuple[Hit, ...]
    facets: Mapping[str, tuple[FacetValue, ...]]
    next_cursor: str | None
    index: IndexState

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)


def content_id(text: str) -> str:
    """Return the id of whatever ``text`` names (a canonical URL, a path): 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
