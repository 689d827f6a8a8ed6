"""Dates as people type them into a filter."""

from __future__ import annotations

import datetime as dt
import re

from searcher.errors import QueryError
from searcher.model import PartialDate

_FORMS = re.compile(
    r"(?P<y>\d{4})(?:-(?P<m>\d{1,2})(?:-(?P<d>\d{1,2}))?)?|(?:(?P<vd>\d{1,2})[/.-])?(?P<vm>\d{1,2})[/.-](?P<vy>\d{4})|(?P<back>\d{1,5})(?P<unit>[dwmy])"
)
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def parse_bound(text: str, *, today: dt.date) -> PartialDate:
    """Read ``2025``, ``2025-07``, ``2025-07-02``, ``02/07/2025``, ``07/2025`` or ``7d`` (days, weeks, months, years back).

    Raises:
        QueryError: it is none of these or no day of the calendar.
    """
    match = _FORMS.fullmatch(text.strip())
    if match is None:
        raise QueryError(f"{text!r} is not a date; write 2025, 2025-07, 2025-07-02, 02/07/2025 or 7d")
    try:
        if match["back"]:
            day = today - dt.timedelta(days=int(match["back"]) * _DAYS[match["unit"]])
            return PartialDate(day.year, day.month, day.day)
        year, month, day_ = (match["y"], match["m"], match["d"]) if match["y"] else (match["vy"], match["vm"], match["vd"])
        if (month and int(month) == 0) or (day_ and int(day_) == 0):
            raise ValueError("0")
        return PartialDate(int(year), int(month or 0), int(day_ or 0))
    except (ValueError, OverflowError) as error:
        raise QueryError(f"{text!r} is not a day of the calendar") from error
