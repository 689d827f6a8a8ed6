"""Bytes to text: which encoding a Vietnamese page is really in, whatever it says."""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass

import charset_normalizer

from searcher.html.legacy import repaired, spellable

_DECLARED = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)|<\?xml[^>]+encoding\s*=\s*["']([\w-]+)""", re.IGNORECASE)
#: What a page calls itself is often an older name of what it means.
_MEANT = {
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "windows-1252": "cp1252",
}
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
#: A declared encoding is believed unless another makes so many more of the words Vietnamese.
_DOUBT = 0.03
#: A text of which so many words are spelt right needs no further guesses.
_GOOD = 0.6


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, the encoding it was read with, and why that one: bom, utf-8, declared, detected, or the letters that were put right
    (tcvn3, vni, utf-8 twice).
    """

    text: str
    charset: str
    reason: str


def decode(content: bytes, declared: str | None = None) -> Decoded:
    """Decode a page: byte-order mark, strict UTF-8, what is declared if plausible, what is detected; then letters of old fonts and
    text that was encoded twice are put right.

    Every byte string decodes. Text comes out in NFC, since windows-1258 writes tones as marks of their own.
    """
    found = _decoded(content, declared)
    better = repaired(found.text)
    if better is not None:
        return Decoded(unicodedata.normalize("NFC", better[0]), found.charset, better[1])
    return Decoded(unicodedata.normalize("NFC", found.text), found.charset, found.reason)


def _decoded(content: bytes, declared: str | None) -> Decoded:
    for mark, name in _MARKS:
        if content.startswith(mark):
            return Decoded(content.decode(name, "replace"), name, "bom")
    wide = _utf16(content)
    if wide is not None:
        return Decoded(content.decode(wide, "replace"), wide, "detected")
    try:
        return Decoded(content.decode("utf-8"), "utf-8", "utf-8")
    except UnicodeDecodeError as error:
        if error.end >= len(content) - 3 and error.start > 64:  # cut off within a character
            return Decoded(content.decode("utf-8", "replace"), "utf-8", "utf-8")
        mostly_utf8 = content.decode("utf-8", "replace")
    names = [declared, *(name.decode("ascii") for match in _DECLARED.finditer(content[:4096]) for name in match.groups() if name)]
    tried: list[tuple[float, Decoded]] = []
    for name, reason in (*((n, "declared") for n in names if n), ("cp1258", "detected"), ("cp1252", "detected")):
        text = _try(content, name)
        if text is not None:
            tried.append((_share(text) + _DOUBT * (reason == "declared"), Decoded(text, _MEANT.get(name.lower(), name.lower()), reason)))
    if mostly_utf8.count("\ufffd") * 100 < len(mostly_utf8):
        tried.append((_share(mostly_utf8), Decoded(mostly_utf8, "utf-8", "utf-8")))
    best = max((share for share, _ in tried), default=0.0)
    if best < _GOOD:
        guess = charset_normalizer.from_bytes(content[:200_000]).best()
        text = _try(content, guess.encoding) if guess is not None else None
        if guess is not None and text is not None:
            tried.append((_share(text), Decoded(text, guess.encoding, "detected")))
    return max(tried, key=lambda one: one[0], default=(0.0, Decoded(mostly_utf8, "utf-8", "replaced")))[1]


def _share(text: str) -> float:
    """How Vietnamese a text is, or could be made; what a repair is needed for counts a little less."""
    text = unicodedata.normalize("NFC", text)
    better = repaired(text)
    return max(spellable(text), spellable(better[0]) - 0.01 if better else 0.0)


def _utf16(content: bytes) -> str | None:
    """UTF-16 without a mark shows by the zero bytes of its markup."""
    head = content[:2000]
    if len(head) < 8 or head.count(0) < len(head) // 5:
        return None
    return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"


def _try(content: bytes, name: str) -> str | None:
    name = _MEANT.get(name.lower(), name)
    try:
        return content.decode(name, "strict")
    except LookupError:
        return None
    except (UnicodeError, ValueError):
        try:
            text = content.decode(name, "replace")
        except (UnicodeError, ValueError):
            return None
        return text if text.count("\ufffd") * 200 < len(text) else None
