"""Abbreviations and renamed wards: found under all their names, and said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import write_jsonl

from searcher import Archive
from searcher.errors import InputError
from searcher.vietnamese.names import MOST_PREDECESSORS, MOST_SUCCESSORS, Names, definitions, read_names, renamed_units, unit_syllables


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("names")
    bodies = {
        "short": "UBND họp về BHYT.",
        "long": "Ủy ban nhân dân họp về bảo hiểm y tế.",
        "scattered": "Ủy viên bàn với ban điều hành: nhân viên và cư dân họp.",
        "old": "Lễ hội ở phường Mỹ Thạnh.",
        "new": "Lễ hội ở phường Mỹ Thới.",
        "mi": "Trồng lúa mì ở Mĩ Thới.",
        "ki": "Làm thật kĩ càng.",
        "ky": "Làm thật kỹ càng.",
        "def1": "Ban đại diện cha mẹ (BĐDCM) họp.",
        "def2": "Họp của Ban đại diện cha mẹ (BĐDCM).",
        "def3": "Nghe BĐDCM nói.",
        "own": "Tin từ nhà văn hóa.",
    }
    with Archive.create(folder / "archive") as archive:
        archive.import_files([write_jsonl(folder / "a.jsonl", [{"id": k, "body": v} for k, v in bodies.items()])])
        archive.index()
        (archive.folder / "names.tsv").write_text("# của phường\nNVH\tnhà văn hóa\n", encoding="utf-8")
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
        ("kỹ càng", {"ki", "ky"}),
        ("kĩ càng", {"ki", "ky"}),
        ('"kỹ càng"', {"ky"}),
        ("Mỹ Thới", {"new"}),  # a name has one spelling
        ("BĐDCM", {"def1", "def2", "def3"}),
        ("ban đại diện cha mẹ", {"def1", "def2", "def3"}),
        ("NVH", {"own"}),
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
    assert Names().of("hđnd", folded=False) == [("hội đồng nhân dân", "")]
    assert Names().of("hoi dong nhan dan", folded=True) == [("hđnd", "")]
    assert ("mỹ", "thới") in unit_syllables()
    assert len(renamed_units()) > 5000
    assert all(len(others) <= MOST_SUCCESSORS + MOST_PREDECESSORS for others in renamed_units().values())
    assert "phuong 1" not in renamed_units()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ủy ban nhân dân (UBND)", [("UBND", "Ủy ban nhân dân")]),
        ("thẻ BHYT (Bảo hiểm y tế)", [("BHYT", "Bảo hiểm y tế")]),
        ("họp (ABC) và Đảng ủy phường (ĐUP)", [("ĐUP", "Đảng ủy phường")]),
        ("(UBND)", []),
    ],
)
def test_definitions(text: str, found: list[tuple[str, str]]) -> None:
    assert list(definitions(text)) == found


def test_an_offices_own_names(tmp_path: Path) -> None:
    path = tmp_path / "names.tsv"
    path.write_text("\ufeff# own\n\nNVH\tnhà  văn hóa\n", encoding="utf-8")
    assert read_names(path) == [("NVH", "nhà văn hóa")]
    path.write_text("# own\nNVH nhà văn hóa\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"names\.tsv:2: is not a name, a tab"):
        read_names(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="save it as UTF-8"):
        read_names(path)


def test_keystrokes_are_suggested_and_never_put_in(small: Archive) -> None:
    results = small.search("phuwowngf")
    assert results.total == 0
    assert "không có “phuwowngf”; có phải là: phường?" in results.notes
