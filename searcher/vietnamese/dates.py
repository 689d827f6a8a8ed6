"""Dates as Vietnamese pages and articles write them: always day first, never a day that was not given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from searcher.model import PartialDate
from searcher.vietnamese.normalise import fold

_SEP = r"\s?[/.–-]\s?"
_MONTHS = {
    "mot": 1, "gieng": 1, "hai": 2, "ba": 3, "tu": 4, "nam": 5, "sau": 6, "bay": 7, "tam": 8, "chin": 9, "muoi": 10,
    "muoi mot": 11, "muoi hai": 12, "chap": 12,
}  # fmt: skip
_DATE = re.compile(
    rf"(?P<iso>\b(?P<iy>(?:19|20)\d\d)-(?P<im>\d\d)-(?P<id>\d\d)(?=\D|$))"
    rf"|(?P<spelled>\bng[aà]y\s+(?P<sd>\d{{1,2}})\s+th[aá]ng\s+(?P<sm>\d{{1,2}})(?:\s+n[aă]m\s+|\s*[/,-]\s*|\s+)(?P<sy>(?:19|20)\d\d)\b)"
    rf"|(?P<full>(?<![\d/.,-])(?P<fd>\d{{1,2}}){_SEP}(?P<fm>\d{{1,2}}){_SEP}(?P<fy>(?:19|20)\d\d)(?!\d))"
    rf"|(?P<monthname>\bth[aá]ng\s+(?P<nm>[^\W\d]+(?:\s[mM][oộ]t|\s[hH]ai)?)\s+(?P<nd>\d{{1,2}}),\s*(?P<ny>(?:19|20)\d\d))"
    rf"|(?P<dayname>(?<!\d)(?P<dd>\d{{1,2}})\s+[tT]h[aá]ng\s+(?P<dm>\d{{1,2}}),?\s+(?P<dy>(?:19|20)\d\d)\b)"
    rf"|(?P<month>\bth[aá]ng\s+(?P<mm>\d{{1,2}})(?:\s*[/-]\s*|\s+n[aă]m\s+)(?P<my>(?:19|20)\d\d)(?!\d))"
    rf"|(?P<spelledday>\bng[aà]y\s+(?P<xd>\d{{1,2}})\s+th[aá]ng\s+(?P<xm>\d{{1,2}})(?!\d|\s*[/-]\s*\d))"
    rf"|(?P<short>\b(?:ng[aà]y|s[aá]ng|chi[eề]u|t[oố]i|tr[uư]a|h[oô]m)\s+(?:(?:ng[aà]y|mai|nay|qua)\s+)?[(]?(?P<td>\d{{1,2}})\s?[/-]\s?(?P<tm>\d{{1,2}})(?![\d/]|-\d|\s?[/-]\s?\d))",
    re.IGNORECASE,
)
_ISO_PART = re.compile(r"(?:19|20)\d\d(?:-(?:0[1-9]|1[0-2]))?")
_YEAR = re.compile(r"(?:năm|nam)\s+((?:19|20)\d\d)\b|\b((?:19|20)\d\d)\s?[-–]\s?(?:19|20)\d\d\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FoundDate:
    """A date in a text. ``year`` is 0 where the text gives day and month only; offsets are characters, end exclusive."""

    year: int
    month: int
    day: int
    start: int
    end: int

    def in_year(self, year: int) -> PartialDate | None:
        """Return the date with ``year`` filled in where the text gives none; None if there is no such day."""
        try:
            return PartialDate(self.year or year, self.month, self.day)
        except ValueError:
            return None


def find_dates(text: str) -> Iterator[FoundDate]:
    """Yield the dates that ``text`` gives, in order; impossible ones (31/2) are left out."""
    for match in _DATE.finditer(text):
        found = _read(match)
        if found is not None and found.in_year(2000) is not None:
            yield found


def parse_date(text: str) -> PartialDate | None:
    """Return the first complete date (day, month, year) in ``text``, else the first with month and year.

    A text that is nothing but ``YYYY`` or ``YYYY-MM`` is that year or month.
    """
    if _ISO_PART.fullmatch(text.strip()):
        return PartialDate.parse(text.strip())
    dated = [found for found in find_dates(text) if found.year]
    complete = next((found for found in dated if found.day), dated[0] if dated else None)
    return complete.in_year(complete.year) if complete else None


def event_date(text: str, published: PartialDate | None = None) -> PartialDate | None:
    """Return the date of what a news text reports: the first day it names, in its opening 600 characters.

    A missing year is the publication's (or the year before, when that would lie after it), else the year that the
    text names most often; without either there is no date.
    """
    for found in find_dates(text[:600]):
        if not found.day:
            continue
        if found.year:
            return found.in_year(found.year)
        if published is not None:
            date = found.in_year(published.year)
            return date if date is None or date.first <= published.last else found.in_year(published.year - 1)
        year = _year_of(text)
        return found.in_year(year) if year else None
    return None


def _year_of(text: str) -> int | None:
    """The year named most often after "năm" or as the start of a term (2025-2030); of several the earliest."""
    counts: dict[int, int] = {}
    for match in _YEAR.finditer(text):
        year = int(match[1] or match[2])
        counts[year] = counts.get(year, 0) + 1
    return max(counts, key=lambda year: (counts[year], -year)) if counts else None


def _read(match: re.Match[str]) -> FoundDate | None:
    group = match.group
    span = match.span()
    kind = match.lastgroup and next(name for name in _KINDS if group(name))
    if kind == "monthname":
        month = _MONTHS.get(fold(group("nm")), 0)
        return FoundDate(int(group("ny")), month, int(group("nd")), *span) if month else None
    if kind == "month":
        return FoundDate(int(group("my")), int(group("mm")), 0, *span)
    if kind in ("short", "spelledday"):
        day, month_ = ("td", "tm") if kind == "short" else ("xd", "xm")
        return FoundDate(0, int(group(month_)), int(group(day)), *span)
    prefix = _KINDS[kind or ""]
    return FoundDate(int(group(prefix + "y")), int(group(prefix + "m")), int(group(prefix + "d")), *span)


_KINDS = {"iso": "i", "spelled": "s", "full": "f", "monthname": "n", "dayname": "d", "month": "m", "spelledday": "x", "short": "t"}
