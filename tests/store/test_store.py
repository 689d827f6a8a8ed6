"""What is acknowledged is kept; what is not leaves no trace; what is damaged is found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import write_jsonl
from warcio.archiveiterator import ArchiveIterator

from searcher import Archive
from searcher.errors import ArchiveError, ArchiveLocked, StoreError
from searcher.model import Article, Attachment, Attribution, PartialDate, Person, Statement
from searcher.store import Store
from searcher.store.serial import article_from_json, article_to_json

HEADERS = [("Content-Type", "text/html; charset=utf-8")]
REQUEST = ("GET / HTTP/1.1", [("Host", "x.example")])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store.create(tmp_path / "corpus")
    yield made
    made.close()


def respond(store: Store, url: str, content: bytes) -> object:
    return store.add_response(
        url, content, decoded=content, status=(200, "OK"), headers=HEADERS, request=REQUEST, mime="text/html", charset="utf-8"
    )


def records(folder: Path) -> list[tuple[str, str]]:
    with (folder / "corpus" / "warc" / "archive-00001.warc.gz").open("rb") as file:
        return [(r.rec_type, r.rec_headers.get_header("WARC-Target-URI") or "") for r in ArchiveIterator(file)]


def test_captures_come_back_byte_for_byte_and_other_tools_read_them(store: Store, tmp_path: Path) -> None:
    content = "ngập úng \ud83c\udf0a".encode("utf-8", "surrogatepass") + b"\0\xff"
    with store.transaction():
        capture = respond(store, "http://x.example/", content)
    assert store.payload(capture).content == content  # type: ignore[arg-type]
    assert store.payload(capture).headers["content-type"] == HEADERS[0][1]  # type: ignore[arg-type]
    assert [kind for kind, _ in records(tmp_path)] == ["warcinfo", "response", "request"]
    assert store.check(deep=True) == []


def test_the_same_content_again_is_a_revisit(store: Store, tmp_path: Path) -> None:
    for content in (b"a", b"a", b"b"):
        with store.transaction():
            respond(store, "http://x.example/", content)
    with store.transaction():
        store.add_not_modified("http://x.example/", HEADERS, REQUEST)
    assert [kind for kind, _ in records(tmp_path) if kind != "request"] == ["warcinfo", "response", "revisit", "response", "revisit"]
    assert len(store.to_extract(1, 10)) == 2


def test_what_was_not_acknowledged_is_cut_off(store: Store, tmp_path: Path) -> None:
    with store.transaction():
        respond(store, "http://x.example/1", b"one")
    with pytest.raises(RuntimeError, match="stop"), store.transaction():
        respond(store, "http://x.example/2", b"two")
        raise RuntimeError("stop")
    store.close()
    path = tmp_path / "corpus" / "warc" / "archive-00001.warc.gz"
    with path.open("ab") as file:
        file.write(b"\x1f\x8b torn")
    again = Store.open(tmp_path / "corpus")
    with again.transaction():
        capture = respond(again, "http://x.example/3", b"three")
    assert again.payload(capture).content == b"three"  # type: ignore[arg-type]
    assert [url for kind, url in records(tmp_path) if kind == "response"] == ["http://x.example/1", "http://x.example/3"]
    again.close()


def test_one_writer_at_a_time(store: Store, tmp_path: Path) -> None:
    other = Store.open(tmp_path / "corpus")
    with store.transaction(), pytest.raises(ArchiveLocked, match="another process is writing"), other.transaction():
        pass
    with other.transaction():
        respond(other, "http://x.example/", b"x")
    other.close()


def article(text: str = "b", **more: object) -> Article:
    return Article("id1", "http://x.example/1", "t", text, **more)  # type: ignore[arg-type]


def test_versions_changes_and_twins(store: Store) -> None:
    attribution = Attribution(
        (Statement("Lê Đức", "Bí thư", "b", 0, 1, "direct", "theo", 0.9, 0, 1),), (Person("A B"),), (Person("C D", "x"),)
    )
    with store.transaction():
        first = respond(store, "http://x.example/1", b"1")
        assert store.put_article(article(), attribution, first) == "new"  # type: ignore[arg-type]
        assert store.put_article(article(), attribution, first) == "unchanged"  # type: ignore[arg-type]
        twin = Article("id2", "http://x.example/print/1", "t", "b")
        assert store.put_article(twin, attribution, first) == "duplicate"  # type: ignore[arg-type]
        second = respond(store, "http://x.example/1", b"2")
        assert store.put_article(article("b2"), Attribution(), second) == "changed"  # type: ignore[arg-type]
        assert store.put_article(article("old"), Attribution(), first) == "unchanged"  # type: ignore[arg-type]
    assert [a.body for _, a in store.versions("id1")] == ["b", "b2"]
    assert store.article_of_url("http://x.example/print/1") == "id1"
    assert [(r.article.body, r.change) for r in store.changes(0)] == [("b2", 2)]
    assert list(store.changes(2)) == []
    assert store.counts()["articles"] == 1


def test_missing_is_noted_once_and_never_called_deleted(store: Store) -> None:
    with store.transaction():
        capture = respond(store, "http://x.example/1", b"1")
        store.put_article(article(), Attribution(), capture)  # type: ignore[arg-type]
        store.mark_missing("http://x.example/1")
    first = store.presence("id1")[2]
    with store.transaction():
        store.mark_missing("http://x.example/1")
    assert store.presence("id1")[2] == first is not None
    with store.transaction():
        store.mark_seen("http://x.example/1")
    assert store.presence("id1")[2] is None


def test_articles_survive_as_json() -> None:
    full = Article(
        "i",
        "u",
        "t",
        "b\nc",
        "b",
        PartialDate(2025, 7),
        PartialDate(2025),
        PartialDate(2025, 7, 2),
        "by",
        "s",
        "se",
        ("cap",),
        (Attachment("u", "t"),),
        {"title": "profile"},
    )
    assert article_from_json(article_to_json(full)) == full
    assert article_from_json(article_to_json(Article("i", "", "", ""))) == Article("i", "", "", "")


def test_damage_is_found(store: Store, tmp_path: Path) -> None:
    with store.transaction():
        respond(store, "http://x.example/1", b"one" * 1000)
    store.close()
    path = tmp_path / "corpus" / "warc" / "archive-00001.warc.gz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    again = Store.open(tmp_path / "corpus")
    assert again.check() == []
    assert len(again.check(deep=True)) == 1
    path.write_bytes(bytes(data[:-10]))
    assert "were acknowledged" in again.check()[0]
    with pytest.raises(StoreError, match="restore"), again.transaction():
        respond(again, "http://x.example/2", b"two")
    path.unlink()
    assert "missing" in again.check()[0]
    again.close()


def test_folders_that_are_no_archive(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="not an archive; make one with"):
        Store.open(tmp_path)
    (tmp_path / "archive.db").write_bytes(b"no database, but long enough to be read as one" * 100)
    with pytest.raises(StoreError, match="restore it from a backup"):
        Store.open(tmp_path)
    (tmp_path / "archive.db").unlink()
    other = sqlite3.connect(tmp_path / "archive.db")
    other.execute("PRAGMA user_version = 99")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="format 99, this program reads 3"):
        Store.open(tmp_path)


def test_archives_of_the_first_format_are_brought_up_to_date(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    body = "Ủy ban nhân dân (UBND) họp."
    with Archive.create(folder) as archive:
        archive.import_files([write_jsonl(tmp_path / "a.jsonl", [{"id": f"a{i}", "body": f"{body} Lần {i}."} for i in range(2)])])
        archive.index()
    database = sqlite3.connect(folder / "corpus" / "archive.db")
    database.executescript(
        """DROP TABLE definitions; DROP TABLE withheld; DROP TABLE documents; DROP TABLE attached; DROP INDEX articles_by_story; DROP INDEX articles_by_words;
        ALTER TABLE articles DROP COLUMN simhash; ALTER TABLE articles DROP COLUMN story;
        ALTER TABLE frontier DROP COLUMN due; ALTER TABLE frontier DROP COLUMN interval; PRAGMA user_version = 1;
        UPDATE captures SET extractor = 1;"""
    )
    database.close()
    with Archive.open(folder) as archive:
        archive.index()
        assert archive._store.definitions() == [("UBND", "Ủy ban nhân dân", 2)]
        assert archive.search("họp").total == 2
