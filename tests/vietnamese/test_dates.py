"""Dates in the forms that pages and articles use."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from searcher.model import PartialDate
from searcher.vietnamese.dates import event_date, find_dates, parse_date


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("Ngày đăng 09/11/2023 | 16:48", "2023-11-09"),
        ("Ngày cập nhật 27/06/2023", "2023-06-27"),
        ("26/06/2019 08:56 Số lượt xem: 57", "2019-06-26"),
        ("Đăng ngày 17 - 05 - 2024", "2024-05-17"),
        ("24/09/2020 - 12:39", "2020-09-24"),
        ("14:58 29/08/2025", "2025-08-29"),
        ("(20:35 08/03/2022)", "2022-03-08"),
        ("Thứ năm - 04/09/2025 22:59", "2025-09-04"),
        ("2025-09-05T16:42:57+07:00", "2025-09-05"),
        ("Thứ ba, 13 Tháng 10 2015 09:10", "2015-10-13"),
        ("Cập nhật: 08-05-2020 | 13:40:46", "2020-05-08"),
        ("Cập nhật lúc 22:18, Thứ Tư, 03/08/2016 (GMT+7)", "2016-08-03"),
        ("HT|02/3/2022|10:00", "2022-03-02"),
        ("Hải Phòng, ngày 24 tháng 01 năm 2020", "2020-01-24"),
        ("Thứ Tư, Tháng Năm 1, 2024", "2024-05-01"),
        ("ngày 5 tháng 7 năm 2025", "2025-07-05"),
        ("tháng 7/2025", "2025-07"),
        ("31/2/2024", None),
        ("nhiệm kỳ 2025-2030", None),
        ("không có ngày", None),
    ],
)
def test_parse_date(text: str, date: str | None) -> None:
    found = parse_date(text)
    assert (str(found) if found else None) == date


SEEN = dt.datetime(2025, 9, 10, 3, 0, tzinfo=dt.UTC)
TABLE = [line.split("\t") for line in (Path(__file__).parent / "dates.tsv").read_text("utf-8").splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(("text", "date", "on_page"), [(*row, row[1])[:3] for row in TABLE])
def test_table_of_forms(text: str, date: str, on_page: str) -> None:
    assert str(parse_date(text) or "-") == date
    assert str(parse_date(text, SEEN) or "-") == on_page


def test_the_table_is_large() -> None:
    assert len(TABLE) >= 200


@pytest.mark.parametrize("text", ["Sáng ngày 30/9", "Chiều 30-9", "Ngày 30/9", "ngày 30 tháng 9"])
def test_days_without_year(text: str) -> None:
    (found,) = find_dates(text)
    assert (found.year, found.month, found.day) == (0, 9, 30)


def test_event_date_takes_its_year_from_the_text_or_the_publication() -> None:
    text = "Sáng ngày 30/9, hội nghị nhiệm kỳ 2025-2030 đánh giá 9 tháng đầu năm 2025."
    assert event_date(text) == PartialDate(2025, 9, 30)
    assert event_date("Sáng 30/12, họp mặt.", PartialDate(2024, 1, 2)) == PartialDate(2023, 12, 30)
    assert event_date("Sáng 30/9, họp mặt.") is None
    assert event_date("Không ngày nào.") is None


def test_partial_dates() -> None:
    assert str(PartialDate(2025, 7)) == "2025-07"
    assert (PartialDate(2024, 2).last.day, PartialDate(2024).last.month) == (29, 12)
    assert PartialDate.parse("2025-07-02").precision == "day"
    with pytest.raises(ValueError, match="day"):
        PartialDate(2025, 2, 30)
