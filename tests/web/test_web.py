"""The web page and HTTP/JSON, by a real server on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import feedparser
import pytest
from conftest import get, serving, write_jsonl

from searcher import Archive, SearcherError
from searcher.web import serve
from searcher.wire import results_json


@pytest.fixture(scope="module")
def base(crawled_folder: Path) -> Iterator[str]:
    with serving(crawled_folder) as address:
        yield address


def test_json_is_the_command_lines(base: str, crawled: Archive) -> None:
    answer = get(f"{base}/api/v1/search?q={quote('ngập úng')}&from=2020&facet=year")
    assert answer.status == 200
    assert answer.json() == results_json(crawled.search("ngập úng", since="2020", facets=("year",)))
    article = get(f"{base}/api/v1/articles/{answer.json()['hits'][0]['id']}").json()
    assert article["statements"]


def test_page_shows_hits_marks_and_filters(base: str) -> None:
    html = get(f"{base}/?q={quote('ngập úng')}&speaker=loc").data.decode()
    assert "<mark>ngập úng</mark>" in html
    assert "2 kết quả" in html.replace("<strong>", "").replace("</strong>", "")
    assert get(f"{base}/").status == 200
    assert get(f"{base}/static/style.css").status == 200


def test_errors_say_where(base: str) -> None:
    answer = get(f"{base}/api/v1/search?q=n*")
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["position"] == 1
    assert get(f"{base}/api/v1/search?nonsense=1").status == 400
    assert get(f"{base}/api/v1/search?limit=x").status == 400
    assert get(f"{base}/?q=n*").status == 400
    assert get(f"{base}/api/v1/articles/none").status == 404
    assert get(f"{base}/healthz").json() == {"status": "ok", "documents": 63, "generation": 1}


def test_only_this_machine_is_served(base: str, crawled_folder: Path) -> None:
    assert get(f"{base}/", Host="evil.example").status == 400
    with pytest.raises(SearcherError, match="not this machine"):
        serve(crawled_folder, "0.0.0.0", 8080)


def test_what_articles_hold_is_escaped(tmp_path: Path) -> None:
    evil = '<script>alert("x")</script> ngập <img src=x onerror=alert(1)>'
    data = write_jsonl(tmp_path / "a.jsonl", [{"id": "a'\"<b>", "title": evil, "body": evil, "url": "javascript:alert(1)", "source": evil}])
    with Archive.create(tmp_path / "archive") as archive:
        archive.import_files([data])
        archive.index()
    with serving(tmp_path / "archive") as base:
        for page in ("/?q=" + quote("ngập"), "/?q=" + quote(evil.replace('"', " ")), "/bai/" + quote("a'\"<b>")):
            answer = get(base + page)
            html = answer.data.decode()
            assert answer.status == 200
            assert "<script" not in html
            assert "<img" not in html
            assert 'href="javascript' not in html
            assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert json.loads(get(base + "/api/v1/search?q=ng").data)["total"] == 0


def test_feeds_and_references(base: str, crawled: Archive) -> None:
    feed = feedparser.parse(get(f"{base}/feed.atom?q={quote('ngập úng')}").data)
    assert not feed.bozo
    assert len(feed.entries) == crawled.search("ngập úng").total
    dates = [entry.updated for entry in feed.entries]
    assert dates == sorted(dates, reverse=True)
    hit = crawled.search("ngập úng").hits[0]
    for form, begins in (("ris", "TY  - NEWS\r\n"), ("bibtex", "@article{searcher-"), ("txt", hit.title)):
        answer = get(f"{base}/api/v1/articles/{hit.id}?format={form}")
        assert answer.data.decode().startswith(begins)
    assert get(f"{base}/api/v1/articles/{hit.id}?format=x").status == 400
    page = get(f"{base}/bai/{hit.id}").data.decode()
    assert crawled.cite(hit.id).digest in page
    assert hit.date is not None
    assert hit.date.first.strftime("%d/%m/%Y") in page
    assert f'<meta name="citation_title" content="{hit.title}">' in page


def test_more_than_can_soon_be_done_is_refused_at_once(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("searcher.web.app._MOST_UNDER_WAY", 0)
        answer = get(f"{base}/api/v1/search?q=x")
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert "try again" in answer.json()["detail"]
    assert get(f"{base}/api/v1/search?q=x").status == 200
