"""Counting over time and concordances, the same through all doors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from conftest import get, serving, write_jsonl

from searcher import Archive
from searcher.cli.main import cli
from searcher.errors import QueryError
from searcher.model import Query

ROWS = [
    {"id": "a", "title": "Một", "body": "Đường ngập úng nặng. Ngập úng khắp nơi.", "date": "2021-03-02", "source": "A"},
    {"id": "b", "title": "Hai", "body": "Không mưa.", "date": "2021-05-02", "source": "A"},
    {"id": "c", "title": "Ba", "body": "Sân trường ngập, cây úng nước; rồi lại ngập úng.", "date": "2024-05", "source": "B"},
    {"id": "d", "title": "Bốn", "body": "Chuyện ngập úng cũ.", "date": "2024", "source": "B"},
    {"id": "e", "title": "Năm", "body": "Chuyện ngập úng không rõ ngày.", "source": "B"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("research") / "archive"
    with Archive.create(folder) as made:
        made.import_files([write_jsonl(folder / "a.jsonl", ROWS)])
        made.index()
    return folder


@pytest.fixture(scope="module")
def archive(folder: Path) -> Iterator[Archive]:
    with Archive.open(folder) as opened:
        yield opened


def test_counts_by_year_have_gaps_and_all_there_is(archive: Archive) -> None:
    rows = archive.frequency("ngập úng")
    assert [(r.period, r.count, r.documents) for r in rows] == [("", 1, 1), ("2021", 1, 2), ("2022", 0, 0), ("2023", 0, 0), ("2024", 2, 2)]
    assert [r.per_thousand for r in rows] == [1000, 500, 0, 0, 1000]
    assert sum(r.count for r in rows) == archive.search("ngập úng").total


def test_counts_by_month(archive: Archive) -> None:
    rows = archive.frequency(Query("ngập úng", source="B"), "month")
    assert [(r.period, r.count) for r in rows] == [("", 1), ("2024", 1), ("2024-05", 1)]
    assert len(archive.frequency("ngập úng", "month")) == 2 + 39  # March 2021 to May 2024
    assert [r.period for r in archive.frequency(Query("ngập", since="2021", until="2021"), "month")] == ["2021-03", "2021-04", "2021-05"]
    with pytest.raises(QueryError, match="unit"):
        archive.frequency("x", "week")  # type: ignore[arg-type]


def test_each_place_in_its_context(archive: Archive) -> None:
    lines = archive.kwic("ngap ung", width=12)
    assert [(line.id, line.left, line.match, line.right) for line in lines] == [
        ("a", "Đường ", "ngập úng", " nặng. Ngập "),
        ("a", "p úng nặng. ", "Ngập úng", " khắp nơi."),
        ("d", "Chuyện ", "ngập úng", " cũ."),
        ("c", "ớc; rồi lại ", "ngập úng", "."),
        ("e", "Chuyện ", "ngập úng", " không rõ ng"),
    ]
    assert [line.id for line in archive.kwic("ngập", order="left")][:2] == ["d", "e"]
    assert [line.match for line in archive.kwic("ngập")].count("ngập") == 5
    with pytest.raises(QueryError, match="no word"):
        archive.kwic("")


def test_three_doors_say_the_same(archive: Archive, folder: Path) -> None:
    run = CliRunner()
    words = quote("ngập úng")
    with serving(folder) as base:
        for command, extra, path in (
            ("frequency", ["--unit", "month"], f"/api/v1/frequency?q={words}&unit=month"),
            ("kwic", ["--order", "right", "--width", "20"], f"/api/v1/kwic?q={words}&order=right&width=20&limit=100"),
        ):
            result = run.invoke(cli, ["--archive", str(folder), command, "ngập", "úng", "--json", *extra], standalone_mode=False)
            assert json.loads(result.output) == get(base + path).json()
        assert get(f"{base}/api/v1/kwic?q=x&width=x").status == 400
        assert get(f"{base}/api/v1/frequency?q=x&unit=week").status == 400
        page = get(f"{base}/?q={words}").data.decode()
    assert "<svg" in page
    assert 'href="/?q=ng%E1%BA%ADp+%C3%BAng&amp;from=2021&amp;to=2021"' in page
