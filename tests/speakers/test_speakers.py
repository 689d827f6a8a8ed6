"""Who said it, in the sample and in the frames that ward news uses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import shared
from hypothesis import given
from hypothesis import strategies as st

from searcher.speakers import attribute, attribution
from searcher.speakers.sentences import sentences


def test_every_fact_of_the_sample(facts: list[dict[str, Any]]) -> None:
    for fact in facts:
        text = "\n".join(fact["body"])
        found = attribution(text)
        assert {(p.name, p.role) for p in found.speakers} == {(s["name"], s["role"]) for s in fact["speakers"]}, fact["slug"]
        assert {p.name for p in found.presiders} == set(fact["presiders"]), fact["slug"]
        assert {p.name for p in found.attendees} == set(fact["attendees"]), fact["slug"]
        for statement in found.statements:
            assert text[statement.start : statement.end] == statement.text
            if statement.quote_start is not None:
                assert text[statement.quote_start] in '“"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ông Lê Văn Tám, Chủ tịch UBND xã cho biết đường đã thông.", [("Lê Văn Tám", "Chủ tịch UBND xã", "indirect", "subject-verb")]),
        (
            "Phát biểu tại lễ, bà Lê Thị Tư, Bí thư Đảng ủy phường yêu cầu khẩn trương.",
            [("Lê Thị Tư", "Bí thư Đảng ủy phường", "directive", "subject-verb")],
        ),
        ("Theo ông Lê Văn Tám, nước rút nhanh.", [("Lê Văn Tám", "", "indirect", "theo")]),
        ("“Nước rút rất nhanh”, ông Lê Văn Tám nói.", [("Lê Văn Tám", "", "direct", "subject-verb")]),
        ("Ông Lê Văn Tám: “Nước rút rất nhanh”.", [("Lê Văn Tám", "", "direct", "name-colon")]),
        ("Đồng chí Lê Văn Tám dự và chỉ đạo đại hội.", []),
        ("Đồng chí Lê Văn Tám dự và phát biểu chỉ đạo đại hội.", [("Lê Văn Tám", "", "speech", "subject-verb")]),
        ("Hội nghị do đồng chí Lê Văn Tám chủ trì.", []),
        ("Người dân đường Nguyễn Thị Minh Khai cho biết đường ngập.", []),
        ("Ảnh: Lê Văn Tám", []),
        ("BÍ THƯ LÊ VĂN TÁM PHÁT BIỂU CHỈ ĐẠO", []),
        (
            "Chủ tịch UBND phường Lạc Châu Lê Thị Tư đề nghị sớm khắc phục.",
            [("Lê Thị Tư", "Chủ tịch UBND phường Lạc Châu", "directive", "subject-verb")],
        ),
        ("Đại đức Chau Kim Sêng cảm ơn chính quyền.", [("Chau Kim Sêng", "", "indirect", "subject-verb")]),
    ],
)
def test_frames(text: str, expected: list[tuple[str, str, str, str]]) -> None:
    assert [(s.speaker, s.role, s.mode, s.rule) for s in attribute(text)] == expected


def test_those_named_before_are_recognised() -> None:
    text = (
        "Bà Lê Thị Tư, Chủ tịch UBND phường khẳng định sẽ làm. Bà cho biết đã có vốn.\n"
        "Chủ tịch UBND phường yêu cầu công khai.\nBà Tư mong dân đồng lòng. Đồng thời, đề nghị các khóm giám sát."
    )
    assert [(s.speaker, s.rule) for s in attribute(text)] == [
        ("Lê Thị Tư", rule) for rule in ("subject-verb", "pronoun", "role", "short-name", "continued")
    ]


def test_sentences_keep_abbreviations_and_quotations_whole() -> None:
    text = "Tại TP. Hậu Châu, ông nói: “Một. Hai. Ba”. Câu hai.Câu ba liền. HT. Thích A dự.\nDòng mới"
    assert [text[s.start : s.end] for s in sentences(text)] == [
        "Tại TP. Hậu Châu, ông nói: “Một. Hai. Ba”.",
        "Câu hai.",
        "Câu ba liền.",
        "HT. Thích A dự.",
        "Dòng mới",
    ]


@given(
    st.text(max_size=300)
    | st.lists(
        st.sampled_from(["Ông", "Lê Văn Tám", ",", ".", "Chủ tịch UBND", "cho biết", "“", "”", "theo", "\n", "và", ":", "-", "(", "của"])
    ).map(" ".join)
)
def test_any_text_is_read(text: str) -> None:
    for statement in attribute(text):
        assert 0 <= statement.start < statement.end <= len(text)
        assert statement.speaker


def test_development_articles() -> None:
    from searcher.vietnamese.normalise import fold

    missed = wrong = 0
    for line in shared("data/speakers/dev.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        gold = {fold(s["name"]) for s in record["speakers"]}
        found = {fold(s.speaker) for s in attribute(record["text"])} - {fold(n) for n in record["ignore"]}
        missed += len(gold - found)
        wrong += len(found - gold)
    assert (missed, wrong) == (0, 0)


@pytest.mark.parametrize(
    ("text", "speakers"),
    [
        ("UBND TP Hà Nội cho biết sẽ nạo vét kênh.", set()),
        ("Một du khách đến từ Hà Nội cho biết, anh rất vui.", set()),
        ("Đại diện sở ở Thái Bình cho rằng phải làm ngay.", set()),
        ("UBND quận Hai Bà Trưng chỉ đạo xử lý nghiêm.", set()),
        ("Ông Trần Anh Quốc họp cùng dân. Đại biểu Quốc hội nêu băn khoăn về thủ tục.", set()),
        ("Chi cục Hải quan sân bay Tân Sơn Nhất cho hay đã bắt giữ lô hàng.", set()),
        ("Bà Hoàng Mai Phương cho biết sẽ nạo vét kênh.", {"Hoàng Mai Phương"}),
        ("Chủ tịch UBND TP Hà Nội Nguyễn Văn Chinh cho biết sẽ nạo vét kênh.", {"Nguyễn Văn Chinh"}),
        ("Bà Nguyễn Thị Nguyên, Giám đốc Sở Y tế, cho hay dịch đã lắng.", {"Nguyễn Thị Nguyên"}),
        ("Ông Hà Văn Nội, Trưởng ấp, nói kênh đã thông.", {"Hà Văn Nội"}),
    ],
)
def test_places_and_bodies_are_nobody(text: str, speakers: set[str]) -> None:
    assert {s.speaker for s in attribute(text)} == speakers
