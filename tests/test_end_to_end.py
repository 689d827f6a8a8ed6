"""Crawl, index, search: what the facts of the sample say, the archive answers."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import shared, write_jsonl

from searcher import Archive

Facts = list[dict[str, Any]]


def urls(archive: Archive, text: str = "", **parameters: Any) -> set[str]:
    return {hit.url for hit in archive.scan(text, **parameters)}


def whole_text(fact: dict[str, Any]) -> str:
    return "\n".join([fact["title"], *fact["body"]]).lower()


@pytest.mark.parametrize(
    "phrase",
    ["ngập úng", "bảo hiểm y tế", "kênh ông cò", "85 tiểu thương", "chùa phước lạc", "1.234.567.000", "84,05", "trạm bơm", "hạn mặn"],
)
def test_a_phrase_is_found_wherever_it_stands(crawled: Archive, facts: Facts, phrase: str) -> None:
    expected = {fact["url"] for fact in facts if phrase in whole_text(fact)}
    assert expected
    assert urls(crawled, f'"{phrase}"') == expected


def test_without_accents_the_same_article_comes_first(crawled: Archive) -> None:
    for accented, plain in (
        ("cống ngăn triều kênh ông cò", "cong ngan trieu kenh ong co"),
        ("sạt lở bờ kênh", "sat lo bo kenh"),
        ("lễ sene dolta", "le sene dolta"),
    ):
        assert crawled.search(accented).hits[0].id == crawled.search(plain).hits[0].id


def test_every_title_finds_its_article_in_any_spelling(crawled: Archive, facts: Facts) -> None:
    from searcher.vietnamese.normalise import fold

    for fact in facts:
        for query in (fact["title"], fact["title"].upper(), fold(fact["title"])):
            query = query.replace("“", " ").replace("”", " ").replace(" - ", " ")
            assert crawled.search(query, limit=1).hits[0].url == fact["url"], query


def test_date_range(crawled: Archive, facts: Facts) -> None:
    expected = {f["url"] for f in facts if "2025-07-01" <= (f["published"] or f["event"]) <= "2025-12-31"}
    assert urls(crawled, since="2025-07", until="2025") == expected
    assert urls(crawled, since="01/07/2025", until="31/12/2025") == expected


def test_speakers(crawled: Archive, facts: Facts) -> None:
    names = {s["name"] for f in facts for s in f["speakers"]}
    assert len(names) > 25
    for name in names:
        expected = {f["url"] for f in facts if any(s["name"] == name for s in f["speakers"])}
        assert urls(crawled, speaker=name) == expected, name
    counts = {f["value"]: f["count"] for f in _facet(crawled, "speaker")}
    assert counts == {name: sum(any(s["name"] == name for s in f["speakers"]) for f in facts) for name in names}


def _facet(archive: Archive, name: str) -> list[dict[str, Any]]:
    return [{"value": f.value, "count": f.count} for f in archive.search(facets=(name,)).facets[name]]


def test_years(crawled: Archive, facts: Facts) -> None:
    years = [(f["published"] or f["event"])[:4] for f in facts]
    assert {f["value"]: f["count"] for f in _facet(crawled, "year")} == {year: years.count(year) for year in years}


def test_sources(crawled: Archive, facts: Facts) -> None:
    assert urls(crawled, source="mattran-lacchau.example") == {f["url"] for f in facts if f["site"] == "mattran"}


def test_who_said_what_in_which_year(crawled: Archive) -> None:
    hits = list(crawled.search("ngập úng", speaker="Huỳnh Văn Tấn Lộc", since="2025", until="2025", scope="statements"))
    assert len(hits) == 1
    assert hits[0].statement is not None
    assert "vẫn ngập úng" in hits[0].statement.text
    assert crawled.get(hits[0].article_id).body[hits[0].statement.start : hits[0].statement.end] == hits[0].statement.text


def test_seed_article(archive: Archive) -> None:
    report = archive.import_files([shared("data/seed/hoi-nghi-lan-thu-7-phuong-my-thoi.txt")])
    assert report.imported == 1
    archive.index()
    (hit,) = archive.search("ngap ung mua mua")
    assert (str(hit.date), archive.get(hit.id).origins["event"]) == ("2025-09-30", "text")
    assert [(p.name, p.role) for p in hit.speakers] == [("Trần Minh Đức", "Bí thư Đảng ủy, Chủ tịch HĐND phường Mỹ Thới")]
    assert [p.name for p in archive.attribution(hit.id).presiders] == ["Trần Minh Đức"]


def test_import_of_the_same_id_is_a_new_version(archive: Archive, tmp_path: Any) -> None:
    first = write_jsonl(tmp_path / "1.jsonl", [{"id": "x", "title": "Cũ", "body": "nội dung cũ"}, {"title": "Không id", "body": "b"}])
    second = write_jsonl(tmp_path / "2.jsonl", [{"id": "x", "title": "Mới", "body": "nội dung mới"}])
    archive.import_files([first])
    archive.index()
    assert archive.import_files([first]).unchanged == 2
    archive.import_files([second])
    assert archive.index().indexed == 1
    assert archive.get("x").title == "Mới"
    assert len(archive.versions("x")) == 2
    assert archive.search("cũ").total == 0


def test_import_names_what_it_leaves_out(archive: Archive, tmp_path: Any) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(
        b'{"title": "A"}\nnot json\n{"id": 3}\n[]\n{"title": "\xff"}\n{"title": "B", "date": "never"}\n{"title": 5}\n\n{"body": "C", "date": "2025-07"}\n'
    )
    (tmp_path / "bad.docx").write_bytes(b"no zip")
    report = archive.import_files([path, tmp_path / "bad.docx", tmp_path / "absent.txt", tmp_path / "x.exe"])
    assert report.imported == 2
    reasons = [r.removeprefix(str(tmp_path) + "/") for r in report.rejects]
    assert [r.split(": ")[0] for r in reasons] == [
        "bad.jsonl:2",
        "bad.jsonl:3",
        "bad.jsonl:4",
        "bad.jsonl:5",
        "bad.jsonl:6",
        "bad.jsonl:7",
        "bad.docx",
        "absent.txt",
        "x.exe",
    ]
    assert "neither title nor body" in reasons[1]
    archive.index()
    assert archive.search(since="2025").total == 1
