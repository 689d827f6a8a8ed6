"""Which encoding a page is really in."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serve import _windows_1258

from searcher.html.decode import decode
from searcher.html.legacy import _FROM_VNI, _TCVN3, from_tcvn3, from_vni, spellable

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


def tcvn3(text: str) -> bytes:
    letters = {entry[1]: int(entry[2:], 16) for entry in _TCVN3.split(" ")}
    return bytes(letters.get(c) or letters.get(c.lower()) or ord(c) for c in text)


def vni(text: str) -> bytes:
    letters = {letter: keys for keys, letter in _FROM_VNI.items() if len(keys) == 1 or keys[0].islower() or keys.isupper()}
    return "".join(letters.get(c, c) for c in text).encode("cp1252")


@pytest.mark.parametrize("declared", [None, "utf-8", "windows-1258", "windows-1252", "iso-8859-1", "utf-16", "gb2312"])
@pytest.mark.parametrize("as_unicode", [False, True], ids=["bytes", "letters"])
@pytest.mark.parametrize(("encode", "reason"), [(tcvn3, "tcvn3"), (vni, "vni")])
def test_letters_of_old_fonts(encode: Callable[[str], bytes], reason: str, as_unicode: bool, declared: str | None) -> None:
    content = encode(TEXT)
    decoded = decode(content.decode("latin-1").encode() if as_unicode else content, declared)
    assert decoded.text.lower() == TEXT.lower()  # capitals live in the font
    assert decoded.reason == reason


def test_well_known_lines_of_old_fonts() -> None:
    assert from_tcvn3("Céng hßa x· héi chñ nghÜa ViÖt Nam") == "Cộng hòa xã hội chủ nghĩa Việt Nam"
    assert from_vni("Coäng hoøa xaõ hoäi chuû nghóa Vieät Nam") == "Cộng hòa xã hội chủ nghĩa Việt Nam"
    assert from_vni("UÛy ban nhaân daân") == from_vni("Uûy ban nhaân daân") == "Ủy ban nhân dân"


def test_text_encoded_twice() -> None:
    twice = "".join(bytes([b]).decode("cp1252") if b not in b"\x81\x8d\x8f\x90\x9d" else chr(b) for b in TEXT.encode())
    decoded = decode(twice.encode())
    assert decoded.text == TEXT
    assert decoded.reason == "utf-8 twice"


@pytest.mark.parametrize(
    "text", ["© 2025 Ward office®. Café crème «quoted» for 5£ and 3¥. " * 20, "Größe, Straße und Übermut führen häufig zu Ärger. " * 20]
)
def test_other_languages_stay_as_they_are(text: str) -> None:
    assert decode(text.encode()).text == text
    assert decode(text.encode("latin-1"), "iso-8859-1").text == text


def test_utf16_without_a_mark() -> None:
    for name in ("utf-16-le", "utf-16-be"):
        assert decode(f"<html><p>{TEXT}</p></html>".encode(name), "utf-8").text == f"<html><p>{TEXT}</p></html>"


def test_spellable_tells_vietnamese_from_its_misreadings() -> None:
    assert spellable(TEXT) > 0.95
    assert spellable(TEXT.encode().decode("cp1252", "replace")) < 0.2
