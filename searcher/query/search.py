"""Answering a query: plan it, ask the engine, show what was found."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import get_args

from searcher.engine import And, Engine, Found, Keyword, Node, Plan, ScoredDocument, Snapshot, StoredDocument
from searcher.errors import QueryError
from searcher.model import Copies, Hit, Match, Query, Results, Scope, Segment, Sort
from searcher.query.grammar import parse
from searcher.query.planner import Understood, understand
from searcher.query.snippets import snippet
from searcher.vietnamese.analysis import Analyser
from searcher.vietnamese.names import Names

FACETS = ("speaker", "source", "section", "year", "month")
MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a search, as all doors offer it. ``name`` is the Python name, ``option`` the one on the command line."""

    name: str
    option: str
    help: str
    choices: tuple[str, ...] = ()


#: The one table that the command line, HTTP and the web page are made from.
PARAMETERS = (
    Parameter("since", "from", "chỉ bài từ ngày này: 2025, 2025-07, 2025-07-02, 02/07/2025 hoặc 7d"),
    Parameter("until", "to", "chỉ bài đến ngày này"),
    Parameter("speaker", "speaker", "chỉ bài có người này phát biểu; không cần dấu, không cần ông/bà"),
    Parameter("source", "source", "chỉ bài của nguồn này"),
    Parameter("scope", "scope", "tìm trong bài viết hay trong từng lời phát biểu", get_args(Scope)),
    Parameter("sort", "sort", "xếp theo mức phù hợp, mới nhất hay cũ nhất", get_args(Sort)),
    Parameter("match", "match", "phải có bao nhiêu từ: auto, all (đủ các từ), any (một từ bất kỳ)", get_args(Match)),
    Parameter("copies", "copies", "gộp các bản đăng lại của cùng một tin hay không", get_args(Copies)),
    Parameter("limit", "limit", "số kết quả, tối đa 1000"),
    Parameter("cursor", "cursor", "tiếp tục từ trang trước (next_cursor)"),
)


def search(engine: Engine, query: Query, analyser: Analyser, names: Names, *, clock: Callable[[], dt.datetime]) -> Results:
    """Answer a query.

    Raises:
        QueryError: it or one of its parameters cannot be understood.
    """
    validate(query)
    index = engine.snapshot()
    understood, words, notes = choose(index, query, analyser, names, clock().date())
    undated_too = And((words, understood.others))
    matching = And((undated_too, understood.dates))
    state = index.state()
    after, generation = _read_cursor(query.cursor)
    fold = query.copies == "fold" and query.scope == "articles"
    plan = Plan(matching, understood.ranking, query.scope, query.sort, query.limit + 1, after)
    found, copies = _folded(index, plan) if fold else (index.search(plan), {})
    if generation is not None and generation != state.generation:
        notes.append("chỉ mục đã được cập nhật sau trang trước")
    if query.since or query.until:
        undated = index.undated(undated_too, query.scope)
        if undated:
            notes.append(f"{undated} kết quả không có ngày nên không được tính")
    page = found.documents[: query.limit]
    scores = {d.id: d.score for d in page}
    hits = tuple(_hit(document, scores[document.id], index, understood, query, analyser) for document in index.documents(list(scores)))
    more = len(found.documents) > query.limit and page
    hits = tuple(replace(hit, copies=copies.get(hit.id, ())) for hit in hits)
    return Results(
        query=query,
        interpreted=understood.interpreted,
        notes=tuple(notes),
        total=found.total,
        total_all=index.count(And((understood.all_words, understood.others, understood.dates)), query.scope),
        total_any=index.count(And((understood.any_words, understood.others, understood.dates)), query.scope),
        hits=hits,
        facets=index.facets(matching, query.scope, query.facets) if query.facets else {},
        next_cursor=_write_cursor(page[-1].key, page[-1].id, state.generation) if more else None,
        index=state,
    )


def scan(engine: Engine, query: Query, analyser: Analyser, names: Names, *, clock: Callable[[], dt.datetime]) -> Iterator[Hit]:
    """Yield every hit of a query by id, ascending, in constant memory; scores are not computed.

    Raises:
        QueryError: the query cannot be understood.
    """
    validate(query)
    index = engine.snapshot()
    understood, words, _ = choose(index, query, analyser, names, clock().date())
    batch: list[str] = []

    def emit() -> Iterator[Hit]:
        for document in index.documents(batch):
            yield _hit(document, 0.0, index, understood, query, analyser)

    for document_id in index.scan(And((words, understood.others, understood.dates)), query.scope):
        batch.append(document_id)
        if len(batch) == 200:
            yield from emit()
            batch.clear()
    yield from emit()


def validate(query: Query) -> None:
    """Check the parameters of a query.

    Raises:
        QueryError: one of them has a value it cannot have.
    """
    for name, value, allowed in (
        ("scope", query.scope, get_args(Scope)),
        ("sort", query.sort, get_args(Sort)),
        ("match", query.match, get_args(Match)),
        ("copies", query.copies, get_args(Copies)),
    ):
        if value not in allowed:
            raise QueryError(f"{name} {value!r} is unknown; use one of {', '.join(allowed)}")
    if not 1 <= query.limit <= MAX_LIMIT:
        raise QueryError(f"limit {query.limit} is not between 1 and {MAX_LIMIT}; page on with the cursor")
    for name in query.facets:
        if name not in FACETS:
            raise QueryError(f"facet {name!r} is unknown; use some of {', '.join(FACETS)}")


def choose(index: Snapshot, query: Query, analyser: Analyser, names: Names, today: dt.date) -> tuple[Understood, Node, list[str]]:
    """Return how the query is understood, the set of words it stands for, and the notes that say so."""
    parsed = parse(query.text, analyser)
    understood = understand(query, parsed, index, analyser, names, today=today)
    notes = list(understood.notes)

    def holds(node: Node) -> bool:
        return index.count(And((node, understood.others, understood.dates)), query.scope) > 0

    if not understood.folded and understood.distinct and not holds(understood.any_words):
        understood = understand(query, parsed, index, analyser, names, today=today, force_folded=True)
        notes.append("không có bài nào đúng dấu; đã tìm không phân biệt dấu")
    words = {"all": understood.all_words, "any": understood.any_words, "auto": understood.auto_words}[query.match]
    if query.match == "auto" and understood.distinct > 1:
        if not holds(words):
            words = understood.any_words
            notes.append("không bài nào có đủ số từ; liệt kê bài có ít nhất một từ")
        elif understood.need < understood.distinct:
            notes.append(f"bài có ít nhất {understood.need}/{understood.distinct} từ")
    return understood, words, notes


def _hit(document: StoredDocument, score: float, index: Snapshot, understood: Understood, query: Query, analyser: Analyser) -> Hit:
    segments: tuple[Segment, ...] = ()
    if query.snippets:
        found = index.occurrences(document.id, understood.marked)
        segments = snippet(document.body, [(o.start, understood.kinds[o.leaf]) for o in found], analyser)
    return Hit(
        id=document.id,
        url=document.url,
        title=document.title,
        date=document.date,
        source=document.source,
        speakers=document.speakers,
        score=score,
        snippet=segments,
        statement=document.statement,
        article_id=document.article_id,
    )


def _folded(index: Snapshot, plan: Plan) -> tuple[Found, dict[str, tuple[str, ...]]]:
    """Answer a plan with only the best of each story's copies; return the others by its id. The total still counts all."""
    kept: list[ScoredDocument] = []
    copies: dict[str, tuple[str, ...]] = {}
    after = plan.after
    while True:
        found = index.search(replace(plan, after=after))
        for document, stored in zip(found.documents, index.documents([d.id for d in found.documents]), strict=True):
            if stored.story:
                story = And((plan.matching, Keyword("story", stored.story)))
                told = [d.id for d in index.search(replace(plan, matching=story, after=None, limit=MAX_LIMIT)).documents]
                if told[0] != document.id:
                    continue
                copies[document.id] = tuple(told[1:])
            kept.append(document)
        if len(kept) >= plan.limit or len(found.documents) < plan.limit:
            return Found(tuple(kept[: plan.limit]), found.total), copies
        after = found.documents[-1].key, found.documents[-1].id


def _write_cursor(key: float, document_id: str, generation: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([key, document_id, generation]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None) -> tuple[tuple[float, str] | None, int | None]:
    if not cursor:
        return None, None
    try:
        key, document_id, generation = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return (float(key), str(document_id)), int(generation)
    except (ValueError, TypeError) as error:
        raise QueryError("the cursor is not one that a search gave out; start again without it") from error
