"""i and y, and keystrokes left undone."""

from __future__ import annotations

import pytest

from searcher.vietnamese.normalise import normalise
from searcher.vietnamese.spelling import from_keystrokes, other_spelling


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ("kỹ", "kĩ"),
        ("lí", "lý"),
        ("mỹ", "mĩ"),
        ("hy", "hi"),
        ("sĩ", "sỹ"),
        ("tỷ", "tỉ"),
        ("quý", "quí"),
        ("tay", None),
        ("thúy", None),
        ("di", None),
        ("y", None),
    ],
)
def test_other_spelling(written: str, other: str | None) -> None:
    assert other_spelling(normalise(written)) == other
    assert other is None or other_spelling(other) == written


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("phuwowngf", "phường"), ("phuongwf", "phường"), ("phu7o7ng2", "phường"), ("ngaapj", "ngập"), ("ungs", "úng"), ("quys", "quý"),
        ("nguyeenx", "nguyễn"), ("dduwowngf", "đường"), ("nu7o71c", "nước"), ("d9u7o7ng2", "đường"), ("muaf", "mùa"), ("hoaf", "hoà"),
        ("thuyr", "thuỷ"), ("giaf", "già"), ("tieengs", "tiếng"), ("ca8n1", "cắn"), ("khoer", "khoẻ"), ("UNGS", "úng"),
    ],
)  # fmt: skip
def test_keystrokes(typed: str, meant: str) -> None:
    assert from_keystrokes(typed) == [meant]


@pytest.mark.parametrize("typed", ["phuong", "ngập", "2025", "", "hop", "a" * 40])
def test_no_keystrokes(typed: str) -> None:
    assert from_keystrokes(typed) == []
