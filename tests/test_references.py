"""Entries for reference managers."""

from __future__ import annotations

from searcher.model import Article, PartialDate
from searcher.references import bibtex, ris

ARTICLE = Article(
    "a{1}",
    "http://xa.example/tin?a=1%20",
    "Thu 85% & chi_tiêu: {kế hoạch}",
    "Thân bài",
    "Lời dẫn\nhai dòng",
    PartialDate(2025, 7, 2),
    byline="Hạnh",
    source="Xã A",
)


def test_ris() -> None:
    lines = ris(ARTICLE, "2025-08-01T00:00:00+00:00").split("\r\n")
    assert lines[0] == "TY  - NEWS"
    assert lines[-2:] == ["ER  - ", ""] or lines[-3:-1] == ["ER  - ", ""]
    assert "DA  - 2025/07/02" in lines
    assert "Y2  - 2025/08/01" in lines
    assert "AB  - Lời dẫn hai dòng" in lines
    assert "DA  - 2025/07" in ris(Article("a", "", "T", "", published=PartialDate(2025, 7)))


def test_bibtex() -> None:
    entry = bibtex(ARTICLE, "2025-08-01")
    assert r"title = {{Thu 85\% \& chi\_tiêu: \{kế hoạch\}}}" in entry
    assert "date = {2025-07-02}" in entry
    assert entry.count("{") - entry.count("\\{") == entry.count("}") - entry.count("\\}")
    assert "year" not in bibtex(Article("a", "", "T", ""))
