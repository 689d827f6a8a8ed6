"""Bytes to text: which encoding a Vietnamese page is really in, whatever it says."""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass

import charset_normalizer

_DECLARED = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)|<\?xml[^>]+encoding\s*=\s*["']([\w-]+)""", re.IGNORECASE)
#: What a page calls itself is often an older name of what it means.
_MEANT = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "ascii": "cp1252", "us-ascii": "cp1252"}
_VIETNAMESE = re.compile(r"[ăâđêôơưĂÂĐÊÔƠƯ]|[aeiouyăâêôơư][\u0300\u0301\u0309\u0303\u0323]", re.IGNORECASE)
_IMPLAUSIBLE = re.compile(
    r"[\x80-\x9f\ufffd]|[ÃÂÄÆÅá][\u0080-\u00bf\u2018-\u201e\u2020-\u203a]|áº|á»|Æ°|Ä‘"
    # windows-1258 taken for windows-1252: its tones become letters behind the vowel
    r"|(?<=[a-zà-ỹ])[ÌÒÞ]|[âêô][ìòÞ]|[þÞð]"
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, the encoding it was read with, and why that one (bom, utf-8, declared, detected)."""

    text: str
    charset: str
    reason: str


def decode(content: bytes, declared: str | None = None) -> Decoded:
    """Decode a page: byte-order mark, strict UTF-8, what is declared if plausible, what is detected.

    Every byte string decodes. Text comes out in NFC, since windows-1258 writes tones as marks of their own.
    """
    for mark, name in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if content.startswith(mark):
            return _result(content.decode(name, "replace"), name, "bom")
    try:
        return _result(content.decode("utf-8"), "utf-8", "utf-8")
    except UnicodeDecodeError as error:
        if error.end >= len(content) - 3 and error.start > 64:  # cut off within a character
            return _result(content.decode("utf-8", "replace"), "utf-8", "utf-8")
    candidates = [declared, *(name.decode("ascii") for match in _DECLARED.finditer(content[:4096]) for name in match.groups() if name)]
    best: Decoded | None = None
    for name, reason in [(c, "declared") for c in candidates if c] + [("cp1258", "detected")]:
        text = _try(content, name)
        if text is not None:
            found = _result(text, _MEANT.get(name.lower(), name.lower()), reason)
            if best is None or plausibility(found.text) > plausibility(best.text) + 0.02:
                best = found
    guess = charset_normalizer.from_bytes(content[:200_000]).best()
    if guess is not None:
        text = _try(content, guess.encoding)
        if text is not None and (best is None or plausibility(text) > plausibility(best.text) + 0.05):
            best = _result(text, guess.encoding, "detected")
    return best or _result(content.decode("utf-8", "replace"), "utf-8", "replaced")


def plausibility(text: str) -> float:
    """Return how much of ``text`` looks like Vietnamese: 0 is none, 1 a mark or special letter in every fourth letter; what is
    never seen in Vietnamese counts against it.
    """
    letters = sum(c.isalpha() for c in text) or 1
    good = len(_VIETNAMESE.findall(unicodedata.normalize("NFD", text)))
    return 4 * (good - 4 * len(_IMPLAUSIBLE.findall(text))) / letters


def _try(content: bytes, name: str) -> str | None:
    try:
        return content.decode(_MEANT.get(name.lower(), name), "strict")
    except LookupError:
        return None
    except UnicodeDecodeError:
        text = content.decode(_MEANT.get(name.lower(), name), "replace")
        return text if text.count("\ufffd") * 500 < len(text) else None


def _result(text: str, charset: str, reason: str) -> Decoded:
    return Decoded(unicodedata.normalize("NFC", text), charset, reason)
