"""Dates as Vietnamese pages and articles write them: always day first, never a day that was not given."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from searcher.model import PartialDate
from searcher.vietnamese.normalise import fold

VIETNAM = dt.timezone(dt.timedelta(hours=7))

_MONTHS = {
    "mot": 1, "gieng": 1, "hai": 2, "ba": 3, "tu": 4, "bon": 4, "nam": 5, "sau": 6, "bay": 7, "tam": 8, "chin": 9, "muoi": 10,
    "muoi mot": 11, "muoi hai": 12, "chap": 12,
}  # fmt: skip
_ENGLISH = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)}
_WEEKDAYS = {"hai": 0, "2": 0, "ba": 1, "3": 1, "tu": 2, "4": 2, "nam": 3, "5": 3, "sau": 4, "6": 4, "bay": 5, "7": 5}

_YEAR4 = r"(?:19|20)\d\d"
_SEP = r"\s?[/.–-]\s?"
_MONTH_NAME = r"[Gg]iêng|[Cc]hạp|[Mm]ười(?:\s+(?:[Mm]ột|[Hh]ai))?|[Mm]ột|[Hh]ai|[Bb]a|[Tt]ư|[Bb]ốn|[Nn]ăm|[Ss]áu|[Bb]ảy|[Tt]ám|[Cc]hín"
_MONTH = rf"(?:\d{{1,2}}|{_MONTH_NAME})"
_IN_YEAR = rf"(?:\s+n[aă]m\s+|\s*[/,.-]\s*|\s+)(?P<{{}}>{_YEAR4})\b"
#: Several days of one month: "23,24,25/11", "18-19/5", "27 – 31/10", "từ ngày 3 đến ngày 5/7". The first of them is meant.
_MORE_DAYS = r"(?:(?:\s?[,&–-]\s?|\s+(?:và|đến|-|–)\s+(?:ngày\s+|hết\s+ngày\s+)?)\d{1,2})*"
_ENGLISH_NAMES = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_FORMS = {
    "iso": rf"(?<!\d)(?P<iy>{_YEAR4})-(?P<im>\d\d)-(?P<id>\d\d)(?:[T ](?P<itime>\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s?(?P<izone>Z|[+-]\d\d:?\d\d)?)?(?!\d)",
    "yearfirst": rf"(?<![\d/])(?P<yy>{_YEAR4})/(?P<ym>\d{{1,2}})/(?P<yd>\d{{1,2}})(?![\d/])",
    "spelled": rf"(?:\bng[aà]y|\bm[uùồ]ng|\bmồng|(?<=[,\s(])|^)\s*(?P<sd>\d{{1,2}}){_MORE_DAYS}\s+th[aá]ng\s+(?P<sm>{_MONTH}){_IN_YEAR.format('sy')}",
    "span": rf"(?<![\d/.,:–-])(?:\b(?:từ|ng[aà]y|sáng|chiều)\s+)*(?P<pd>\d{{1,2}}){_SEP}(?P<pm>\d{{1,2}})\s?(?:[–-]|đến)\s?(?:ngày\s+)?\d{{1,2}}{_SEP}\d{{1,2}}{_SEP}(?P<py>{_YEAR4})(?!\d)",
    "full": rf"(?<![\d/.,:–-])(?<!thứ )(?P<fd>\d{{1,2}}){_MORE_DAYS}{_SEP}(?P<fm>\d{{1,2}}){_SEP}(?P<fy>{_YEAR4})(?!\d|\.\d)",
    "monthname": rf"\b[Tt][Hh][AÁaá][Nn][Gg]\s+(?P<nm>{_MONTH})\s+(?P<nd>\d{{1,2}}),?\s+(?P<ny>{_YEAR4})\b",
    "english": rf"\b(?P<em>{_ENGLISH_NAMES})\s+(?P<ed>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<ey>{_YEAR4})\b",
    "englishday": rf"(?<!\d)(?P<gd>\d{{1,2}})(?:st|nd|rd|th)?[\s-](?P<gm>{_ENGLISH_NAMES}),?[\s-](?P<gy>{_YEAR4})\b",
    "month": rf"\bth[aá]ng\s+(?P<mm>{_MONTH})(?:\s*[/-]\s*|,?\s+n[aă]m\s+|\s+)(?P<my>{_YEAR4})(?!\d)",
    "spelledday": rf"\b(?:ng[aà]y|m[uùồ]ng|mồng)\s+(?P<xd>\d{{1,2}}){_MORE_DAYS}\s+th[aá]ng\s+(?P<xm>{_MONTH})(?!\d|\s*[/-]\s*\d)",
    "short": (
        r"\b(?:ng[aà]y|s[aá]ng|chi[eề]u|t[oố]i|tr[uư]a|h[oô]m|đ[eê]m|từ)\s+(?:(?:ng[aà]y|mai|nay|qua)\s+)?[(]?"
        rf"(?P<td>\d{{1,2}}){_MORE_DAYS}\s?[/-]\s?(?P<tm>\d{{1,2}})(?![\d/]|[-–]\d|\s?[/-]\s?\d|\s?%)"
    ),
    "range": r"(?<![\d/.,–-])(?P<rd>\d{1,2})(?:\s?[,–-]\s?\d{1,2})+/(?P<rm>\d{1,2})(?![\d/]|[-–]\d)",
}
_PREFIX = {"iso": "i", "yearfirst": "y", "spelled": "s", "full": "f", "span": "p", "monthname": "n", "english": "e", "englishday": "g", "month": "m",
           "spelledday": "x", "short": "t", "range": "r"}  # fmt: skip
_DATE = re.compile("|".join(f"(?P<{name}>{form})" for name, form in _FORMS.items()), re.IGNORECASE)
_LUNAR = re.compile(r"\s*(?:,?\s*\(?\s*(?:năm\s+)?[^\W\d]*\s*)?(?:âm lịch|ÂL\b|Tết\b)", re.IGNORECASE)
_WEEKDAY = re.compile(r"(?:thứ\s+(?P<day>hai|ba|tư|năm|sáu|bảy|[2-7])|(?P<sunday>chủ\s*nhật|\bCN\b))[\s,–-]*(?:ngày\s*)?$", re.IGNORECASE)
_BARE = re.compile(rf"(\d{{2}})[ .](\d{{2}})[ .]({_YEAR4})")
_ISO_PART = re.compile(r"(?:19|20)\d\d(?:-(?:0[1-9]|1[0-2]))?")
_YEAR = re.compile(r"(?:năm|nam)\s+((?:19|20)\d\d)\b|\b((?:19|20)\d\d)\s?[-–]\s?(?:19|20)\d\d\b", re.IGNORECASE)
_AGO = re.compile(
    r"(?:\b(?:khoảng|cách đây|hơn)\s+)?(?:(?P<count>\d{1,3}|một|vài)\s+(?P<unit>giây|phút|giờ|tiếng|ngày|tuần|tháng|năm)\s+trước\b)"
    r"|(?P<word>\bhôm qua\b|\bhôm nay\b|\bhôm kia\b|\bvừa xong\b|\bmới đây\b|\bvừa đăng\b)",
    re.IGNORECASE,
)
_SECONDS = {"giây": 1, "phút": 60, "giờ": 3600, "tiếng": 3600, "ngày": 86_400, "tuần": 604_800}
_SPELLED_AGO = 40


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
    """Yield the dates that ``text`` gives, in order; impossible ones (31/2) and those of the lunar calendar are left out."""
    for match in _DATE.finditer(text):
        found = _read(match)
        if found is None or _LUNAR.match(text, found.end) or found.in_year(2000) is None:
            continue
        yield _weekday_checked(text, found)


def parse_date(text: str, seen: dt.datetime | None = None) -> PartialDate | None:
    """Return the first complete date (day, month, year) in ``text``, else the first with month and year.

    A text that is nothing but ``YYYY`` or ``YYYY-MM`` is that year or month. With ``seen`` – when the page was fetched – what
    is told relative to it ("3 giờ trước", "hôm qua") and days without a year are dates, too.
    """
    stripped = text.strip()
    if _ISO_PART.fullmatch(stripped):
        return PartialDate.parse(stripped)
    if bare := _BARE.fullmatch(stripped):
        return FoundDate(int(bare[3]), int(bare[2]), int(bare[1]), 0, 0).in_year(0)
    found = list(find_dates(text))
    dated = [date for date in found if date.year]
    complete = next((date for date in dated if date.day), dated[0] if dated else None)
    if complete:
        return complete.in_year(complete.year)
    if seen is None:
        return None
    today = seen.astimezone(VIETNAM).date()
    if found:
        return _latest(found[0], today)
    return _ago(text, seen)


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


def _latest(found: FoundDate, today: dt.date) -> PartialDate | None:
    """A day without a year on a page is that day's last occurrence."""
    date = found.in_year(today.year)
    return date if date is None or date.first <= today else found.in_year(today.year - 1)


def _ago(text: str, seen: dt.datetime) -> PartialDate | None:
    """A time told relative to now; only where the text says little else, for stories tell of "three years ago" as well."""
    match = _AGO.search(text)
    if match is None or len(text.strip()) > len(match[0]) + _SPELLED_AGO:
        return None
    now = seen.astimezone(VIETNAM)
    word = (match["word"] or "").lower()
    if word:
        day = now.date() - dt.timedelta(days={"hôm qua": 1, "hôm kia": 2}.get(word, 0))
        return PartialDate(day.year, day.month, day.day)
    if match["count"].lower() == "vài":
        return None
    count = 1 if match["count"].lower() == "một" else int(match["count"])
    unit = match["unit"].lower()
    if unit == "năm":
        return PartialDate(now.year - count)
    if unit == "tháng":
        months = now.year * 12 + now.month - 1 - count
        return PartialDate(months // 12, months % 12 + 1)
    day = (now - dt.timedelta(seconds=count * _SECONDS[unit])).date()
    return PartialDate(day.year, day.month, day.day)


def _weekday_checked(text: str, found: FoundDate) -> FoundDate:
    """Where the weekday before a date fits only if month and day are swapped, they are."""
    if not (found.year and found.day) or found.day > 12 or found.day == found.month:
        return found
    named = _WEEKDAY.search(text, max(0, found.start - 25), found.start)
    if named is None:
        return found
    weekday = 6 if named["sunday"] else _WEEKDAYS[fold(named["day"])]
    given, swapped = dt.date(found.year, found.month, found.day), dt.date(found.year, found.day, found.month)
    if given.weekday() != weekday and swapped.weekday() == weekday:
        return FoundDate(found.year, found.day, found.month, found.start, found.end)
    return found


def _year_of(text: str) -> int | None:
    """The year named most often after "năm" or as the start of a term (2025-2030); of several the earliest."""
    counts: dict[int, int] = {}
    for match in _YEAR.finditer(text):
        year = int(match[1] or match[2])
        counts[year] = counts.get(year, 0) + 1
    return max(counts, key=lambda year: (counts[year], -year)) if counts else None


def _read(match: re.Match[str]) -> FoundDate | None:
    kind = next(name for name in _PREFIX if match[name] is not None)
    prefix = _PREFIX[kind]
    groups = match.groupdict()
    month = _month(groups[f"{prefix}m"])
    if not month:
        return None
    day, year = groups.get(f"{prefix}d"), groups.get(f"{prefix}y")
    if day is not None and not int(day):
        return None
    if groups[f"{prefix}m"] == "năm" and match[0][0].isdigit():
        return None  # "9 tháng năm 2025" are nine months
    if kind == "iso" and match["izone"] and match["itime"]:
        return _in_vietnam(match)
    return FoundDate(int(year or 0), month, int(day or 0), *match.span())


def _in_vietnam(match: re.Match[str]) -> FoundDate | None:
    """A point in time with its zone is a day in Vietnam."""
    zone = match["izone"].replace("Z", "+00:00")
    zone = zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
    try:
        day = dt.datetime.fromisoformat(f"{match['iy']}-{match['im']}-{match['id']}T{match['itime'][:5]}:00{zone}").astimezone(VIETNAM)
    except (ValueError, OverflowError):
        return None
    return FoundDate(day.year, day.month, day.day, *match.span())


def _month(name: str) -> int:
    if name.isdigit():
        return int(name) if 1 <= int(name) <= 12 else 0
    by_name: tuple[Callable[[str], int], ...] = (
        lambda text: _MONTHS.get(fold(text), 0),
        lambda text: _ENGLISH.get(text.lower()[:3], 0),
    )
    return next((number for read in by_name if (number := read(name))), 0)
