"""The article that a query was taken from is found, however the query is written."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from searcher import Archive
from searcher.vietnamese.normalise import fold

OLD_TONES = {"oà": "òa", "oá": "óa", "oả": "ỏa", "oạ": "ọa", "uỷ": "ủy", "uý": "úy", "uỳ": "ùy", "uỵ": "ụy", "oè": "òe", "oẻ": "ỏe"}


def in_old_style(text: str) -> str:
    """Tones of open oa, oe, uy on the first vowel."""
    words = text.split(" ")
    for new, old in OLD_TONES.items():
        words = [word[: -len(new)] + old if word.endswith(new) and not word.startswith("q") else word for word in words]
    return " ".join(words)


FORMS: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "NFD": lambda text: unicodedata.normalize("NFD", text),
    "NFC": lambda text: unicodedata.normalize("NFC", text),
    "old tones": in_old_style,
}


def spans(facts: list[dict[str, Any]], rng: random.Random) -> list[tuple[str, str]]:
    """(URL, text) cut anywhere from bodies, words torn apart; texts with marks that mean something to a search left out."""
    found = []
    for fact in facts:
        chunks = " ".join(fact["body"]).split()
        for _ in range(4):
            size = rng.randrange(2, 9)
            at = rng.randrange(max(1, len(chunks) - size))
            part = chunks[at : at + size]
            if not any(mark in " ".join(part) for mark in '"“”«»*') and not any(chunk.startswith("-") for chunk in part):
                found.append((fact["url"], " ".join(part)))
    return found


def test_spans_find_their_article_in_every_form(crawled: Archive, facts: list[dict[str, Any]]) -> None:
    cut = spans(facts, random.Random(1))
    assert len(cut) > 150
    for url, text in cut:
        for name, form in (FORMS | {"no accents": fold}).items():
            assert url in {hit.url for hit in crawled.scan(form(text), match="all")}, (name, form(text))


@pytest.mark.parametrize("form", FORMS)
def test_case_and_unicode_form_and_tone_style_change_nothing(crawled: Archive, facts: list[dict[str, Any]], form: str) -> None:
    for fact in facts:
        text = fact["title"].replace("“", " ").replace("”", " ")
        expected = [(hit.id, hit.score) for hit in crawled.search(text, match="any")]
        assert [(hit.id, hit.score) for hit in crawled.search(FORMS[form](text), match="any")] == expected


def test_one_accent_left_out_or_wrong_still_finds_the_article(crawled: Archive, facts: list[dict[str, Any]]) -> None:
    first = sum(crawled.search(_damaged(fact["title"], str.lower), match="any").hits[0].url == fact["url"] for fact in facts)
    plain = sum(crawled.search(_damaged(fact["title"], fold), match="any").hits[0].url == fact["url"] for fact in facts)
    assert plain >= 0.97 * first > 0.9 * len(facts)


def _damaged(title: str, change: Callable[[str], str]) -> str:
    words = title.replace("“", " ").replace("”", " ").split()
    return " ".join(change(word) if i % 2 else word for i, word in enumerate(words))
