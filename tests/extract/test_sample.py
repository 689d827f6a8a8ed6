"""Every fact of every sample article is read from its page as served."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlsplit

import pytest
from serve import SampleSites

from searcher.extract import extract
from searcher.model import Article, Capture

SITES = SampleSites()


def read(url: str) -> Article | None:
    parts = urlsplit(url)
    answer = SITES.answer(parts.netloc, parts.path + (f"?{parts.query}" if parts.query else ""))
    mime, _, charset = answer.mime.partition("; charset=")
    return extract(Capture(1, url, answer.status, mime, charset or None, dt.datetime(2026, 1, 5, tzinfo=dt.UTC), "", "", 0), answer.body)


def test_every_fact(facts: list[dict[str, Any]]) -> None:
    for fact in facts:
        article = read(fact["url"])
        assert article is not None, fact["url"]
        assert article.title == fact["title"]
        assert article.url == fact["url"]
        assert article.body.split("\n") == fact["body"]
        assert article.lead == fact["body"][0]
        assert (str(article.published) if article.published else None) == fact["published"]
        assert str(article.date) == (fact["published"] or fact["event"])
        assert article.date is not None
        assert article.date.precision == fact["precision"]
        assert article.origins["published" if fact["published"] else "event"] == ("profile" if fact["published"] else "text")
        assert (article.byline, article.section) == (fact["byline"], fact["section"])
        assert list(article.captions) == fact["captions"]
        assert [a.url.rsplit("/", 1)[-1] for a in article.attachments] == ([fact["attachment"]] if "attachment" in fact else [])


@pytest.mark.parametrize(
    ("view", "article"),
    [
        ("http://lacchau.hauchau.example/node/505", "http://lacchau.hauchau.example/tin-tuc/khai-giang-nam-hoc-2025-2026"),
        (
            "http://lacchau.hauchau.example/index.php/tin-tuc/khao-sat-cac-diem-ngap",
            "http://lacchau.hauchau.example/tin-tuc/khao-sat-cac-diem-ngap",
        ),
        (
            "http://tanlacdong.hauchau.example/vi/news/print/do-thi-moi-truong/khoi-cong-cong-ngan-trieu-kenh-ong-co-130.html",
            "http://tanlacdong.hauchau.example/vi/news/do-thi-moi-truong/khoi-cong-cong-ngan-trieu-kenh-ong-co-130.html",
        ),
        ("http://vinhlactay.hauchau.example/?p=51027&replytocom=3", "http://vinhlactay.hauchau.example/?p=51027"),
        (
            "http://cumdonvi.hauchau.example/tin-tuc/-/asset_publisher/Qx7LcHauChau/content/sat-lo-bo-kenh-vinh-lac?inheritRedirect=true",
            "http://cumdonvi.hauchau.example/tin-tuc/-/asset_publisher/Qx7LcHauChau/content/sat-lo-bo-kenh-vinh-lac",
        ),
        ("http://mattran-lacchau.example/chitiettintuc.aspx?ID=37&lang=vi", "http://mattran-lacchau.example/chitiettintuc.aspx?ID=37"),
    ],
)
def test_views_of_an_article_go_by_its_address(view: str, article: str) -> None:
    found = read(view)
    assert found is not None
    assert found.url == article


@pytest.mark.parametrize("host", list(SITES.sites))
@pytest.mark.parametrize("path", ["/", "/no-such-page", "/tin-tuc/-/asset_publisher/Qx7LcHauChau/content/bai-da-go-bo"])
def test_listings_and_missing_pages_are_no_articles(host: str, path: str) -> None:
    assert read(f"http://{host}{path}") is None
