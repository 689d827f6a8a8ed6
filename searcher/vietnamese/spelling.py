"""Spellings that mean the same syllable, and keystrokes of Vietnamese keyboards that were left undone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from searcher.vietnamese.normalise import normalise

#: Behind these consonants alone i and y are written for one another, and only where nothing follows: kỹ and kĩ, lý and lí;
#: behind q, where it follows u: quý and quí. Elsewhere they are two sounds (tai, tay) or one is no spelling (di).
_I_OR_Y = re.compile(r"(?:[hklmst]|qu)([iy])[\u0300\u0301\u0303\u0309\u0323]?")
_OTHER = {"i": "y", "y": "i"}

_VNI_TONES = {"1": "\u0301", "2": "\u0300", "3": "\u0309", "4": "\u0303", "5": "\u0323"}
_TELEX_TONES = {"s": "\u0301", "f": "\u0300", "r": "\u0309", "x": "\u0303", "j": "\u0323"}
_CIRCUMFLEX, _BREVE, _HORN = "\u0302", "\u0306", "\u031b"
_VOWELS = "aeiouy"


_INITIALS = "ngh|ng|nh|gh|gi|g|kh|ph|th|tr|ch|qu|b|c|d|đ|h|k|l|m|n|p|r|s|t|v|x"
#: Every rhyme that Vietnamese spells, without its tone.
_RHYMES = (
    "a ac ach ai am an ang anh ao ap at au ay ăc ăm ăn ăng ăp ăt âc âm ân âng âp ât âu ây e ec em en eng eo ep et ê êch êm ên ênh êp êt êu i ia ich"
    " iêc iêm iên iêng iêp iêt iêu im in inh ip it iu o oa oac oach oai oam oan oang oanh oao oap oat oay oăc oăm oăn oăng oăt oc oe oen oeo oet oi om"
    " on ong ooc oong op ot ô ôc ôi ôm ôn ông ôp ôt ơ ơi ơm ơn ơp ơt u ua uân uâng uât uây uc uê uêch uênh ui um un ung uôc uôi uôm uôn uông uôt up ut"
    " uy uya uych uyên uyêt uynh uyt uyu uơ ư ưa ưc ưi ưm ưng ươc ươi ươm ươn ương ươp ươt ưt ưu y yêm yên yêng yêt yêu êng"
)
_SYLLABLE = re.compile(rf"(?:{_INITIALS})?(?:{'|'.join(sorted(_RHYMES.split(), key=len, reverse=True))})")
_TONE_MARKS = str.maketrans("", "", "\u0300\u0301\u0303\u0309\u0323")


@lru_cache(50_000)
def is_syllable(text: str) -> bool:
    """Whether ``text`` is spelt like a Vietnamese syllable, in whatever case and form of Unicode."""
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFD", text.lower()).translate(_TONE_MARKS))
    return _SYLLABLE.fullmatch(plain) is not None


def other_spelling(syllable: str) -> str | None:
    """Return the syllable (lower case) with i for y or y for i, None where only one of them is a spelling of it."""
    decomposed = unicodedata.normalize("NFD", syllable)
    match = _I_OR_Y.fullmatch(decomposed)
    if match is None:
        return None
    at = match.start(1)
    return unicodedata.normalize("NFC", decomposed[:at] + _OTHER[match[1]] + decomposed[at + 1 :])


def from_keystrokes(typed: str) -> list[str]:
    """Return the syllables that ``typed`` gives on a Telex or a VNI keyboard; none if it gives no other than itself.

    "phuwowngf", "phuongwf" and "phu7o7ng2" all give "phường".
    """
    lower = typed.lower()
    if not lower.isascii() or not lower.isalnum() or len(lower) > 16:
        return []
    found = []
    for read in (_telex, _vni):
        syllable = read(lower)
        if syllable is not None and syllable != lower:
            found.append(normalise(syllable))
    return list(dict.fromkeys(found))


def _telex(typed: str) -> str | None:
    letters: list[str] = []
    tone = ""
    for key in typed:
        if not key.isalpha():
            return None
        bases = [letter[0] for letter in letters]
        if key in _TELEX_TONES and any(base in _VOWELS for base in bases):
            tone = _TELEX_TONES[key]
        elif key == "w" and any(base in "auo" for base in bases):
            _put_horns(letters)
        elif key in "aeo" and key in bases and _CIRCUMFLEX not in letters[_last(bases, key)]:
            letters[_last(bases, key)] += _CIRCUMFLEX
        elif key == "d" and "d" in bases:
            letters[bases.index("d")] = "đ"
        else:
            letters.append(key)
    return _composed(letters, tone)


def _vni(typed: str) -> str | None:
    letters: list[str] = []
    tone = ""
    for key in typed:
        bases = [letter[0] for letter in letters]
        if key.isalpha():
            letters.append(key)
        elif key in _VNI_TONES:
            tone = _VNI_TONES[key]
        elif key == "6" and any(base in "aeo" for base in bases):
            at = max(i for i, base in enumerate(bases) if base in "aeo")
            letters[at] += _CIRCUMFLEX
        elif key == "7" and any(base in "uo" for base in bases):
            _put_horns(letters, breve=False)
        elif key == "8" and "a" in bases:
            letters[_last(bases, "a")] += _BREVE
        elif key == "9" and "d" in bases:
            letters[bases.index("d")] = "đ"
        else:
            return None
    return _composed(letters, tone)


def _put_horns(letters: list[str], *, breve: bool = True) -> None:
    """Put a horn on the last u or o without one, on both of "uo" at once; on a, a breve."""
    bases = [letter[0] for letter in letters]
    if "o" in bases and bases.index("o") and bases[bases.index("o") - 1] == "u":
        for at in (bases.index("o") - 1, bases.index("o")):
            if _HORN not in letters[at]:
                letters[at] += _HORN
        return
    for at in range(len(letters) - 1, -1, -1):
        if bases[at] in "uo" and _HORN not in letters[at]:
            letters[at] += _HORN
            return
        if breve and bases[at] == "a" and _BREVE not in letters[at]:
            letters[at] += _BREVE
            return


def _composed(letters: list[str], tone: str) -> str | None:
    """Put the tone where it is written and join the letters; None without a vowel to carry it."""
    vowels = [i for i, letter in enumerate(letters) if letter[0] in _VOWELS]
    start = 1 if letters and letters[0] in "gq" and len(vowels) > 1 and vowels[0] == 1 else 0  # the vowel of gi and qu is none
    vowels = vowels[start:]
    if tone:
        if not vowels:
            return None
        letters[_tone_place(letters, vowels)] += tone
    return unicodedata.normalize("NFC", "".join(letters))


def _tone_place(letters: Sequence[str], vowels: Sequence[int]) -> int:
    """Return which letter carries the tone: one with a mark, else by how many vowels there are and whether the syllable is closed."""
    marked = [i for i in vowels if len(letters[i]) > 1]
    if marked:
        return marked[-1]
    if len(vowels) == 1 or vowels[-1] < len(letters) - 1:
        return vowels[-1]
    if len(vowels) == 2 and letters[vowels[0]] + letters[vowels[1]] in ("oa", "oe", "uy"):
        return vowels[1]
    return vowels[-2]


def _last(bases: list[str], base: str) -> int:
    return len(bases) - 1 - bases[::-1].index(base)
