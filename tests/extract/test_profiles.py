"""Profiles of an archive's own: proposed from its pages, checked when read, used before the package's."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import write_jsonl
from serve import SampleSites

from searcher import Archive
from searcher.errors import ArchiveError, InputError
from searcher.extract import extract
from searcher.html import use_profiles
from searcher.html.propose import propose
from searcher.model import Capture

SITES = SampleSites()


@pytest.fixture(autouse=True)
def forget(tmp_path: Path) -> Iterator[None]:
    yield
    use_profiles(tmp_path / "none")


def page(url: str) -> bytes:
    host, _, path = url.removeprefix("http://").partition("/")
    return SITES.answer(host, f"/{path}").body


@pytest.mark.parametrize("host", list(SITES.sites))
def test_a_proposed_profile_reads_the_site(host: str, facts: list[dict[str, Any]], tmp_path: Path) -> None:
    mine = [fact for fact in facts if fact["url"].split("/")[2] == host and "charset" not in fact.get("traits", ())]
    text = propose([(fact["url"], page(fact["url"])) for fact in mine[:4]])
    fields = tomllib.loads(text)["fields"]
    assert {"title", "body"} <= set(fields)
    (tmp_path / f"{host}.toml").write_text(text, encoding="utf-8")
    use_profiles(tmp_path)
    right = 0
    for fact in mine:
        capture = Capture(1, fact["url"], 200, "text/html", None, dt.datetime(2026, 1, 5, tzinfo=dt.UTC), "", "", 0)
        article = extract(capture, page(fact["url"]))
        assert article is not None
        assert article.title == fact["title"]
        right += fact["body"][-2] in article.body
    assert right >= 0.9 * len(mine)


def test_what_cannot_be_proposed_is_said(crawled: Archive) -> None:
    with pytest.raises(InputError, match="at least two"):
        propose([("http://a.example/", b"<p>x</p>")])
    with pytest.raises(InputError, match="nothing marks the titles"):
        propose([("http://a.example/", b"<p>x</p>"), ("http://a.example/2", b"<p>y</p>")])
    with pytest.raises(ArchiveError, match="was not crawled"):
        crawled.propose_profile(["http://nowhere.example/"])


@pytest.mark.parametrize(
    "text", ["no toml", "detect = []", 'detect = ["p["]\narticle = []\n[fields]', 'detect = []\narticle = []\n[fields]\nheadline = "h1"']
)
def test_profiles_are_checked(archive: Archive, tmp_path: Path, text: str) -> None:
    (archive.folder / "profiles").mkdir()
    (archive.folder / "profiles" / "mine.toml").write_text(text, encoding="utf-8")
    archive.import_files([write_jsonl(tmp_path / "a.jsonl", [{"body": "x"}])])
    with pytest.raises(InputError, match=r"mine\.toml"):
        archive.index()
