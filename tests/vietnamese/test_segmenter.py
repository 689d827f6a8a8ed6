"""The segmenter gives what pyvi gives, on any text."""

from __future__ import annotations

import sys
import unicodedata
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from searcher.vietnamese import Segmenter, crf

SEGMENTER = Segmenter.load()


@pytest.fixture(scope="module")
def pyvi() -> Callable[[str], str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn on unpickling an old model, doubtful escapes in pyvi
        from pyvi import ViTokenizer
    return ViTokenizer.tokenize


def test_same_as_pyvi_on_articles(pyvi: Callable[[str], str], facts: list[dict[str, Any]]) -> None:
    for article in facts:
        for text in (article["title"], "\n".join(article["body"]), article["title"].upper()):
            assert SEGMENTER.tokenize(text) == pyvi(text)


PIECES = st.sampled_from(
    [
        "Ủy ban",
        "nhân dân",
        "thành phố",
        "TP.HCM",
        "85,98%",
        "30/9",
        "học sinh",
        "==>",
        "...",
        "\n",
        "\t",
        "\x00",
        "\x1c",
        "a@b.vn",
        "http://x.vn/y",
        "Đ.",
        "ộ",
        "-",
        "“",
    ]
)


@given(
    st.one_of(st.text(), st.lists(PIECES).map(" ".join), st.lists(PIECES).map("".join)).filter(
        lambda t: not any("\ud800" <= c <= "\udfff" for c in t)
    )
)
@settings(max_examples=400, deadline=None)
def test_same_as_pyvi_on_anything(text: str) -> None:
    from pyvi import ViTokenizer

    assert SEGMENTER.tokenize(text) == ViTokenizer.tokenize(text)


test_same_as_pyvi_on_anything = pytest.mark.usefixtures("pyvi")(test_same_as_pyvi_on_anything)


@pytest.mark.parametrize("text", ["\ud800 phường \udfff", "\0\0", "a" * 200_000, "a\u0301" * 50_000, " " * 1000, ""])
def test_defined_on_hostile_text(text: str) -> None:
    assert isinstance(SEGMENTER.tokenize(text), str)


def test_memory_of_chunks_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("searcher.vietnamese.segmenter._MAX_CHUNKS", 50)
    segmenter = Segmenter.load()
    expected = SEGMENTER.tokenize("Ủy ban nhân dân phường")
    for number in range(200):
        segmenter.tokenize(f"từ{number} ủy ban")
    assert len(segmenter._chunks) < 60
    assert segmenter.tokenize("Ủy ban nhân dân phường") == expected


def test_pyvi_is_not_imported() -> None:
    import subprocess

    code = "import sys; from searcher.vietnamese import Segmenter; Segmenter.load().tokenize('học sinh'); sys.exit('pyvi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_other_model_files_fall_back_to_pyvi_with_a_warning(monkeypatch: pytest.MonkeyPatch, pyvi: Callable[[str], str]) -> None:
    monkeypatch.setitem(crf.KNOWN_FILES, "models/words.txt", "0" * 64)
    with pytest.warns(RuntimeWarning, match=r"words\.txt differ from version 0\.1\.1"):
        segmenter = Segmenter.load()
    assert segmenter.tokenize("học sinh phường") == pyvi("học sinh phường")


def test_damaged_model_says_what_to_do(tmp_path: Path) -> None:
    import pickle

    (tmp_path / "model.pkl").write_bytes(pickle.dumps({"no": "model"}))
    with pytest.raises(crf.ModelError, match=r"reinstall pyvi 0\.1\.1"):
        crf.read_weights(tmp_path / "model.pkl")


def words_of(texts: list[str]) -> list[list[tuple[str, int, int]]]:
    arrays = SEGMENTER.segment_many(texts)
    rows = list(zip(arrays.ids.tolist(), arrays.starts.tolist(), arrays.ends.tolist(), strict=True))
    return [[(arrays.vocabulary[w], a, b) for w, a, b in rows[arrays.bounds[i] : arrays.bounds[i + 1]]] for i in range(len(texts))]


@given(st.lists(st.one_of(st.text(), st.lists(PIECES).map(" ".join), st.lists(PIECES).map("".join)), max_size=5))
@example(["\ufb1d"])  # one character that NFC makes two of
@settings(max_examples=200, deadline=None)
def test_many_texts_at_once_give_the_same_words_with_their_offsets(texts: list[str]) -> None:
    for text, words in zip(texts, words_of(texts), strict=True):
        whole = SEGMENTER.tokenize(text)
        assert " ".join(word for word, _, _ in words) == (whole if words else "")
        assert all(0 <= start < stop <= len(text) for _, start, stop in words)
        assert [start for _, start, _ in words] == sorted(start for _, start, _ in words)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_offsets_lead_to_the_original_characters(form: str, facts: list[dict[str, Any]]) -> None:
    texts = [unicodedata.normalize(form, "\n".join(fact["body"])) for fact in facts]
    for text, words in zip(texts, words_of(texts), strict=True):
        assert words
        for word, start, end in words:
            written = unicodedata.normalize("NFC", text[start:end])
            assert "".join(written.split()) == word.replace("_", "") or word == "\n"
