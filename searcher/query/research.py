"""Measures over a set of results: how often and when, and each place where a query stands, in its context."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from searcher.engine import And, Engine, Occurrence, Snapshot, StoredDocument
from searcher.errors import QueryError
from searcher.model import PartialDate, Query
from searcher.query.planner import Understood, source_node
from searcher.query.search import choose, validate
from searcher.query.snippets import token_end
from searcher.vietnamese.analysis import Analyser
from searcher.vietnamese.names import Names

Unit: TypeAlias = Literal["year", "month"]
KwicSort: TypeAlias = Literal["date", "left", "right"]
#: Concordance lines that are sorted at most.
MAX_LINES = 10_000


@dataclass(frozen=True, slots=True)
class Frequency:
    """One stretch of time: how many documents match, how many there are in all, and the first per thousand of the second.

    ``period`` is a year, a year and month, or "" for what has no date. What is dated to the year only has no month.
    """

    period: str
    count: int
    documents: int

    @property
    def per_thousand(self) -> float:
        """Matching documents per thousand."""
        return 1000 * self.count / self.documents if self.documents else 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """One place where a query stands: the text before, the match, the text behind, all as written."""

    id: str
    article_id: str
    date: PartialDate | None
    title: str
    left: str
    match: str
    right: str


def frequency(
    engine: Engine, query: Query, analyser: Analyser, names: Names, unit: Unit, *, clock: Callable[[], dt.datetime]
) -> list[Frequency]:
    """Count the documents of a query by time, gaps included, against all documents of the same source and dates.

    Raises:
        QueryError: the query or the unit cannot be understood.
    """
    validate(query)
    if unit not in get_args(Unit):
        raise QueryError(f"unit {unit!r} is unknown; use one of {', '.join(get_args(Unit))}")
    index = engine.snapshot()
    understood, words, _ = choose(index, query, analyser, names, clock().date())
    found = index.histogram(And((words, understood.others, understood.dates)), query.scope, unit)
    held = index.histogram(And((understood.dates, *source_node(query))), query.scope, unit)
    return [Frequency(period, found.get(period, 0), held.get(period, 0)) for period in _periods(held, unit)]


def kwic(
    engine: Engine,
    query: Query,
    analyser: Analyser,
    names: Names,
    *,
    width: int = 60,
    order: KwicSort = "date",
    clock: Callable[[], dt.datetime],
) -> list[Line]:
    """Return each place where the words of a query stand (keyword in context), ``width`` characters on either side.

    Of a query of several words the places are those where at least two of them stand together. ``order`` is the articles' date,
    or what stands next to the match: on its left, read backwards, or on its right. At most ``query.limit`` lines.

    Raises:
        QueryError: the query cannot be understood or has no words, or there are more than 10,000 lines to be sorted.
    """
    validate(query)
    if order not in get_args(KwicSort):
        raise QueryError(f"order {order!r} is unknown; use one of {', '.join(get_args(KwicSort))}")
    if not 1 <= width <= 1000:
        raise QueryError(f"width {width} is not between 1 and 1000")
    index = engine.snapshot()
    understood, words, _ = choose(index, query, analyser, names, clock().date())
    if not understood.marked:
        raise QueryError("there is no word to be shown in its context; write one")
    node = And((words, understood.others, understood.dates))
    lines: list[Line] = []
    for name in index.scan(node, query.scope):
        (document,) = index.documents([name])
        lines += _lines(document, index, understood, analyser, width)
        if len(lines) > MAX_LINES:
            raise QueryError(f"there are more than {MAX_LINES} places; narrow the query or its dates")
    keys: dict[str, Callable[[Line], object]] = {
        "date": lambda line: (str(line.date or "9999"), line.id),
        "left": lambda line: [word.lower() for word in reversed(line.left.split())],
        "right": lambda line: line.right.lower(),
    }
    lines.sort(key=keys[order])  # type: ignore[arg-type]
    return lines[: query.limit]


def _lines(document: StoredDocument, index: Snapshot, understood: Understood, analyser: Analyser, width: int) -> Iterator[Line]:
    text = document.body
    found = index.occurrences(document.id, understood.marked)
    several = len(set(understood.kinds)) > 1
    for run in _runs(text, found, analyser):
        if several and len({understood.kinds[o.leaf] for o, _ in run}) < 2:
            continue
        start, end = run[0][0].start, run[-1][1]
        left, right = text[max(0, start - width) : start], text[end : end + width]
        yield Line(document.id, document.article_id, document.date, document.title, _flat(left), _flat(text[start:end]), _flat(right))


def _runs(text: str, found: Sequence[Occurrence], analyser: Analyser) -> Iterator[list[tuple[Occurrence, int]]]:
    """Yield occurrences that stand together, with nothing but white space in between, each with its end."""
    run: list[tuple[Occurrence, int]] = []
    for occurrence in found:
        if run and occurrence.start < run[-1][1]:
            continue
        if run and text[run[-1][1] : occurrence.start].strip():
            yield run
            run = []
        run.append((occurrence, token_end(text, occurrence.start, analyser)))
    if run:
        yield run


def _flat(text: str) -> str:
    return text.replace("\n", " ")


def _periods(held: Mapping[str, int], unit: Unit) -> list[str]:
    """All years or months between the first and the last, and those that are none of either."""
    known = sorted(held)
    length = 4 if unit == "year" else 7
    exact = [period for period in known if len(period) == length]
    others = [period for period in known if len(period) != length]
    if not exact:
        return others
    first, last = exact[0], exact[-1]
    if unit == "year":
        return [*others, *(f"{year:04}" for year in range(int(first), int(last) + 1))]
    begin, end = (int(p[:4]) * 12 + int(p[5:]) - 1 for p in (first, last))
    return [*others, *(f"{month // 12:04}-{month % 12 + 1:02}" for month in range(begin, end + 1))]
