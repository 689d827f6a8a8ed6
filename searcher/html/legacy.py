"""Vietnamese text from before Unicode: letters of fonts (TCVN3, VNI) that a page shows as Latin ones, and text encoded twice.

What a text is, is judged by how many of its words are spelt like Vietnamese syllables.
"""

from __future__ import annotations

import html
import re

from searcher.vietnamese.spelling import is_syllable

#: TCVN 5712:1993 VN3 in the order of its codes. Capitals with a tone live in the font and come out small.
_TCVN3 = (
    "µàB5 ¶ảB6 ·ãB7 ¸áB8 ¹ạB9 ¨ăA8 »ằBB ¼ẳBC ½ẵBD ¾ắBE ÆặC6 ©âA9 ÇầC7 ÈẩC8 ÉẫC9 ÊấCA ËậCB ÌèCC ÎẻCE ÏẽCF ÐéD0 ÑẹD1 ªêAA ÒềD2 ÓểD3 ÔễD4"
    " ÕếD5 ÖệD6 ×ìD7 ØỉD8 ÜĩDC ÝíDD ÞịDE ßòDF áỏE1 âõE2 ãóE3 äọE4 «ôAB åồE5 æổE6 çỗE7 èốE8 éộE9 ¬ơAC êờEA ëởEB ìỡEC íớED îợEE ïùEF ñủF1 òũF2"
    " óúF3 ôụF4 \u00adưAD õừF5 öửF6 ÷ữF7 øứF8 ùựF9 úỳFA ûỷFB üỹFC ýýFD þỵFE ®đAE ¡ĂA1 ¢ÂA2 £ÊA3 ¤ÔA4 ¥ƠA5 ¦ƯA6 §ĐA7"
)
_FROM_TCVN3 = str.maketrans({entry[0]: entry[1] for entry in _TCVN3.split(" ")})
#: VNI writes a base letter and a mark behind it; these stand alone.
_VNI_ALONE = {"ô": "ơ", "ö": "ư", "ñ": "đ", "í": "í", "ì": "ì", "æ": "ỉ", "ó": "ĩ", "ò": "ị", "î": "ỵ"}
_VNI_MARKED = {
    "a": "ùá øà ûả õã ïạ êă éắ èằ úẳ üẵ ëặ ââ áấ àầ åẩ ãẫ äậ",
    "e": "ùé øè ûẻ õẽ ïẹ âê áế àề åể ãễ äệ",
    "o": "ùó øò ûỏ õõ ïọ âô áố àồ åổ ãỗ äộ",
    "ô": "ùớ øờ ûở õỡ ïợ",
    "u": "ùú øù ûủ õũ ïụ",
    "ö": "ùứ øừ ûử õữ ïự",
    "y": "ùý øỳ ûỷ õỹ",
}
_FROM_VNI = {base + entry[0]: entry[1] for base, entries in _VNI_MARKED.items() for entry in entries.split(" ")} | _VNI_ALONE
_FROM_VNI |= {key[0].upper() + key[1:]: letter.upper() for key, letter in _FROM_VNI.items()} | {
    key.upper(): letter.upper() for key, letter in _FROM_VNI.items()
}
_VNI = re.compile("|".join(sorted(map(re.escape, _FROM_VNI), key=len, reverse=True)))
_MARKUP = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>|&(?:nbsp|amp|lt|gt|quot);", re.IGNORECASE | re.DOTALL)
_BETWEEN = re.compile(r"[\s\x21-\x40\x5b-\x60\x7b-\x7e\u2010-\u201f\u2026-\u203a]+")
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|nbsp);)(?:#\d+|#x[0-9a-f]+|[a-z]+\d?);", re.IGNORECASE)
_HIGH = re.compile("[\u00a1-\u00ff]")
_WORDS = 3000
#: So many more of the words must be spelt like Vietnamese for a text to be taken for what it does not say it is.
_GAIN = 0.2
#: Vietnamese has an accent on two words of three; foreign text with a copyright sign and a few quotation marks does not.
_DENSE = 0.2
#: A text of which so many words are spelt right is as it should be.
_SURE = 0.85


def spellable(text: str) -> float:
    """Return the share of a text's words beyond ASCII that are spelt like Vietnamese syllables: 0 to 1; markup is passed over."""
    return _spelt(text)[0]


def _spelt(text: str) -> tuple[float, float]:
    """Return ``spellable`` and how many of all words are such syllables."""
    words = [word for word in _BETWEEN.split(_MARKUP.sub(" ", text[:100_000]))[:_WORDS] if word]
    accented = [word for word in words if not word.isascii()]
    spelt = sum(map(is_syllable, accented))
    return (spelt / len(accented), spelt / len(words)) if accented else (0.0, 0.0)


def from_tcvn3(text: str) -> str:
    """Turn letters of a TCVN3 font into Vietnamese ones."""
    return _plain(text).translate(_FROM_TCVN3)


def from_vni(text: str) -> str:
    """Turn letters of a VNI font into Vietnamese ones."""
    return _VNI.sub(lambda match: _FROM_VNI[match[0]], _plain(text))


def encoded_once(text: str) -> str | None:
    """Undo a second encoding in UTF-8 ("á»§" for "ủ"); None if the text was not encoded twice."""
    content = bytearray()
    for letter in text:
        try:
            content += letter.encode("cp1252")
        except UnicodeEncodeError:
            if ord(letter) > 0xFF:
                return None
            content.append(ord(letter))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def repaired(text: str) -> tuple[str, str] | None:
    """Return a text as Vietnamese and what it was ("tcvn3", "vni", "utf-8 twice"); None if it is as it should be."""
    if not _HIGH.search(_ENTITY.sub(_unescaped, text)):
        return None
    known = spellable(text)
    if known > _SURE:
        return None
    best: tuple[str, str] | None = None
    for name, found in (("utf-8 twice", encoded_once(text)), ("tcvn3", from_tcvn3(text)), ("vni", from_vni(text))):
        if found is not None:
            share, density = _spelt(found)
            if density > _DENSE and share > known + (_GAIN if best is None else 0.0):
                best, known = (found, name), share
    return best


def _plain(text: str) -> str:
    return _ENTITY.sub(_unescaped, text)


def _unescaped(match: re.Match[str]) -> str:
    found = html.unescape(match[0])
    return found if len(found) == 1 and "\u00a1" <= found <= "\u00ff" else match[0]
