"""Names that mean the same: abbreviations and what they stand for, units of 1 July 2025 and what they were formed from."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

from searcher.errors import InputError
from searcher.vietnamese.normalise import fold, normalise

#: A former name that went into more units than this (Phường 1, Xã Tân Thành) is too ambiguous to be widened.
MOST_SUCCESSORS = 3
#: A unit formed from more former ones than this is widened by none.
MOST_PREDECESSORS = 8

_SHORT = r"[A-ZĐ]{2,10}"
_DEFINED = re.compile(rf"\((?P<behind>{_SHORT})\)|(?<!\w)(?P<before>{_SHORT})\s*\((?P<full>[^\W\d_]+(?:\s[^\W\d_]+){{1,9}})\)")


class Names:
    """What else something is called: abbreviations, renamed units, and what an office has added.

    ``learnt`` are (abbreviation, what it stands for, articles that say so) as an archive's own articles define them; ``own``
    are (name, other name) pairs that hold both ways. Each other name comes with a reason, empty for the shipped abbreviations.
    """

    def __init__(self, learnt: Iterable[tuple[str, str, int]] = (), own: Iterable[tuple[str, str]] = ()) -> None:
        self._others: dict[str, dict[str, str]] = defaultdict(dict)
        for short, full in _rows("abbreviations.tsv"):
            self._add(short, full, "")
        for name, other in own:
            self._add(name, other, "theo danh sách của cơ quan")
        for short, full, articles in learnt:
            self._add(short, full, f"{articles} bài trong kho viết vậy")
        self._folded: dict[str, dict[str, str]] = defaultdict(dict)
        for name, others in self._others.items():
            self._folded[fold(name)] |= others

    def of(self, text: str, *, folded: bool) -> list[tuple[str, str]]:
        """Return (other name, reason) of what is called ``text`` (lower case; without accents if ``folded``)."""
        return list((self._folded if folded else self._others).get(text, {}).items())

    def _add(self, short: str, full: str, why: str) -> None:
        short, full = normalise(short).lower(), normalise(full).lower()
        self._others[short].setdefault(full, why)
        self._others[full].setdefault(short, why)


@cache
def renamed_units() -> Mapping[str, tuple[tuple[str, str], ...]]:
    """Map a unit's name, folded, to (other name, what it is to it) of the units it became or was formed from."""
    successors: dict[str, dict[str, str]] = defaultdict(dict)
    predecessors: dict[str, dict[str, str]] = defaultdict(dict)
    provinces: dict[str, set[str]] = defaultdict(set)
    for province, unit, _district, former, _share in _rows("wards_2025.tsv"):
        provinces[fold(unit)].add(province)
        if fold(former) != fold(unit):
            successors[fold(former)][f"{unit}\t{province}"] = f"tên mới từ 1/7/2025, {province}"
            predecessors[fold(unit)][former] = f"tên cũ trước 1/7/2025, {province}"
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for name in successors.keys() | predecessors.keys():
        newer = [(key.split("\t")[0], why) for key, why in successors[name].items()] if len(successors[name]) <= MOST_SUCCESSORS else []
        known = len(provinces[name]) == 1 and len(predecessors[name]) <= MOST_PREDECESSORS
        older = list(predecessors[name].items()) if known else []
        if newer or older:
            found[name] = tuple(newer + older)
    return found


@cache
def unit_syllables() -> frozenset[tuple[str, str]]:
    """Return the neighbouring syllables (normalised, lower case) in names of units, old and new: their spelling is fixed."""
    units = [row[1] for row in _rows("units_2026.tsv")] + [row[3] for row in _rows("wards_2025.tsv")]
    return frozenset(pair for unit in units for pair in pairwise(normalise(unit).lower().split()[1:]))


def definitions(text: str) -> Iterator[tuple[str, str]]:
    """Yield (abbreviation, what it stands for) where a text says so: "Ủy ban nhân dân (UBND)" or "UBND (Ủy ban nhân dân)".

    Letter by letter the abbreviation must be made of the words' first letters.
    """
    for match in _DEFINED.finditer(text):
        short = match["behind"] or match["before"]
        words = (text[max(0, match.start() - 200) : match.start()] if match["behind"] else match["full"]).split()
        words = words[-len(short) :]
        if len(words) == len(short) and fold("".join(word[0] for word in words)) == fold(short):
            yield short, " ".join(words)


def read_names(path: Path) -> list[tuple[str, str]]:
    """Read an office's own list: a name, a tab and another name a line, empty lines and those that begin with # left out.

    Raises:
        InputError: a line is not of this form, or the file is no UTF-8 text.
    """
    found = []
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), f"cannot be read ({error}); save it as UTF-8 text") from error
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            parts = [" ".join(part.split()) for part in line.split("\t")]
            if len(parts) != 2 or not all(any(c.isalnum() for c in part) for part in parts):
                raise InputError(str(path), "is not a name, a tab and another name; correct the line or put # before it", number)
            found.append((parts[0], parts[1]))
    return found


def _rows(name: str) -> Iterator[list[str]]:
    text = (files("searcher.vietnamese") / "data" / name).read_text("utf-8")
    return (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
