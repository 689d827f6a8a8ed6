"""Proof and safe-keeping: citations, replay, copies of the archive, what is withheld, reposts, linked documents, foreign WARC files."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from pathlib import Path

import pytest
from conftest import write_jsonl
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from searcher import Archive
from searcher.errors import ArchiveError
from searcher.store.custody import surt

BODY = (
    "Sáng nay, ủy ban nhân dân xã họp bàn việc nạo vét kênh mương trước mùa mưa để chống ngập úng cho 120 hộ dân ven kênh Ông Cò. "
    "Ông Trần Minh Đức, chủ tịch ủy ban nhân dân xã, nói các ấp phải xong việc trước ngày 30 tháng 6. Kinh phí là 85 triệu đồng. "
    "Các đoàn thể vận động người dân không vứt rác xuống kênh, giữ cho dòng chảy thông suốt trong suốt mùa mưa bão năm nay. "
) * 2


def test_a_citation_leads_to_the_bytes(crawled: Archive) -> None:
    for hit in list(crawled.scan())[:10]:
        citation = crawled.cite(hit.id)
        capture, content = crawled.replay(hit.id)
        assert hashlib.sha256(content).hexdigest() == citation.digest == capture.digest
        with (crawled.folder / citation.warc_file).open("rb") as file:
            file.seek(citation.warc_offset)
            record = next(iter(ArchiveIterator(file)))
            assert record.rec_headers.get_header("WARC-Target-URI") == capture.url
            assert record.content_stream().read() == content
    with pytest.raises(ArchiveError, match="no article has the id"):
        crawled.cite("x")


def test_cdxj_points_at_records(crawled: Archive) -> None:
    lines = list(crawled.cdxj())
    assert lines == sorted(lines)
    assert len(lines) == crawled.status()["captures"]
    for line in lines[::20]:
        key, stamp, text = line.split(" ", 2)
        values = json.loads(text)
        assert key == surt(values["url"])
        assert len(stamp) == 14
        path = crawled.folder / "corpus" / "warc" / values["filename"]
        with path.open("rb") as file:
            file.seek(int(values["offset"]))
            member = file.read(int(values["length"]))
        record = next(iter(ArchiveIterator(io.BytesIO(member))))
        assert record.rec_headers.get_header("WARC-Target-URI") == values["url"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://www.Xa.example:80/Tin/?b=2&a=1", "example,xa)/tin/?a=1&b=2"),
        ("https://xa.example", "example,xa)/"),
        ("http://xa.example:8080/a", "example,xa:8080)/a"),
        ("file:///a.txt", "file:///a.txt"),
    ],
)
def test_surt(url: str, expected: str) -> None:
    assert surt(url) == expected


def test_backup_while_writing_and_restore(archive: Archive, tmp_path: Path) -> None:
    archive.import_files([write_jsonl(tmp_path / "a.jsonl", [{"id": f"a{i}", "body": f"Ngập úng lần {i}."} for i in range(50)])])
    archive.index()
    stop = threading.Event()

    def write() -> None:
        with Archive.open(archive.folder) as other:
            number = 0
            while not stop.is_set():
                number += 1
                other.import_files([write_jsonl(tmp_path / "b.jsonl", [{"id": f"b{number}", "body": f"Thêm tin {number}."}])])

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(3):
            with Archive.open(archive.folder) as reader:
                reader.backup(tmp_path / f"copy{number}")
    finally:
        stop.set()
        thread.join()
    with pytest.raises(ArchiveError, match="exists already"):
        archive.backup(tmp_path / "copy0")
    Archive.restore(tmp_path / "copy2", tmp_path / "again")
    with Archive.open(tmp_path / "again") as restored:
        assert restored.check(deep=True) == []
        assert restored.search("ngập úng", limit=50).total == 50
        restored.index()
        assert restored.search("thêm tin").total > 0
    with pytest.raises(ArchiveError, match="not empty"):
        Archive.restore(tmp_path / "copy1", tmp_path / "again")
    (warc,) = (tmp_path / "copy1" / "corpus" / "warc").iterdir()
    warc.write_bytes(warc.read_bytes()[:-10])
    with pytest.raises(ArchiveError, match="cannot be restored"):
        Archive.restore(tmp_path / "copy1", tmp_path / "third")
    assert not (tmp_path / "third").exists()


def test_what_is_withheld_is_nowhere_until_released(archive: Archive, tmp_path: Path) -> None:
    rows = [
        {"id": f"a{i}", "title": f"Tin {i}", "body": f"Ngập úng lần {i}. Ông Trần Văn Bình nói: “Phải nạo vét kênh số {i}”."}
        for i in range(3)
    ]
    archive.import_files([write_jsonl(tmp_path / "a.jsonl", rows)])
    archive.index()
    archive.withhold("a1", "theo yêu cầu của bà N. ngày 2/7/2025")
    assert [hit.id for hit in archive.search("ngập úng")] == ["a0", "a2"]
    assert archive.search("nạo vét", scope="statements").total == 2
    assert archive.speakers("Bình")[0][2] == 2
    for ask in (archive.get, archive.cite, archive.replay):
        with pytest.raises(ArchiveError, match="no article has the id"):
            ask("a1")
    assert archive.versions("a1") == []
    archive.index(rebuild=True)
    assert archive.search("ngập úng").total == 2
    assert archive.withheld()[0][:2] == ("a1", "theo yêu cầu của bà N. ngày 2/7/2025")
    archive.release("a1")
    assert archive.search("ngập úng").total == 3
    assert archive.get("a1").title == "Tin 1"
    with pytest.raises(ArchiveError, match="is not withheld"):
        archive.release("a1")
    with pytest.raises(ArchiveError, match="no article has the id"):
        archive.withhold("x", "?")


def test_reposts_are_one_story(archive: Archive, tmp_path: Path) -> None:
    rows = [
        {"id": "first", "url": "http://a.example/1", "title": "Họp bàn chống ngập", "body": BODY, "date": "2025-06-02", "source": "A"},
        {
            "id": "repost",
            "url": "http://b.example/9",
            "title": "Xã họp bàn chống ngập úng",
            "body": "Theo tin từ xã. " + BODY,
            "date": "2025-06-03",
        },
        {"id": "same", "url": "http://c.example/4", "title": "Họp bàn chống ngập", "body": BODY, "date": "2025-06-01"},
        {
            "id": "other",
            "url": "http://d.example/2",
            "title": "Số khác",
            "body": BODY.replace("120", "130").replace("85", "95").replace("30", "25"),
        },
        {
            "id": "else",
            "url": "http://e.example/2",
            "title": "Khai giảng",
            "body": "Sáng 5/9, các trường khai giảng năm học mới trong mưa, sân trường ngập.",
        },
    ]
    archive.import_files([write_jsonl(tmp_path / "a.jsonl", rows)])
    archive.index()
    results = archive.search("ngập úng kênh mương", copies="fold")
    assert results.total == 4
    assert {(hit.id, frozenset(hit.copies)) for hit in results} == {("repost", frozenset({"first", "same"})), ("other", frozenset())}
    assert [name for name, _, _ in archive.copies("repost")] == ["same", "first", "repost"]  # first publication first
    assert archive.copies("other") == []
    assert archive.search("ngập úng kênh mương").total == 4
    one = archive.search("ngập úng kênh mương", copies="fold", limit=1)
    assert len(one) == 1
    assert one.next_cursor
    rest = archive.search("ngập úng kênh mương", copies="fold", limit=5, cursor=one.next_cursor)
    assert {hit.id for hit in (*one, *rest)} == {"repost", "other"}


def test_texts_of_linked_documents_are_found(crawled: Archive) -> None:
    linked = [hit for hit in crawled.scan() if crawled.documents(hit.id)]
    assert linked
    pdf = crawled.search('"QUYẾT ĐỊNH số 123/QĐ-UBND"')
    assert pdf.total >= 1
    (found,) = [d for d in crawled.documents(pdf.hits[0].id) if d[0].endswith(".pdf")]
    assert "số 12 đường Lê Thị Sáu" in found[1]
    assert "QUYẾT ĐỊNH số 123/QĐ-UBND" not in crawled.get(pdf.hits[0].id).body
    assert any(segment.is_match for segment in pdf.hits[0].snippet)


def warc_of_another_program(path: Path) -> None:
    page = f"<html><body><article><h1>Tin cũ</h1><time datetime='2019-05-06'></time><div itemprop=articleBody><p>{BODY}</p></div></article></body></html>"
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=path.suffix == ".gz")
        for url, status, kind, content in (
            ("http://cu.example/tin/1?utm_source=x", "200 OK", "text/html; charset=utf-8", page.encode()),
            ("http://cu.example/anh.png", "200 OK", "image/png", b"png"),
            ("http://cu.example/404", "404 Not Found", "text/html", b"gone"),
        ):
            http = StatusAndHeaders(status, [("Content-Type", kind)], protocol="HTTP/1.1")
            headers = {"WARC-Date": "2020-02-03T04:05:06Z"}
            writer.write_record(
                writer.create_warc_record(url, "response", io.BytesIO(content), http_headers=http, warc_headers_dict=headers)
            )


@pytest.mark.parametrize("name", ["foreign.warc", "foreign.warc.gz"])
def test_warc_files_of_other_programs_are_imported_once(archive: Archive, tmp_path: Path, name: str) -> None:
    warc_of_another_program(tmp_path / name)
    assert archive.import_files([tmp_path / name]).imported == 1
    again = archive.import_files([tmp_path / name])
    assert (again.imported, again.unchanged) == (0, 1)
    archive.index()
    (hit,) = archive.search("nạo vét kênh mương")
    assert (hit.url, hit.title) == ("http://cu.example/tin/1", "Tin cũ")
    assert archive.presence(hit.id)["first_seen"] == "2020-02-03T04:05:06+00:00"
    assert archive.cite(hit.id).captured_at == "2020-02-03T04:05:06+00:00"
    data = (tmp_path / name).read_bytes()
    (tmp_path / f"torn-{name}").write_bytes(b"no archive at all" + data[:100])
    assert "WARC" in archive.import_files([tmp_path / f"torn-{name}"]).rejects[0]
