"""The engine's contract: sets, scores, order, counts, generations, and what damaged folders do.

The oracle of sets is stock Whoosh on the same postings; that of scores is the formula written out.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from whoosh import query as wq
from whoosh.index import open_dir

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
from searcher.engine.leaves import Leaves, Listed
from searcher.engine.scoring import K1, B, byte_to_int
from searcher.errors import ArchiveError, ArchiveLocked, IndexDamaged, IndexMismatch
from searcher.model import Article, Attribution, PartialDate, Person, Record, Statement
from searcher.vietnamese.analysis import LEAD_LENGTH, LEAD_WEIGHT, TITLE_WEIGHT, Analyser, pair_term, term_of

WORDS = "ngập úng mưa ngap mùa phường xã họp học hoc kênh".split()
ANALYSER = Analyser()


def record(
    number: int, text: str, *, change: int = 0, title: str = "", day: PartialDate | None = None, speaker: str = "", source: str = ""
) -> Record:
    statements = (Statement(speaker, "", text[:20], 0, 20, "indirect", "subject-verb", 0.9),) if speaker else ()
    return Record(
        Article(f"a{number:04}", f"http://x/{number}", title, text, published=day, source=source),
        Attribution(statements, (Person("Lê Chủ Trì"),) if speaker else ()),
        change or number + 1,
    )


def random_records(rng: random.Random, count: int) -> list[Record]:
    return [record(i, " ".join(rng.choices(WORDS, k=rng.randrange(3, 60))), title=" ".join(rng.choices(WORDS, k=3))) for i in range(count)]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[WhooshEngine]:
    made = WhooshEngine(tmp_path / "index")
    yield made
    assert made.check(deep=True) == [] or not made.exists()
    made.close()


def plain_terms(title: str, body: str) -> tuple[Counter[str], Counter[str], int]:
    """Weights of syllables and of pairs, and the length, of an article: written out token by token."""
    syllables: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    length = seen = 0
    for number, paragraph in enumerate((title, *body.split("\n"))):
        before: tuple[str, ...] = ()
        before_weight = 0
        for token in ANALYSER.tokens(paragraph):
            seen += number > 0
            weight = TITLE_WEIGHT if number == 0 else LEAD_WEIGHT if seen <= LEAD_LENGTH else 1
            length += weight
            for term in token.terms:
                syllables[term] += weight
                for earlier in before:
                    pairs[pair_term(earlier, term)] += before_weight
            before, before_weight = token.terms, weight
    return syllables, pairs, length


def ids(engine: WhooshEngine, node: Node) -> set[str]:
    return set(engine.snapshot().scan(node, "articles"))


def random_node(rng: random.Random, depth: int = 2) -> tuple[Node, wq.Query]:
    """A random tree over single syllables and the same for stock Whoosh."""
    kind = rng.choice(["term", "and", "or", "not", "prefix"]) if depth else "term"
    if kind == "term":
        text = term_of(rng.choice(WORDS))
        return Term("syllables", text), wq.Term("syllables", text.encode())
    if kind == "prefix":
        folded = rng.choice(["ng", "ngap", "h", "m"])
        return Prefix("syllables", folded), wq.Prefix("syllables", folded.encode())
    parts = [random_node(rng, depth - 1) for _ in range(rng.randrange(1, 4))]
    nodes, queries = tuple(p[0] for p in parts), [p[1] for p in parts]
    if kind == "and":
        return And(nodes), wq.And(queries)
    if kind == "or":
        return Or(nodes), wq.Or(queries)
    return And((Everything(), Not(nodes[0]))), wq.And([wq.Prefix("article", b"a"), wq.Not(queries[0])])


def test_same_sets_as_stock_whoosh(engine: WhooshEngine, tmp_path: Path) -> None:
    rng = random.Random(7)
    records = random_records(rng, 120)
    for first in range(0, 120, 30):
        engine.add(records[first : first + 30])
        engine.commit()
    engine.add([record(i, "ngập mùa họp", change=200 + i) for i in range(0, 40, 3)])
    engine.delete(["a0001", "a0050"])
    engine.commit()
    assert engine.snapshot().state().documents == 118
    with open_dir(tmp_path / "index").searcher() as searcher:
        for _ in range(150):
            node, query = random_node(rng)
            expected = {searcher.stored_fields(number)["stored"].id for number in searcher.docs_for_query(query)}
            assert ids(engine, node) == expected, node


def reference_score(records: list[Record], terms: list[tuple[str, str, float]], which: int) -> float:
    """BM25 as in the design, straight from the tokens."""
    analysed = [plain_terms(r.article.title, r.article.body) for r in records]
    lengths = [a[2] for a in analysed]
    average = sum(lengths) / len(lengths)
    total = 0.0
    for field, term, boost in terms:
        held = [(a[0] if field == "syllables" else a[1])[term] for a in analysed]
        n = sum(h > 0 for h in held)
        if held[which]:
            quantised = max(byte_to_int(code) for code in range(256) if byte_to_int(code) <= lengths[which])
            norm = K1 * (1 - B + B * quantised / average)
            total += boost * math.log(1 + (len(records) - n + 0.5) / (n + 0.5)) * held[which] / (held[which] + norm)
    return total


def test_scores_are_lucenes_bm25(engine: WhooshEngine) -> None:
    records = random_records(random.Random(3), 60)
    engine.add(records[:25])
    engine.commit()
    engine.add(records[25:])
    engine.commit()
    leaves = [("syllables", term_of("ngập"), 1.0), ("syllables", term_of("úng"), 1.0), ("pairs", "ngap ung\tngập úng", 0.4)]
    ranking = tuple(Scored(Term(field, text), boost) for field, text, boost in leaves)  # type: ignore[arg-type]
    found = engine.snapshot().search(Plan(Or(tuple(s.node for s in ranking)), ranking, limit=60))
    assert found.total == len(found.documents)
    for document in found.documents:
        expected = reference_score(records, leaves, int(document.id[1:]))
        assert document.score == pytest.approx(expected, rel=1e-5)
        assert sum(part for _, part in engine.snapshot().explain(ranking, "articles", document.id)) == pytest.approx(expected, rel=1e-5)
    assert [d.score for d in found.documents] == sorted((d.score for d in found.documents), reverse=True)


def test_lengths_round_as_lucenes() -> None:
    assert [byte_to_int(code) for code in (0, 23, 39, 40, 41, 48, 255)] == [0, 23, 39, 40, 42, 56, 2013265944]


def test_variants_phrases_and_shares(engine: WhooshEngine) -> None:
    engine.add(
        [record(0, "ngập úng nặng"), record(1, "ngáp ủng"), record(2, "úng ngập"), record(3, "ngập\núng"), record(4, "ngập cục bộ úng")]
    )
    engine.commit()
    ngap, ung = Term("syllables", term_of("ngập")), Term("syllables", term_of("úng"))
    assert ids(engine, Variants("syllables", "ngap")) == {"a0000", "a0001", "a0002", "a0003", "a0004"}
    assert ids(engine, Variants("pairs", "ngap ung")) == {"a0000", "a0001"}
    assert ids(engine, Phrase((ngap, ung))) == {"a0000"}
    assert ids(engine, Phrase((ngap, ung), slop=2)) == {"a0000", "a0004"}
    assert ids(engine, Phrase((Variants("syllables", "ngap"), Variants("syllables", "ung")))) == {"a0000", "a0001"}
    assert ids(engine, AtLeast((ngap, ung, Term("syllables", term_of("nặng"))), 3)) == {"a0000"}
    assert ids(engine, Prefix("syllables", "ng", "ngá")) == {"a0001"}
    assert ids(engine, Phrase((ngap, ung, Term("syllables", term_of("nặng"))))) == {"a0000"}


def test_dates_match_by_overlap_and_undated_documents_never(engine: WhooshEngine) -> None:
    engine.add(
        [
            record(0, "x", day=PartialDate(2025, 7, 2)),
            record(1, "x", day=PartialDate(2025, 7)),
            record(2, "x", day=PartialDate(2025)),
            record(3, "x"),
            record(4, "x", day=PartialDate(2024, 12, 31)),
        ]
    )
    engine.commit()
    day = dt.date(2025, 7, 2)
    assert ids(engine, DateRange(day, day)) == {"a0000", "a0001", "a0002"}
    assert ids(engine, DateRange(None, day)) == {"a0000", "a0001", "a0002", "a0004"}
    assert ids(engine, DateRange(dt.date(2025, 8, 1), None)) == {"a0002"}
    assert engine.snapshot().undated(Everything(), "articles") == 1
    assert dict(engine.snapshot().histogram(Everything(), "articles", "month")) == {"": 1, "2024-12": 1, "2025": 1, "2025-07": 2}
    newest = engine.snapshot().search(Plan(Everything(), sort="newest", limit=9)).documents
    assert [d.id for d in newest] == ["a0002", "a0001", "a0000", "a0004", "a0003"]
    oldest = engine.snapshot().search(Plan(Everything(), sort="oldest", limit=9)).documents
    assert [d.id for d in oldest] == ["a0004", "a0002", "a0001", "a0000", "a0003"]


def test_pages_join_up_without_gap_or_overlap(engine: WhooshEngine) -> None:
    engine.add([record(i, "ngập " + "x " * (i % 3)) for i in range(50)])
    engine.commit()
    engine.add([record(i, "ngập " + "x " * (i % 3)) for i in range(50, 80)])
    engine.commit()
    ranking = (Scored(Term("syllables", term_of("ngập"))),)
    whole = engine.snapshot().search(Plan(ranking[0].node, ranking, limit=80)).documents
    paged, after = [], None
    while page := engine.snapshot().search(Plan(ranking[0].node, ranking, limit=7, after=after)).documents:
        paged += page
        after = (page[-1].key, page[-1].id)
    assert paged == list(whole)
    assert len({d.id for d in paged}) == 80


def test_speakers_facets_and_statements(engine: WhooshEngine) -> None:
    engine.add(
        [
            record(0, "ngập úng ở khóm hai nhiều", speaker="Trần Minh Đức", source="báo A"),
            record(1, "họp dân bàn chuyện cũ", speaker="Lê Đức", source="báo A"),
            record(2, "không ai nói"),
        ]
    )
    engine.commit()
    assert ids(engine, Keyword("speaker", term_of("Trần Minh Đức"))) == {"a0000"}
    assert ids(engine, Keyword("speaker", "duc", folded=True)) == {"a0000", "a0001"}
    assert ids(engine, Keyword("presider", "le chu tri", folded=True)) == {"a0000", "a0001"}
    facets = engine.snapshot().facets(Everything(), "articles", ["speaker", "source"])
    assert {f.value: f.count for f in facets["speaker"]} == {"Trần Minh Đức": 1, "Lê Đức": 1}
    assert [(f.value, f.count) for f in facets["source"]] == [("báo A", 2)]
    assert sorted(engine.snapshot().scan(Everything(), "statements")) == ["a0000#0-20", "a0001#0-20"]
    (stored,) = engine.snapshot().documents(["a0000#0-20"])
    assert stored.statement is not None
    assert stored.statement.speaker == "Trần Minh Đức"
    assert engine.snapshot().count(Term("syllables", term_of("ngập")), "statements") == 1
    assert engine.snapshot().term_statistics("syllables", [term_of("ngập"), term_of("zzz")]) == [(1, LEAD_WEIGHT), (0, 0)]
    assert engine.snapshot().vocabulary("words", "ngap") == [("ngap ung\tngập úng", 1)]


def test_replacing_and_deleting(engine: WhooshEngine) -> None:
    engine.add([record(0, "cũ", speaker="Lê Đức"), record(1, "kia")])
    engine.commit()
    engine.add([record(0, "mới", change=9)])
    engine.commit()
    assert ids(engine, Term("syllables", term_of("cũ"))) == set()
    assert list(engine.snapshot().scan(Everything(), "statements")) == []
    assert engine.last_change() == 9
    engine.delete(["a0000"])
    engine.commit()
    assert ids(engine, Everything()) == {"a0001"}
    assert engine.snapshot().state().documents == 1


def test_segments_stay_few(engine: WhooshEngine) -> None:
    for number in range(30):
        engine.add([record(number, "ngập " * (number + 1))])
        engine.commit()
    assert engine.snapshot().state().documents == 30
    assert len(engine._current()[1].segments) <= 3
    assert ids(engine, Term("syllables", term_of("ngập"))) == {f"a{n:04}" for n in range(30)}


def test_large_merges_go_on_beside_commits(engine: WhooshEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("searcher.engine.writer.BACKGROUND_FROM", 0)
    expected: set[str] = set()
    for number in range(40):
        engine.add([record(number, f"ngập {number}"), record(number // 2, f"úng lần {number}")])
        engine.delete([f"a{number // 3:04}"])
        engine.commit()
        expected = (expected | {f"a{number:04}", f"a{number // 2:04}"}) - {f"a{number // 3:04}"}
        assert ids(engine, Everything()) == expected
        with pytest.raises(ArchiveLocked) if engine._merging else nullcontext():
            other = WhooshEngine(tmp_path / "index")
            other.add([])
            other.close()
    engine.settle()
    assert len(engine._current()[1].segments) <= 3
    assert ids(engine, Everything()) == expected
    assert engine.check(deep=True) == []
    names = {path.name for path in (tmp_path / "index").iterdir() if path.name.endswith((".columns", ".draft"))}
    assert names == set().union(*(engine._storage.read_state(g).segments for g in engine._storage.generations()[-2:]))


def test_a_merge_that_fails_is_said_and_done_again(engine: WhooshEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("searcher.engine.writer.BACKGROUND_FROM", 0)

    def failing(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("searcher.engine.writer.merge", failing)
        for number in range(2):
            engine.add([record(number, "ngập")])
            engine.commit()
        with pytest.raises(OSError, match="No space left"):
            engine.settle()
    assert ids(engine, Everything()) == {"a0000", "a0001"}
    engine.add([record(2, "ngập")])
    engine.commit()
    engine.settle()
    assert len(engine._current()[1].segments) == 1
    assert ids(engine, Everything()) == {"a0000", "a0001", "a0002"}


def test_a_backup_is_restored_whole(engine: WhooshEngine, tmp_path: Path) -> None:
    engine.add([record(0, "một")])
    engine.commit()
    engine.backup(tmp_path / "copy")
    with pytest.raises(ArchiveError, match="exists already"):
        engine.backup(tmp_path / "copy")
    engine.add([record(1, "hai")])
    engine.commit()
    reader = WhooshEngine(tmp_path / "index")
    assert reader.snapshot().count(Everything(), "articles") == 2
    engine.restore(tmp_path / "copy")
    assert ids(engine, Everything()) == {"a0000"}
    assert ids(reader, Everything()) == {"a0000"}
    engine.add([record(2, "ba")])
    engine.commit()
    assert ids(engine, Everything()) == {"a0000", "a0002"}
    (columns,) = (tmp_path / "copy").glob("*.columns")
    data = bytearray(columns.read_bytes())
    data[200] ^= 1
    columns.unlink()
    columns.write_bytes(data)
    with pytest.raises(IndexDamaged, match="cannot be restored"):
        engine.restore(tmp_path / "copy")
    assert ids(engine, Everything()) == {"a0000", "a0002"}
    reader.close()


def test_readers_see_commits_and_never_halves(engine: WhooshEngine, tmp_path: Path) -> None:
    reader = WhooshEngine(tmp_path / "index")
    engine.add([record(0, "một")])
    engine.commit()
    assert reader.snapshot().count(Everything(), "articles") == 1
    engine.add([record(1, "hai")])
    assert reader.snapshot().count(Everything(), "articles") == 1
    engine.commit()
    assert reader.snapshot().count(Everything(), "articles") == 2
    reader.close()


def test_one_writer_at_a_time(engine: WhooshEngine, tmp_path: Path) -> None:
    engine.add([record(0, "một")])
    other = WhooshEngine(tmp_path / "index")
    with pytest.raises(ArchiveLocked, match="another process is writing"):
        other.add([record(1, "hai")])
    engine.commit()
    other.add([record(1, "hai")])
    other.commit()
    assert engine.snapshot().count(Everything(), "articles") == 2
    other.close()


def test_backup_opens_as_an_index(engine: WhooshEngine, tmp_path: Path) -> None:
    engine.add([record(0, "một")])
    engine.commit()
    engine.backup(tmp_path / "copy")
    engine.add([record(1, "hai")])
    engine.commit()
    copy = WhooshEngine(tmp_path / "copy")
    assert copy.check(deep=True) == []
    assert copy.snapshot().count(Everything(), "articles") == 1
    copy.close()


def test_no_index_another_version_and_damage_are_told_apart(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    engine = WhooshEngine(folder)
    with pytest.raises(IndexDamaged, match="searcher index"):
        engine.snapshot()
    engine.add([record(0, "ngập úng")])
    engine.commit()
    state = folder / "state-1.json"
    kept = state.read_text(encoding="utf-8")
    text = json.loads(kept)[0].replace('"analysis": "5"', '"analysis": "0"')
    state.write_text(json.dumps([text, hashlib.sha256(text.encode()).hexdigest()]), encoding="utf-8")
    with pytest.raises(IndexMismatch, match=r"analysis 0 \(now .*searcher index --rebuild"):
        WhooshEngine(folder).snapshot()
    state.write_text(kept, encoding="utf-8")
    engine.add([record(1, "ngập")])
    engine.commit()
    newest = folder / "state-2.json"
    newest.write_text("{", encoding="utf-8")
    with pytest.warns(RuntimeWarning, match="the index of generation 1 answers"):
        assert WhooshEngine(folder).snapshot().count(Everything(), "articles") == 1
    state.write_text("{", encoding="utf-8")
    with pytest.raises(IndexDamaged, match="rebuild"):
        WhooshEngine(folder).last_change()
    engine.close()


def test_more_terms_than_have_codes_of_their_own(engine: WhooshEngine) -> None:
    many = [f"t{number}" for number in range(70_000)]
    bodies = [
        " ".join(many),
        "x " * 100 + "t69998 t69999 123/t69997 t69996",
        "t69998 123/t69999",
        "t69999 t69998",
        "ngập " * 70 + "t69998 t69999",
    ]
    engine.add([record(number, body) for number, body in enumerate(bodies)])
    engine.commit()
    engine.add([record(9, "thêm")])
    engine.commit(compact=True)

    def phrase(*words: str) -> Phrase:
        return Phrase(tuple(Term("syllables", term_of(word)) for word in words))

    assert ids(engine, phrase("t69998", "t69999")) == {"a0000", "a0001", "a0002", "a0004"}
    assert ids(engine, phrase("t69997", "t69998", "t69999")) == {"a0000"}
    assert ids(engine, phrase("t69998", "t69999", "t69997", "t69996")) == {"a0001"}
    assert ids(engine, phrase("t69999", "123", "t69996")) == {"a0001"}
    assert ids(engine, phrase("t69998", "123")) == {"a0002"}
    leaf = phrase("t69998", "t69999")
    collection = engine._current()[1].segments[0].collection("articles")
    found = engine.snapshot().search(Plan(leaf, (Scored(leaf),), limit=9)).documents
    assert {d.id for d in found} == {"a0000", "a0001", "a0002", "a0004"}
    weights = Leaves(collection).find(phrase("t69998", "t69999", "123"))
    assert isinstance(weights, Listed)
    assert weights.frequencies.tolist() == [1]  # behind the lead
    lead = Leaves(collection).find(phrase("t1", "t2", "t3"))
    assert isinstance(lead, Listed)
    assert lead.frequencies.tolist() == [LEAD_WEIGHT]
