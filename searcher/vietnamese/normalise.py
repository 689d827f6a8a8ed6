"""Characters: one spelling for what is written in several ways, and folding for those who type without accents."""

from __future__ import annotations

import re
import unicodedata

#: Characters that carry no letter: zero-width spaces and joiners, soft hyphen, directional marks, byte-order mark.
IGNORABLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_DROP = dict.fromkeys(map(ord, IGNORABLE)) | {ord("Ð"): "Đ", ord("ð"): "đ"}
_MATHEMATICAL = re.compile("[\U0001d400-\U0001d7ff]+")
_TONES = "\u0300\u0301\u0309\u0303\u0323"
#: Old and new tone placement differ only in open oa, oe and uy: hòa and hoà, thủy and thuỷ; never after q.
_OPEN_PAIR = re.compile(rf"(?<![qQ])([oO])([{_TONES}])([aAeE])(?![\w\u0300-\u036f])|(?<![qQ])([uU])([{_TONES}])([yY])(?![\w\u0300-\u036f])")
_HAS_OPEN_PAIR = re.compile(r"[òóỏõọÒÓỎÕỌ][aeAE]|[ùúủũụÙÚỦŨỤ][yY]")


def normalise(text: str) -> str:
    """Return ``text`` in NFC with invisible characters dropped, Ð as Đ, mathematical letters as letters and the tones of
    open oa, oe, uy on the second vowel (hoà, thuỷ).
    """
    if text.isascii():
        return text
    text = text.translate(_DROP)
    text = _MATHEMATICAL.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = unicodedata.normalize("NFC", text)
    if _HAS_OPEN_PAIR.search(text):
        text = unicodedata.normalize("NFC", _OPEN_PAIR.sub(_move_tone, unicodedata.normalize("NFD", text)))
    return text


def fold(text: str) -> str:
    """Return ``text`` without accents, đ as d, in lower case: what is typed by those who type no accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", text.translate(_DROP).lower())
    return "".join([c for c in decomposed if not unicodedata.combining(c)]).replace("đ", "d")


def _move_tone(match: re.Match[str]) -> str:
    first, tone, second = match.group(1, 2, 3) if match[1] else match.group(4, 5, 6)
    return f"{first}{second}{tone}"
