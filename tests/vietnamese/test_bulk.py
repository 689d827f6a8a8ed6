"""Texts to arrays: the same tokens, parts, offsets and words as text by text."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searcher.vietnamese import Segmenter
from searcher.vietnamese.analysis import Analyser, term_of
from searcher.vietnamese.bulk import BREAK, PART, TOKEN, BulkAnalyser, TextArrays
from searcher.vietnamese.normalise import normalise

ANALYSER = Analyser()
BULK = BulkAnalyser()
SEGMENTER = Segmenter.load()
PIECES = st.sampled_from(
    [
        "Ủy ban",
        "phường",
        "Mỹ Thới",
        "30/9/2025",
        "123/QĐ-UBND",
        "85,98%",
        "TP.HCM",
        "“Nhà”",
        "a@b.vn",
        "ngập.",
        "(UBND)",
        "\n",
        "\u200b",
        "học sinh",
        "http://x.vn/a",
        "hòa",
        "-",
        "…",
        "19h30",
    ]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=20).map(" ".join), st.lists(PIECES, max_size=8).map("".join))


def rows(arrays: TextArrays, number: int) -> tuple[list[tuple[str, int, int]], list[str]]:
    """(term, kind, start) of the elements of one text, and its words."""
    part = slice(arrays.bounds[number], arrays.bounds[number + 1])
    names = arrays.names
    elements = zip(arrays.terms[part].tolist(), arrays.kinds[part].tolist(), arrays.starts[part].tolist(), strict=True)
    words = arrays.words[arrays.word_bounds[number] : arrays.word_bounds[number + 1]]
    return [(names[t] if t >= 0 else "", kind, start) for t, kind, start in elements], [names[w] for w in words.tolist()]


def expected(title: str, body: str) -> tuple[list[tuple[str, int, int]], list[str]]:
    """The same, token by token."""
    found: list[tuple[str, int, int]] = []
    at = 0
    for number, paragraph in enumerate((" ".join(title.split()), *body.split("\n"))):
        if number > 1:
            found.append(("", BREAK, at - 1))
        elif number == 1:
            found.append(("", BREAK, 0))
        for token in ANALYSER.tokens(paragraph):
            start = at + token.start if number else 0
            found.append((token.term, TOKEN, start))
            found += [(part, PART, start) for part in token.parts]
        at += len(paragraph) + 1 if number else 0
    words = SEGMENTER.words(normalise(f"{' '.join(title.split())}\n{body}"))
    return found, [term_of(word.replace("_", " ")) for word in words if word[0].isalnum()]


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
@settings(max_examples=300, deadline=None)
def test_arrays_hold_what_each_text_holds(texts: list[tuple[str, str]]) -> None:
    arrays = BULK.analyse(texts)
    assert len(arrays.bounds) == len(texts) + 1
    for number, (title, body) in enumerate(texts):
        assert rows(arrays, number) == expected(title, body)


def test_sample_articles_in_both_forms(facts: list[dict[str, Any]]) -> None:
    texts = [(fact["title"], "\n".join(fact["body"])) for fact in facts]
    arrays = BULK.analyse(texts)
    decomposed = BULK.analyse([(unicodedata.normalize("NFD", title), unicodedata.normalize("NFD", body)) for title, body in texts])
    for number, (title, body) in enumerate(texts):
        assert rows(arrays, number) == expected(title, body)
        assert [row[:2] for row in rows(decomposed, number)[0]] == [row[:2] for row in rows(arrays, number)[0]]


def test_upper_case_and_title_case_give_the_same_syllables(facts: list[dict[str, Any]]) -> None:
    bodies = ["\n".join(fact["body"]) for fact in facts]
    plain, upper, title = (BULK.analyse([("", change(body)) for body in bodies]) for change in (str.lower, str.upper, str.title))
    for number in range(len(bodies)):
        assert [row[:2] for row in rows(upper, number)[0]] == [row[:2] for row in rows(plain, number)[0]]
        assert [row[:2] for row in rows(title, number)[0]] == [row[:2] for row in rows(plain, number)[0]]


def test_memory_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("searcher.vietnamese.segmenter._MAX_CHUNKS", 50)
    bulk = BulkAnalyser()
    before = bulk.analyse([("", "Ủy ban nhân dân")])
    for number in range(100):
        bulk.analyse([("", f"từ{number} ủy{number} ban")])
    after = bulk.analyse([("", "Ủy ban nhân dân")])
    assert after.names is not before.names
    assert len(bulk._chunks) < 60
    assert rows(after, 0) == rows(before, 0)


def test_long_chunks_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("searcher.vietnamese.segmenter._MAX_CHARACTERS", 1_000_000)
    bulk = BulkAnalyser()
    for number in range(10):
        bulk.analyse([("", f"{number}" + "a" * 300_000)])
    assert bulk._segmenter._characters <= 1_400_000


@pytest.mark.parametrize(
    "text",
    [
        "\ud800 phường \udfff",
        "\0\0",
        "a" * 200_000,
        "a\u0301" * 50_000,
        " " * 1000,
        "",
        "\n" * 1000,
        "e" + "\u0301" * 100_000,
        "1/" * 20_000,
    ],
)
def test_hostile_texts(text: str) -> None:
    arrays = BULK.analyse([(text[:1000], text), ("", text)])
    assert arrays.bounds[-1] == len(arrays.terms) == len(arrays.kinds)
    assert np.all(arrays.starts >= 0)
    assert np.all(arrays.starts <= len(text))
