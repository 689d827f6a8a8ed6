"""Frames of attribution: which mention goes with which verb, sentence by sentence, with what was said before in mind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from searcher.model import Attribution, Mode, PartialDate, Person, Statement
from searcher.speakers.lexicon import lexicon, longest
from searcher.speakers.mentions import Mention, find_mentions
from searcher.speakers.sentences import Sentence, Token, sentences
from searcher.vietnamese.normalise import fold

#: How sure each rule is; from its precision on the development articles, rounded down.
CONFIDENCE = {
    "subject-verb": 0.95, "opening-phrase": 0.9, "theo": 0.9, "quote-then-name": 0.9, "name-colon": 0.9, "nominal": 0.85,
    "short-name": 0.9, "role": 0.8, "pronoun": 0.75, "continued": 0.65,
}  # fmt: skip
_FARTHEST = 28
_OPENINGS = frozenset({"phát", "kết", "trả", "giải", "tiếp", "trao", "chia", "đáp", "thay", "nhận", "báo", "trước", "qua"})
_OBJECT_PREPOSITIONS = frozenset({"của", "với", "đến", "tới", "cho", "thăm", "tặng", "gặp", "mừng", "tiễn", "về"})
_NOMINAL_BEFORE = frozenset(
    {
        "bài",
        "sự",
        "ý",
        "ban",
        "công",
        "theo",
        "dưới",
        "lời",
        "những",
        "các",
        "nghe",
        "bản",
        "cuộc",
        "hội",
        "lễ",
        "buổi",
        "đơn",
        "hướng",
        "tác",
        "kiến",
        "được",
        "bị",
        "không",
        "chưa",
        "để",
        "nhằm",
        "việc",
        "phản",
    }
)
_CONTINUES = (
    ("đồng", "thời"),
    ("bên", "cạnh"),
    ("ngoài", "ra"),
    ("cùng", "với"),
    ("qua", "đó"),
    ("song", "song"),
    ("trong", "đó"),
    ("mặt", "khác"),
)
_PRESENCE = frozenset({"attend", "visit", "read"})
_NOUNS = frozenset({"lời", "chỉ", "phát", "ý", "nhận", "khẳng", "đề", "chia", "yêu", "câu"})


@dataclass
class _Known:
    """A person of the article, as far as it is read."""

    name: str
    role: str = ""
    gender: str = "-"
    roles: list[str] = field(default_factory=list)


@dataclass
class _Reading:
    """What reading an article has gathered."""

    people: list[_Known] = field(default_factory=list)  # the one mentioned last stands last
    speaker: _Known | None = None
    statements: list[Statement] = field(default_factory=list)
    presiders: dict[str, str] = field(default_factory=dict)
    attendees: dict[str, str] = field(default_factory=dict)
    spoke_in: tuple[int, int] = (-9, -9)  # paragraph and sentence of the last statement


def attribute(text: str, published: str | PartialDate | None = None) -> list[Statement]:
    """Return the statements of one article in the order of the text.

    ``text`` is ``Article.body``; offsets refer to it. ``published`` tells when, for rules that depend on the time.
    """
    return list(attribution(text, published).statements)


def attribution(text: str, published: str | PartialDate | None = None) -> Attribution:
    """Return who speaks, presides and attends in one article."""
    del published  # roles are taken as the article gives them; no rule depends on the time yet
    reading = _Reading()
    for number, sentence in enumerate(sentences(text)):
        if not _shouted(sentence):
            _read(reading, sentence, number, text)
    spoke = {statement.speaker for statement in reading.statements}
    return Attribution(
        tuple(reading.statements),
        tuple(Person(name, role) for name, role in reading.presiders.items()),
        tuple(Person(name, role) for name, role in reading.attendees.items() if name not in spoke and name not in reading.presiders),
    )


def _read(reading: _Reading, sentence: Sentence, number: int, text: str) -> None:
    words = [token.lower for token in sentence.tokens]
    tokens = sentence.tokens
    mentions = [m for m in find_mentions(tokens, text) if not any(a < tokens[m.start].start < b - 1 for a, b in sentence.quotes)]
    persons = [_resolve(reading, mention) for mention in mentions]
    found: list[tuple[_Known, str, str]] = []  # person, rule, mode
    for person, rule, mode in _frames(sentence, words, mentions, persons):
        if all(person is not other for other, _, _ in found):
            found.append((person, rule, mode))
    if not found:
        found = _continued(reading, sentence, words, number)
    _acts(reading, words, mentions, persons)
    quote = max(sentence.quotes, key=lambda q: q[1] - q[0], default=None)
    if quote is not None and text.count(" ", *quote) < 3:
        quote = None
    for person, rule, mode in found:
        kind = "direct" if quote is not None and mode in ("indirect", "speech", "directive", "reply") else mode
        reading.statements.append(
            Statement(
                person.name, person.role, text[sentence.start : sentence.end], sentence.start, sentence.end, cast(Mode, kind), rule, CONFIDENCE[rule],
                quote[0] if quote else None, quote[1] if quote else None,
            )
        )  # fmt: skip
    if found:
        reading.speaker = found[-1][0]
        reading.spoke_in = (sentence.paragraph, number)


def _frames(
    sentence: Sentence, words: list[str], mentions: list[Mention], persons: list[_Known | None]
) -> Iterator[tuple[_Known, str, str]]:
    """Yield (person, rule, mode) for every attribution in a sentence."""
    tokens = sentence.tokens
    quoted = [any(a < token.start < b - 1 for a, b in sentence.quotes) for token in tokens]
    inside = [any(m.start <= i < m.end for m in mentions) for i in range(len(tokens))]
    for i in range(len(tokens)):
        if quoted[i]:
            continue
        length, mode = (0, "") if inside[i] else longest(lexicon().cues, words, i)
        if length and not _nominal(words, i, sentence):
            for k, rule in _subjects(words, mentions, persons, i, sentence):
                yield cast(_Known, persons[k]), rule, mode
        if words[i] == "theo" and (i == 0 or words[i - 1] in (",", ";", "và")):
            for k, mention in enumerate(mentions):
                if mention.start == i + 1 and persons[k] is not None and (mention.name or mention.pronoun):
                    yield cast(_Known, persons[k]), "theo", "indirect"
    begin = 0
    if tokens[0].text == "(":  # "(TTXVN) - …": an agency's mark
        begin = next((i + 1 for i, token in enumerate(tokens[:8]) if token.text in "-–"), 0)
    opening = longest(lexicon().cues, words, begin)
    if begin < len(words) and words[begin] in _OPENINGS and opening[0]:
        comma = next((i for i, token in enumerate(tokens[:25]) if token.text == ","), None)
        for k, mention in enumerate(mentions):
            if comma is not None and mention.start == comma + 1 and persons[k] is not None and opening[0]:
                yield cast(_Known, persons[k]), "opening-phrase", opening[1]
    for k, mention in enumerate(mentions):
        person = persons[k]
        if person is None:
            continue
        if (
            mention.end < len(tokens)
            and tokens[mention.end].text == ":"
            and any(q[0] >= tokens[mention.end].end and q[0] - tokens[mention.end].end < 3 for q in sentence.quotes)
        ):
            yield person, "name-colon", "direct"
        if mention.start >= 2 and words[mention.start - 1] == "của" and opening[0] and "," not in words[: mention.start]:
            yield person, "nominal", opening[1]
        elif (
            mention.start >= 2
            and words[mention.start - 1] == "của"
            and "là" in words[: mention.start]
            and _NOUNS & set(words[max(0, mention.start - 7) : mention.start])
        ):
            yield person, "nominal", "directive" if "đạo" in words[: mention.start] else "indirect"


def _subjects(
    words: list[str], mentions: list[Mention], persons: list[_Known | None], verb: int, sentence: Sentence
) -> list[tuple[int, str]]:
    """The mentions that are the subject of the verb at token ``verb``, with the rule that says so."""
    for k in range(len(mentions) - 1, -1, -1):
        mention = mentions[k]
        if mention.end > verb:
            continue
        between = sentence.tokens[mention.end : verb]
        if len(between) > _FARTHEST or any(token.text in ";:" for token in between):
            return []
        if _object(words, mention) or _credit(words, mention):
            continue
        person = persons[k]
        if person is None or _others_speak(between):
            return []
        if _only_attends(words, mention.end, verb):
            return []
        rule = "pronoun" if mention.pronoun else "role" if not mention.name else "subject-verb" if " " in mention.name else "short-name"
        found = [(k, rule)]
        for i in range(k - 1, -1, -1):
            joined = words[mentions[i].end : mentions[i + 1].start] in (["và"], [","], [";"], [",", "và"])
            if not joined or persons[i] is None or not mentions[i].name or _object(words, mentions[i]):
                break
            found.append((i, "subject-verb"))
        return found[::-1]
    return []


def _only_attends(words: list[str], start: int, verb: int) -> bool:
    """Whether only presence is told: "dự và chỉ đạo" is a formula of attendance, "dự và phát biểu chỉ đạo" is not; nor does who is led or visited speak."""
    between = words[start:verb]
    if words[verb] == "chỉ" and between and between[-1] in ("và", ",") and any(w in ("dự", "theo", "dõi") for w in between):
        return True
    if words[verb] == "chúc" and words[verb : verb + 2] == ["chúc", "mừng"]:
        return True
    if words[verb] in ("vận", "phát") and between and between[-1] in ("hội", "thao"):
        return True
    return any(between[i : i + 2] in (["được", "bầu"], ["giữ", "chức"], ["tuyên", "đọc"]) for i in range(len(between)))


def _nominal(words: list[str], i: int, sentence: Sentence) -> bool:
    """Whether a cue is a noun here ("ý kiến chỉ đạo") or is done to somebody ("được đề nghị")."""
    token = sentence.tokens[i]
    if i and words[i - 1] in _NOMINAL_BEFORE and not (words[i - 1] == "lời" and i > 1 and words[i - 2] == "gửi"):
        return True
    return i > 0 and token.capital and sentence.tokens[i - 1].text not in '.!?…:”"-–' and words[i] in ("chỉ", "thông", "báo", "vận")


def _object(words: list[str], mention: Mention) -> bool:
    before = words[mention.start - 1] if mention.start else ""
    return before in _OBJECT_PREPOSITIONS or words[max(0, mention.start - 2) : mention.start] == ["cùng", "với"]


def _credit(words: list[str], mention: Mention) -> bool:
    """Whether a name is a photographer's or an author's: "Ảnh: …"."""
    return mention.start >= 2 and words[mention.start - 1] == ":" and words[mention.start - 2] in ("ảnh", "tin", "bài", "clip", "video")


def _others_speak(between: list[Token]) -> bool:
    """Whether another voice stands between a name and a verb: "bà con", "cử tri", "người dân"."""
    words = [token.lower for token in between]
    return any(
        words[i : i + 2] in (["cử", "tri"], ["người", "dân"], ["bà", "con"], ["đại", "biểu"], ["báo", "cáo"]) for i in range(len(words))
    )


def _continued(reading: _Reading, sentence: Sentence, words: list[str], number: int) -> list[tuple[_Known, str, str]]:
    """A sentence without subject that goes on with what the last speaker said."""
    if reading.speaker is None or reading.spoke_in[1] != number - 1:
        return []
    start = next((len(opening) for opening in _CONTINUES if tuple(words[: len(opening)]) == opening), 0)
    if not start:
        return []
    rest = words[start : start + 6]
    if sentence.paragraph != reading.spoke_in[0] and words[start : start + 1] != [","]:
        return []
    skip = next((i for i, word in enumerate(rest) if word.isalpha() and word not in ("đó", "với", "cạnh", "ra")), None)
    if skip is None or sentence.tokens[start + skip].capital:
        return []
    cue = longest(lexicon().cues, words, start + skip)
    verb_first = cue[0] > 0 or words[start + skip] in (
        "khẩn",
        "tập",
        "tiếp",
        "đẩy",
        "chủ",
        "chuẩn",
        "tăng",
        "quan",
        "thực",
        "tổ",
        "phối",
        "cần",
        "phải",
        "không",
        "rà",
    )
    return [(reading.speaker, "continued", cue[1] or reading.statements[-1].mode)] if verb_first else []


def _acts(reading: _Reading, words: list[str], mentions: list[Mention], persons: list[_Known | None]) -> None:
    """Note who presides and who attends."""
    kinds = [kind for i in range(len(words)) if (kind := longest(lexicon().acts, words, i)[1])]
    presiding = next((i for i in range(len(words)) if longest(lexicon().acts, words, i)[1] == "preside"), None)
    for k, mention in enumerate(mentions):
        person = persons[k]
        if person is None or _credit(words, mention):
            continue
        follows = mentions[k + 1].start if k + 1 < len(mentions) else len(words)
        if presiding is not None and (mention.end <= presiding <= follows):
            reading.presiders.setdefault(person.name, person.role)
        elif mention.name and _PRESENCE & set(kinds):
            reading.attendees.setdefault(person.name, person.role)


def _resolve(reading: _Reading, mention: Mention) -> _Known | None:
    """Who is meant: a new person, one known by full name, short name or role, or the one spoken of last."""
    person: _Known | None = None
    if " " in mention.name:
        # "Đắk Lắk Lương | Nguyễn Minh Triết": a name known in full tells where the place before it ended.
        person = next(
            (p for p in reading.people if fold(p.name) == fold(mention.name) or fold(p.name).endswith(" " + fold(mention.name))), None
        )
        if person is None:
            person = _Known(mention.name)
            reading.people.append(person)
    elif mention.name:
        key = fold(mention.name)
        person = next((p for p in reversed(reading.people) if fold(p.name).split()[-1] == key and _agree(p, mention)), None)
        if person is None and mention.honorific:
            person = _Known(mention.name)
            reading.people.append(person)
    elif mention.pronoun:
        candidates = [p for p in reversed(reading.people) if _agree(p, mention)]
        person = reading.speaker if reading.speaker is not None and reading.speaker in candidates[:2] else next(iter(candidates), None)
    else:
        person = _by_role(reading, mention)
    if person is None:
        return None
    if mention.name and len(mention.role) > len(person.role):
        person.role = mention.role
    if mention.role and mention.name:
        person.roles.append(fold(mention.role))
    if mention.gender != "-" and not mention.pronoun:
        person.gender = mention.gender
    reading.people.remove(person)
    reading.people.append(person)
    return person


def _by_role(reading: _Reading, mention: Mention) -> _Known | None:
    """The holder of a role named before: all words of the shorter role are in the longer one, heads alike."""
    key = fold(mention.role).split()
    for person in reversed(reading.people):
        for role in person.roles:
            for part in [role, *role.split(", ")]:
                known = part.split()
                if known[:2] == key[:2] and (set(key) <= set(known) or set(known) <= set(key)):
                    return person
    return None


def _agree(person: _Known, mention: Mention) -> bool:
    return "-" in (person.gender, mention.gender) or person.gender == mention.gender


def _shouted(sentence: Sentence) -> bool:
    letters = [token.text for token in sentence.tokens if token.text[0].isalpha()]
    return len(letters) > 3 and all(word.isupper() for word in letters)
