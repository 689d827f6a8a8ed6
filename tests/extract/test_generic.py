"""Pages of unknown platforms, documents, and pages that hold no article."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import docx
import pytest
from conftest import shared
from serve import FOLDER

from searcher.errors import InputError
from searcher.extract import extract
from searcher.extract.article import DOCX
from searcher.model import Article, Capture

PROSE = "Sáng nay, ủy ban nhân dân xã họp bàn việc nạo vét kênh mương trước mùa mưa để chống ngập úng cho các hộ dân ven kênh. " * 4


def capture(mime: str = "text/html", url: str = "http://xa.example/tin/1", charset: str | None = None) -> Capture:
    return Capture(1, url, 200, mime, charset, dt.datetime(2026, 1, 5, tzinfo=dt.UTC), "", "", 0)


def article(html: str) -> Article:
    found = extract(capture(), html.encode())
    assert found is not None
    return found


def test_generic_page() -> None:
    found = article(
        f"""<html><head><title>Họp bàn chống ngập - Xã A</title></head><body><nav><a href="/">Trang chủ và nhiều liên kết khác nữa ở đây</a></nav>
        <div id=main><h1>Họp bàn chống ngập</h1><span class="post-date">Thứ năm - 04/09/2025 22:59</span>
        <div class="content"><p>{PROSE}</p><p>{PROSE}</p><figure><figcaption>Quang cảnh</figcaption></figure>
        <ul class="related"><li><a href="/tin/2">Tin liên quan rất dài nên dễ bị nhầm là đoạn văn của bài viết này</a></li></ul></div></div>
        <div class="footer"><p>{PROSE[:300]}</p></div></body></html>"""
    )
    assert found.title == "Họp bàn chống ngập"
    assert str(found.published) == "2025-09-04"
    assert found.body == f"{PROSE.strip()}\n{PROSE.strip()}"
    assert found.captions == ("Quang cảnh",)
    assert found.origins["published"] == "text"


def test_json_ld_and_meta_come_before_visible_text() -> None:
    found = article(
        f"""<html><head><meta property="og:type" content="article"><script type="application/ld+json">
        {{"@graph": [{{"@type": "NewsArticle", "headline": "Từ JSON-LD", "datePublished": "2025-07-02T08:00:00+07:00",
        "author": {{"name": "Hạnh"}}, "articleSection": "Y tế"}}]}}</script></head>
        <body><h1>Tên trang</h1><span class=date>01/01/2020</span><div><p>{PROSE}</p></div></body></html>"""
    )
    assert (found.title, str(found.published), found.byline, found.section) == ("Từ JSON-LD", "2025-07-02", "Hạnh", "Y tế")


def test_broken_json_ld_is_passed_over() -> None:
    assert (
        article(
            f'<h1>A</h1><script type="application/ld+json">{{"@type":</script><time datetime="2025-01-02"></time><div><p>{PROSE}</p></div>'
        ).title
        == "A"
    )


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<html></html>",
        "<p>ngắn</p>",
        "<h1>404</h1><p>Không tìm thấy trang</p>",
        f"<h1>Không có ngày</h1><div><p>{PROSE}</p></div>",
        "\x00\xff<<<>>>",
    ],
)
def test_no_article(html: str) -> None:
    assert extract(capture(), html.encode("utf-8", "surrogatepass")) is None


def test_deep_nesting_is_survived() -> None:
    assert extract(capture(), b"<div>" * 20_000 + b"x" + b"</div>" * 20_000) is None


def test_seed_article() -> None:
    path = shared("data/seed/hoi-nghi-lan-thu-7-phuong-my-thoi.txt")
    found = extract(capture("text/plain", path.as_uri()), path.read_bytes(), key="seed")
    assert found is not None
    assert found.title.startswith("HỘI NGHỊ LẦN THỨ 7 (MỞ RỘNG)")
    assert (str(found.date), found.published, found.origins["event"]) == ("2025-09-30", None, "text")
    assert "bookmark" not in found.body


def test_sample_documents() -> None:
    folder = FOLDER / "files"
    pdf = extract(capture("application/pdf"), (folder / "quyet-dinh-123-qd-ubnd-sap-xep.pdf").read_bytes(), key="pdf")
    word = extract(capture(DOCX), (folder / "ke-hoach-45-kh-ubnd-thoat-nuoc.docx").read_bytes(), key="docx")
    assert pdf is not None
    assert word is not None
    assert pdf.title == "QUYẾT ĐỊNH số 123/QĐ-UBND"
    assert "số 12 đường Lê Thị Sáu" in pdf.body
    assert str(pdf.date) == "2025-06-18"
    assert "kênh Ông Cò" in word.body
    assert word.byline == "UBND phường Tân Lạc Đông"


def test_tables_of_word_documents_are_read() -> None:
    document = docx.Document()
    document.add_paragraph("BÁO CÁO")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Thu ngân sách", "85,98%"
    out = io.BytesIO()
    document.save(out)
    found = extract(capture(DOCX), out.getvalue(), key="k")
    assert found is not None
    assert found.body == "Thu ngân sách | 85,98%"


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("mime", "content", "message"),
    [
        (DOCX, b"no zip", "not a Word document"),
        (DOCX, zipped(), "not a Word document"),
        ("application/pdf", b"no pdf", "not a readable PDF"),
        ("text/plain", b"  \n ", "holds no text"),
    ],
)
def test_unreadable_documents_say_why(mime: str, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        extract(capture(mime), content, key="k")
