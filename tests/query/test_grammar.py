"""The query language: choices, fields, nearness; every string parses or says where it cannot and what to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import write_jsonl
from hypothesis import given, settings
from hypothesis import strategies as st

from searcher import Archive
from searcher.errors import QueryError
from searcher.query.grammar import Choice, parse
from searcher.vietnamese.analysis import Analyser

ANALYSER = Analyser()
ROWS = [
    {
        "id": "a",
        "title": "Nạo vét kênh",
        "body": "Ông Trần Minh Đức nói: “Phải nạo vét kênh mương ngay”. Hội nghị do bà Lê Thị Hoa chủ trì.",
        "date": "2025-03-02",
        "source": "Báo A",
    },
    {"id": "b", "title": "Khơi thông cống", "body": "Phường khơi thông cống rãnh trước mùa mưa.", "date": "2025-06-10", "source": "Báo B"},
    {
        "id": "c",
        "title": "Trường học",
        "body": "Học sinh đi học trong mưa, kênh đầy nước, trường nạo vét sân.",
        "date": "2024-09-05",
        "source": "Báo A",
    },
    {"id": "d", "title": "Văn nghệ", "body": "Đêm văn nghệ mừng xuân ở phường.", "source": "Báo B"},
]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("grammar")
    with Archive.create(folder / "archive") as made:
        made.import_files([write_jsonl(folder / "a.jsonl", ROWS)])
        made.index()
        yield made


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("nạo vét OR khơi thông", "abc"),
        ("nao vet OR khoi thong", "abc"),
        ("(nạo vét OR khơi thông) mưa", "bc"),
        ("mưa (nạo vét HOẶC khơi thông) -học", "b"),
        ("kênh (mương OR (nước AND sân))", "ac"),
        ("kênh VÀ (mương OR nước)", "ac"),
        ("phường -(cống OR kênh OR mưa)", "d"),
        ('"nạo vét" OR "khơi thông"', "abc"),
        ("xuân OR cốn*", "bd"),
        ("tiêu_đề:kênh", "a"),
        ("title:kenh", "a"),
        ('title:"khơi thông"', "b"),
        ("-title:kênh nạo vét", "c"),
        ('speaker:"Trần Minh Đức"', "a"),
        ("người:Đức", "a"),
        ("nguoi:duc nạo vét", "a"),
        ('nguồn:"Báo B"', "bd"),
        ('-source:"bao a" phường', "bd"),
        ("ngày:2025", "ab"),
        ("date:2025-03..2025-04", "a"),
        ("date:..2024", "c"),
        ("date:2025-04..", "b"),
        ("ngày:02/03/2025", "a"),
        ("mưa date:2024 OR xuân", "cd"),
        ('"phải kênh"~3', "a"),
        ('"phải kênh"~1', ""),
        ('"phải kênh"', ""),
        ("NẠO VÉT OR KÊNH", "ac"),  # a pasted headline: OR is a word like any other
        ("nạo vét (kênh)", "ac"),
        ("(nạo) vét)", "ac"),
    ],
)
def test_what_is_found(archive: Archive, query: str, ids: str) -> None:
    assert sorted(hit.id for hit in archive.search(query)) == list(ids), archive.search(query).interpreted


@pytest.mark.parametrize(
    ("query", "message", "position"),
    [
        ("a OR", "needs something on both sides", 2),
        ("OR a", "needs something on both sides", 0),
        ("a OR OR b", "needs something on both sides", 2),
        ("(a OR b", "is not closed; add", 0),
        ("a OR b)", "nothing opened the parenthesis", 6),
        ("date:hôm OR x", "is not a date", None),
        ("date:2025..2024", "exchange the two dates", 0),
        ("date:..", "is empty", 0),
        ("title:...", "names nothing", 0),
        ('speaker:"ông"', "names nobody", None),
        ('"a b"~99', "at most 50", 0),
        ("(" * 9 + "a" + ")" * 9 + " OR b", "at most 8", 8),
        ("k*", "at least two letters", 1),
        ('"a b"~2 "c d"~2 OR -"e f"~2', "3 times for words near each other", None),
        (" OR ".join(["từ"] * 65), "at most 64", None),
    ],
)
def test_what_is_wrong_is_said_with_its_place(archive: Archive, query: str, message: str, position: int | None) -> None:
    with pytest.raises(QueryError, match=message) as error:
        archive.search(query)
    assert error.value.position == position


PIECES = st.sampled_from(
    [
        "kênh",
        "mương",
        "OR",
        "HOẶC",
        "AND",
        "VÀ",
        "(",
        ")",
        "-",
        '"',
        "“",
        "”",
        "*",
        "~3",
        "title:",
        "người:",
        "date:",
        "2025",
        "..",
        "nạ*",
        " ",
        " ",
        " ",
        "Ω",
        "-(",
        "😀",
    ]
)


@settings(max_examples=2000, deadline=None)
@given(st.lists(PIECES, max_size=24).map("".join) | st.text(max_size=60))
def test_every_string_parses_or_says_why(text: str) -> None:
    try:
        parse(text, ANALYSER)
    except QueryError as error:
        assert str(error)


def test_choices_are_kept_apart() -> None:
    (choice,) = parse("a b OR c -d", ANALYSER).choices
    assert isinstance(choice, Choice)
    assert [len(alternative) for alternative in choice.alternatives] == [1, 2]
