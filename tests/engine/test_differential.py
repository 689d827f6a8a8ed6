"""Random corpora and random questions: the same sets, scores and order as the reference gives.

``SEARCHER_TORTURE=1`` (``make torture``) asks many more questions.
"""

from __future__ import annotations

import datetime as dt
import os
import random
from pathlib import Path

import pytest
from reference import Document, scores

from searcher.engine import (
    And,
    AtLeast,
    DateRange,
    Everything,
    Keyword,
    Node,
    Not,
    Or,
    Phrase,
    Plan,
    Prefix,
    Scored,
    Term,
    Variants,
    WhooshEngine,
)
from searcher.model import Article, Attribution, PartialDate, Record
from searcher.vietnamese.analysis import SEPARATOR, pair_term, term_of

WORDS = (
    "ngập úng mưa ngap mùa phường xã họp học hoc kênh ngáp ủng Ung phuong đường dường 30/9/2025 30/9 TP.HCM 123/QĐ-UBND ubnd 5 tp".split()
)
QUESTIONS = 25_000 if os.environ.get("SEARCHER_TORTURE") else 120


def random_record(rng: random.Random, number: int, change: int) -> Record:
    def text(longest: int) -> str:
        weights = [1 / (i + 1) for i in range(len(WORDS))]
        return " ".join(rng.choices(WORDS, weights, k=rng.randrange(longest)))

    body = "\n".join(text(rng.choice([5, 40, 150])) for _ in range(rng.randrange(1, 4)))
    dates = [None, PartialDate(2025), PartialDate(2025, 3), *(PartialDate(2025, 3, day) for day in range(1, 29, 3))]
    article = Article(f"a{number:03}", "", text(6), body, published=rng.choice(dates), source=rng.choice(["A", "B", ""]))
    return Record(article, Attribution(), change)


def random_leaf(rng: random.Random) -> Term | Variants | Prefix | Phrase:
    terms = [term_of(word) for word in rng.choices(WORDS, k=rng.randrange(2, 5))]
    folded = [term.split(SEPARATOR)[0] for term in terms]
    kind = rng.randrange(7)
    if kind == 0:
        return Variants("syllables", folded[0])
    if kind == 1:
        return Term("pairs", pair_term(*terms[:2]))
    if kind == 2:
        return Variants("pairs", f"{folded[0]} {folded[1]}")
    if kind == 3:
        return Prefix("syllables", folded[0][:2], "")
    if kind == 4:
        parts = tuple(Term("syllables", t) if rng.random() < 0.7 else Variants("syllables", t.split(SEPARATOR)[0]) for t in terms)
        return Phrase(parts, rng.choice([0, 0, 0, 2]))
    return Term("syllables", terms[0])


def random_node(rng: random.Random, depth: int = 2) -> Node:
    kind = rng.randrange(8) if depth else 0
    nodes = tuple(random_node(rng, depth - 1) for _ in range(rng.randrange(1, 5))) if kind in (1, 2, 3) else ()
    if kind == 1:
        return And(nodes)
    if kind == 2:
        return Or(nodes)
    if kind == 3:
        return AtLeast(nodes, rng.randrange(1, len(nodes) + 1))
    if kind == 4:
        return Not(random_node(rng, depth - 1))
    if kind == 5:
        first, last = sorted(dt.date(2025, rng.randrange(1, 6), rng.randrange(1, 28)) for _ in range(2))
        return DateRange(rng.choice([None, first]), rng.choice([None, last]))
    if kind == 6:
        return rng.choice([Everything(), Keyword("source", term_of("A"))])
    return random_leaf(rng)


def random_plan(rng: random.Random) -> Plan:
    leaves = {
        leaf: rng.choice([1.0, 0.5, 0.4]) for leaf in (random_leaf(rng) for _ in range(rng.randrange(1, 8))) if not isinstance(leaf, Prefix)
    }
    matching = Or(tuple(leaves)) if leaves and rng.random() < 0.5 else random_node(rng)
    ranking = tuple(Scored(leaf, boost) for leaf, boost in leaves.items() if not (isinstance(leaf, Phrase) and leaf.slop))
    return Plan(matching, ranking, limit=rng.choice([1, 3, 10, 200]))


@pytest.mark.parametrize("rows", [True, False], ids=["rows", "no rows"])
@pytest.mark.parametrize("seed", range(2))
def test_sets_scores_and_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, rows: bool) -> None:
    monkeypatch.setattr("searcher.engine.postings.FEWEST_FOR_ROWS", 1 if rows else 1 << 30)
    monkeypatch.setattr("searcher.engine.ranking.PROBE", 8)
    rng = random.Random(seed)
    engine = WhooshEngine(tmp_path / "index")
    records: dict[str, Record] = {}
    for change in range(1, 6):
        batch = [random_record(rng, rng.randrange(150), change * 100 + i) for i in range(60)]
        engine.add(batch)
        records |= {record.article.id: record for record in batch}
        engine.commit()
    engine.add([random_record(rng, 0, 999)])
    engine.delete(["a000", "a001"])
    engine.commit(compact=True)  # deleted documents count in statistics until they are merged away
    for name in ("a000", "a001"):
        records.pop(name, None)
    documents = [Document.of(record) for _, record in sorted(records.items())]
    _compare(engine, documents, rng, QUESTIONS)
    assert engine.check(deep=True) == []
    engine.close()


def test_several_segments_share_their_statistics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("searcher.engine.postings.FEWEST_FOR_ROWS", 1)
    monkeypatch.setattr("searcher.engine.writer._MERGE_RATIO", 0)
    rng = random.Random(9)
    engine = WhooshEngine(tmp_path / "index")
    records = [random_record(rng, number, number + 1) for number in range(120)]
    for first, end in ((0, 50), (50, 90), (90, 120)):
        engine.add(records[first:end])
        engine.commit()
    _compare(engine, [Document.of(record) for record in records], rng, QUESTIONS // 2)
    engine.close()


def _compare(engine: WhooshEngine, documents: list[Document], rng: random.Random, questions: int) -> None:
    snapshot = engine.snapshot()
    assert snapshot.state().documents == len(documents)
    for _ in range(questions):
        plan = random_plan(rng)
        found = engine.snapshot().search(plan)
        expected = [d for d in documents if d.matches(plan.matching)]
        assert found.total == len(expected), plan
        assert list(snapshot.scan(plan.matching, "articles")) == [d.record.article.id for d in expected], plan
        by_id = dict(zip((d.record.article.id for d in documents), scores(documents, plan.ranking), strict=True))
        best = sorted((by_id[d.record.article.id] for d in expected), reverse=True)[: plan.limit]
        assert [d.score for d in found.documents] == pytest.approx(best, rel=1e-5, abs=1e-6), plan
        for document in found.documents:
            assert document.score == pytest.approx(by_id[document.id], rel=1e-5, abs=1e-6), plan
        keys = [(-d.key, d.id) for d in found.documents]
        assert keys == sorted(keys), plan
