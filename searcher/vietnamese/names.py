"""Names that mean the same: abbreviations and what they stand for, units of 1 July 2025 and what they were formed from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

from searcher.vietnamese.normalise import fold, normalise

#: A former name that went into more units than this (Phường 1, Xã Tân Thành) is too ambiguous to be widened.
MOST_SUCCESSORS = 3
#: A unit formed from more former ones than this is widened by none.
MOST_PREDECESSORS = 8


@cache
def abbreviations() -> Mapping[str, tuple[str, ...]]:
    """Map each abbreviation and each full form, in lower case, to the other ones."""
    table: dict[str, list[str]] = defaultdict(list)
    for short, full in _rows("abbreviations.tsv"):
        short, full = normalise(short).lower(), normalise(full).lower()  # noqa: PLW2901
        table[short].append(full)
        table[full].append(short)
    return {name: tuple(others) for name, others in table.items()}


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


def _rows(name: str) -> Iterator[list[str]]:
    text = (files("searcher.vietnamese") / "data" / name).read_text("utf-8")
    return (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
