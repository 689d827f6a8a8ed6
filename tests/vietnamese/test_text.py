"""Normalisation, folding, tokens with offsets, and index terms."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searcher.vietnamese.analysis import Analyser
from searcher.vietnamese.normalise import fold, normalise

ANALYSER = Analyser()
VIETNAMESE = st.text(st.sampled_from("aăâbcdđeêghiklmnoôơpqrstuưvxyAĐÊƠ àáảãạằấễộợừýỵ.,-/%0123456789“”\n\u0301\u0300\u200b"))


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("hòa thủy khỏe", "hoà thuỷ khoẻ"),
        ("hoà thuỷ", "hoà thuỷ"),
        ("quý quỳ quà hoàn toán", "quý quỳ quà hoàn toán"),
        ("HÒA Ðảng", "HOÀ Đảng"),
        ("ph\u200bường\u00ad", "phường"),
        ("𝐓𝐢𝐧 mới", "Tin mới"),
        (unicodedata.normalize("NFD", "phường Tân Lạc"), "phường Tân Lạc"),
    ],
)
def test_normalise(written: str, normal: str) -> None:
    assert normalise(written) == normal


@given(VIETNAMESE)
def test_normalise_twice_is_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_fold_ignores_case_accents_and_form(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


def test_fold() -> None:
    assert fold("Đường ngập ÚNG Nguyễn Hữu Thọ") == "duong ngap ung nguyen huu tho"


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("đạt 85,98% dự toán", [["đạt"], ["85,98", "85", "98"], ["dự"], ["toán"]]),
        ("30/9", [["30/9", "30", "9"]]),
        ("30/09/2025", [["30/9/2025", "30/9", "30", "9", "2025"]]),
        ("123/QĐ-UBND.", [["123/qđ-ubnd", "123", "qđ", "ubnd"]]),
        ("15/2020/NĐ-CP", [["15/2020/nđ-cp", "15", "2020", "nđ", "cp"]]),
        ("02-CT/ĐU", [["02-ct/đu", "02", "ct", "đu"]]),
        ("1.234.567 đồng", [["1.234.567", "1234567"], ["đồng"]]),
        ("19h30", [["19h30", "19", "30"]]),
        ("TP.HCM.", [["tp.hcm", "tp", "hcm"]]),
        ("2025-2030", [["2025"], ["2030"]]),
        ("xong.Hôm nay", [["xong"], ["hôm"], ["nay"]]),
        ("a@b.vn", [["a@b.vn", "a", "b", "vn"]]),
        ("(Thủy)", [["thuỷ"]]),
    ],
)
def test_tokens(text: str, terms: list[list[str]]) -> None:
    for form in (text, unicodedata.normalize("NFD", text), text.upper(), text.lower()):
        assert [[term.split("\t")[1] for term in token.terms] for token in ANALYSER.tokens(form)] == terms


@given(st.text() | VIETNAMESE)
def test_offsets_lead_to_the_text_a_token_was_read_from(text: str) -> None:
    end = 0
    for token in ANALYSER.tokens(text):
        assert end <= token.start < token.end <= len(text)
        end = token.end
        again = next(iter(ANALYSER.tokens(text[token.start : token.end])))
        assert again.term == token.term


@given(VIETNAMESE)
def test_case_and_form_give_the_same_terms(text: str) -> None:
    terms = [token.term for token in ANALYSER.tokens(text)]
    assert [token.term for token in ANALYSER.tokens(unicodedata.normalize("NFC", text))] == terms
    assert [token.term for token in ANALYSER.tokens(text.upper())] == terms


def test_hostile_text_is_read_in_bounded_time() -> None:
    for text in ("a" * 1_000_000, "e" + "\u0301" * 100_000, "1," * 100_000, "\ud800" * 1000, "1/" * 50_000, "a.b" * 50_000):
        list(ANALYSER.tokens(text))
