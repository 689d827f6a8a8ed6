"""Which encoding a page is really in."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serve import _windows_1258

from searcher.html.decode import decode, plausibility

TEXT = "Ủy ban nhân dân phường Lạc Châu họp bàn chống ngập úng, đường Nguyễn Trung Hiếu ngập sâu nửa mét. " * 3


@pytest.mark.parametrize(
    ("content", "declared", "reason"),
    [
        (TEXT.encode(), None, "utf-8"),
        (TEXT.encode(), "iso-8859-1", "utf-8"),
        (TEXT.encode(), "windows-1258", "utf-8"),
        (unicodedata.normalize("NFD", TEXT).encode(), None, "utf-8"),
        (b"\xef\xbb\xbf" + TEXT.encode(), None, "bom"),
        (TEXT.encode("utf-16"), None, "bom"),
        (_windows_1258(TEXT), "windows-1258", "declared"),
        (_windows_1258(TEXT), None, "detected"),
        (_windows_1258(TEXT), "windows-1252", "detected"),
        (b'<meta charset="windows-1258">' + _windows_1258(TEXT), None, "declared"),
        (TEXT.encode() + "ư".encode()[:1], None, "utf-8"),
    ],
)
def test_decode(content: bytes, declared: str | None, reason: str) -> None:
    decoded = decode(content, declared)
    assert TEXT.strip() in decoded.text
    assert decoded.reason == reason


@given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "no-such-charset", "utf-16", "cp1258"]))
def test_anything_decodes(content: bytes, declared: str | None) -> None:
    assert isinstance(decode(content, declared).text, str)


def test_plausibility_tells_vietnamese_from_its_misreadings() -> None:
    assert plausibility(TEXT) > 0.4
    assert plausibility(TEXT.encode().decode("cp1252", "replace")) < 0.2
