"""What may be typed, how it is understood, and what is shown of the hits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import write_jsonl
from hypothesis import given, settings
from hypothesis import strategies as st

from searcher import Archive
from searcher.errors import QueryError
from searcher.query.dates import parse_bound
from searcher.query.grammar import parse
from searcher.query.snippets import snippet
from searcher.vietnamese.analysis import Analyser

ANALYSER = Analyser()
TODAY = dt.date(2026, 1, 31)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("query")
    texts = [
        ("d1", "Ngập úng mùa mưa", "Đường ngập úng. Ông Trần Minh Đức nói: “Phải nạo vét kênh mương ngay”.", "2025-07-02"),
        ("d2", "Hội nghị", "Ngáp dài vì họp lâu, không liên quan đến nước.", "2025-08"),
        ("d3", "Trường học", "Học sinh nghỉ vì mưa. Kênh mương đầy nước.", ""),
        ("d4", "Ngập úng mùa mưa", "Đường ngập úng. Ông Trần Minh Đức nói: “Phải nạo vét kênh mương ngay”.", "2024-01-01"),
    ]
    write_jsonl(folder / "a.jsonl", [{"id": i, "title": t, "body": b, "date": d, "source": "Báo Phường"} for i, t, b, d in texts])
    with Archive.create(folder / "archive") as archive:
        archive.import_files([folder / "a.jsonl"])
        archive.index()
        yield archive


def found(archive: Archive, text: str = "", **parameters: object) -> list[str]:
    return sorted(hit.id for hit in archive.search(text, **parameters))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ngập úng", ["d1", "d4"]),
        ("NGẬP ÚNG", ["d1", "d4"]),
        ("ngap ung", ["d1", "d4"]),
        ("ngap", ["d1", "d2", "d4"]),
        ("ngáp", ["d2"]),
        ('"kênh mương"', ["d1", "d3", "d4"]),
        ('"kenh muong ngay"', ["d1", "d4"]),
        ('"mương kênh"', []),
        ("mưa -học", ["d1", "d4"]),
        ('mưa -"học sinh"', ["d1", "d4"]),
        ("nga*", ["d1", "d2", "d4"]),
        ("kênh -ngập", ["d3"]),
        ("", ["d1", "d2", "d3", "d4"]),
        ("!!!", ["d1", "d2", "d3", "d4"]),
        ("zzz", []),
    ],
)
def test_what_queries_find(small: Archive, text: str, expected: list[str]) -> None:
    assert found(small, text) == expected


def test_filters(small: Archive) -> None:
    assert found(small, since="2025") == ["d1", "d2"]
    assert found(small, since="15/08/2025", until="2025-08-20") == ["d2"]
    assert found(small, speaker="tran minh duc") == ["d1", "d4"]
    assert found(small, speaker="ông Minh Đức") == ["d1", "d4"]
    assert found(small, speaker="Minh Dức") == []
    assert found(small, source="bao phuong", until="2024") == ["d4"]
    assert found(small, "kênh mương", scope="statements") == ["d1#16-70", "d4#16-70"]
    results = small.search("ngập", since="2020")
    assert results.notes == ()
    assert "1 kết quả không có ngày nên không được tính" in small.search("mưa", since="2020").notes


def test_sort_and_cursor(small: Archive) -> None:
    assert [h.id for h in small.search(sort="newest")] == ["d2", "d1", "d4", "d3"]
    assert [h.id for h in small.search(sort="oldest")] == ["d4", "d1", "d2", "d3"]
    first = small.search("mưa", limit=2)
    second = small.search("mưa", limit=2, cursor=first.next_cursor)
    assert [h.id for h in (*first, *second)] == [h.id for h in small.search("mưa")]
    assert second.next_cursor is None


def test_match_all_any_auto(small: Archive) -> None:
    text = "đường ngập úng học"
    assert found(small, text, match="all") == []
    assert found(small, text, match="any") == ["d1", "d3", "d4"]
    results = small.search(text)
    assert (sorted(h.id for h in results), results.total_all, results.total_any) == (["d1", "d4"], 0, 3)
    assert results.notes == ("bài có ít nhất 3/4 từ",)
    assert "không bài nào có đủ số từ" in small.search("ngáp kênh zzz").notes[0]


def test_wrong_accents_are_forgiven_and_said(small: Archive) -> None:
    results = small.search("ngặp")
    assert [h.id for h in results][:1] == ["d1"]
    assert results.notes == ("không có bài nào đúng dấu; đã tìm không phân biệt dấu",)
    assert small.search("ngập ung").total == 2  # half of the accents missing: folded


def test_copies_fold(small: Archive) -> None:
    results = small.search("ngập úng", copies="fold")
    assert [(h.id, h.copies) for h in results] == [("d1", ("d4",))]
    assert results.total == 2


def test_scan_gives_every_hit_by_id(small: Archive) -> None:
    assert [h.id for h in small.scan("mưa")] == ["d1", "d3", "d4"]


def test_facets(small: Archive) -> None:
    facets = small.search("", facets=("year", "month", "speaker", "source")).facets
    assert [(f.value, f.count) for f in facets["year"]] == [("2024", 1), ("2025", 2)]
    assert [(f.value, f.count) for f in facets["month"]] == [("2024-01", 1), ("2025-07", 1), ("2025-08", 1)]
    assert [(f.value, f.count) for f in facets["speaker"]] == [("Trần Minh Đức", 2)]
    assert [(f.value, f.count) for f in facets["source"]] == [("Báo Phường", 4)]


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("x" * 513, 512, "at most 512"),
        ("k*", 1, "at least two letters"),
        ('"' + "a " * 17 + '"', 0, "at most 16"),
        ("a " * 65, None, "at most 64"),
    ],
)
def test_what_is_refused(small: Archive, text: str, position: int | None, message: str) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        small.search(text)
    assert caught.value.position == position


@pytest.mark.parametrize(
    "parameters",
    [
        {"since": "2025-13"}, {"since": "31/02/2025"}, {"until": "hôm qua"}, {"since": "2026", "until": "2025"}, {"limit": 0}, {"limit": 1001},
        {"sort": "best"}, {"scope": "x"}, {"match": "x"}, {"copies": "x"}, {"facets": ("x",)}, {"cursor": "x"}, {"cursor": "WzFd"}, {"speaker": "ông"},
    ],
)  # fmt: skip
def test_bad_parameters_say_so(small: Archive, parameters: dict[str, object]) -> None:
    with pytest.raises(QueryError):
        small.search("mưa", **parameters)  # type: ignore[arg-type]


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(['"', "“", "”", "-", "*", "mưa", "ngập", " ", "OR", "85,98%", "\ud800", "\0", "(", "'"])).map("".join)
)
@settings(deadline=None, max_examples=150)
def test_any_text_is_answered_or_refused_with_reason(small: Archive, text: str) -> None:
    try:
        results = small.search(text)
    except QueryError as error:
        assert str(error)
    else:
        assert results.total_all <= results.total <= results.total_any


@given(st.text(max_size=200))
def test_parse_reads_every_token_once(text: str) -> None:
    try:
        parsed = parse(text, ANALYSER)
    except QueryError:
        return
    read = [t for w in parsed.words for t in w.tokens] + [t for p in parsed.phrases for t in p.tokens] + [p.token for p in parsed.truncated]
    excluded = [t for e in parsed.excluded for t in (e.tokens if hasattr(e, "tokens") else (e.token,))]
    assert sorted(t.term for t in read + excluded) == sorted(t.term for t in ANALYSER.tokens(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2025", "2025"), ("2025-7", "2025-07"), ("2025-07-02", "2025-07-02"), ("02/07/2025", "2025-07-02"), ("2-7-2025", "2025-07-02"), ("07/2025", "2025-07"), ("7d", "2026-01-24"), ("2w", "2026-01-17")],
)  # fmt: skip
def test_bounds(text: str, expected: str) -> None:
    assert str(parse_bound(text, today=TODAY)) == expected


def test_a_lone_quotation_mark_is_said_and_left_out(small: Archive) -> None:
    results = small.search('mưa "kênh')
    assert results.total == small.search("mưa kênh").total > 0
    assert results.notes == ("dấu ngoặc kép ở ký tự thứ 5 không được đóng nên không tính",)


def test_a_phrase_is_no_condition_where_any_word_will_do(small: Archive) -> None:
    assert found(small, '"mương kênh" ngáp', match="any") == ["d1", "d2", "d3", "d4"]


def test_snippets_are_the_texts_own_characters() -> None:
    text = "Câu đầu không có gì. Đường NGẬP úng nặng hôm qua; nước rút. Câu ba.\nKênh mương bị lấp nên ngập."
    segments = snippet(text, [(t.start, t.folded) for t in ANALYSER.tokens(text) if t.folded in ("ngap", "ung", "kenh")], ANALYSER)
    assert "".join(s.text for s in segments) == "Đường NGẬP úng nặng hôm qua; … Kênh mương bị lấp nên ngập."
    assert [s.text for s in segments if s.is_match] == ["NGẬP úng", "Kênh", "ngập"]


@given(st.text(max_size=400))
def test_snippets_of_anything(text: str) -> None:
    segments = snippet(text, [(t.start, t.folded) for t in ANALYSER.tokens(text) if len(t.folded) % 2], ANALYSER)
    for segment in segments:
        if segment.is_match:
            assert segment.text.replace("\n", " ") in text.replace("\n", " ")


def test_interpretation_is_shown(small: Archive) -> None:
    results = small.search('Ngập "kênh mương" -học tr*', since="2025", speaker="Đức")
    assert results.interpreted == 'ngập · "kênh mương" · tr* · -học · từ ngày: 2025 · người phát biểu: Đức'


def test_path_objects_and_texts_are_both_archives(small: Archive) -> None:
    with Archive.open(str(small.folder)) as again:
        assert again.search("mưa").total == 3
    assert isinstance(small.folder, Path)
