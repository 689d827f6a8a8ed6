"""Abbreviations and renamed wards: found under all their names, and said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import write_jsonl

from searcher import Archive
from searcher.vietnamese.names import MOST_PREDECESSORS, MOST_SUCCESSORS, abbreviations, renamed_units


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("names")
    bodies = {
        "short": "UBND họp về BHYT.",
        "long": "Ủy ban nhân dân họp về bảo hiểm y tế.",
        "scattered": "Ủy viên bàn với ban điều hành: nhân viên và cư dân họp.",
        "old": "Lễ hội ở phường Mỹ Thạnh.",
        "new": "Lễ hội ở phường Mỹ Thới.",
    }
    with Archive.create(folder / "archive") as archive:
        archive.import_files([write_jsonl(folder / "a.jsonl", [{"id": k, "body": v} for k, v in bodies.items()])])
        archive.index()
        yield archive


def ids(archive: Archive, text: str) -> set[str]:
    return {hit.id for hit in archive.search(text, match="all")}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("UBND", {"short", "long"}),
        ("ubnd họp", {"short", "long"}),
        ("ủy ban nhân dân", {"short", "long", "scattered"}),
        ("uy ban nhan dan", {"short", "long", "scattered"}),
        ("bao hiem y te", {"short", "long"}),
        ('"UBND"', {"short"}),
        ("phường Mỹ Thạnh", {"old", "new"}),
        ("phường Mỹ Thới", {"old", "new"}),
        ("xã Mỹ Thới", set()),
    ],
)
def test_names_are_found_under_all_their_forms(small: Archive, query: str, expected: set[str]) -> None:
    assert ids(small, query) == expected


def test_what_was_added_is_said(small: Archive) -> None:
    assert small.search("ubnd").notes == ("cũng tìm: uỷ ban nhân dân",)
    assert "tên cũ trước 1/7/2025" in small.search("phường Mỹ Thới").notes[0]
    assert small.search('"ubnd"').notes == ()


def test_own_words_rank_before_other_names(small: Archive) -> None:
    assert [hit.id for hit in small.search("phường mỹ thạnh lễ hội")] == ["old", "new"]


def test_tables() -> None:
    assert abbreviations()["hđnd"] == ("hội đồng nhân dân",)
    assert len(renamed_units()) > 5000
    assert all(len(others) <= MOST_SUCCESSORS + MOST_PREDECESSORS for others in renamed_units().values())
    assert "phuong 1" not in renamed_units()
