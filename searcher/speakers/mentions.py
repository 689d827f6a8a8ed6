"""Who is named in a sentence: honorific, name and role, or one of them alone."""

from __future__ import annotations

from dataclasses import dataclass

from searcher.speakers.lexicon import lexicon, longest
from searcher.speakers.sentences import Token
from searcher.vietnamese.normalise import fold

_DASHES = frozenset("-–—")
_BAPTISMAL = frozenset(
    "giuse phêrô phero phaolô phaolo anphongsô maria anton antôn gioan đaminh micae têrêsa augustinô vincentê tôma luca matthêu".split()
)
_GIVEN = frozenset({"văn", "thị", "hữu", "đức", "ngọc", "minh", "thanh", "quang", "xuân", "công", "bá", "đình", "duy", "kim"})
#: Words that go on with a role but may not end one.
_ROLE_LINKS = frozenset({"và", "kiêm"})
#: Words that end a role.
_AFTER_ROLE = frozenset(
    "đã đang sẽ cũng là có cùng đến tới tại trong khi được bị thay về với cho do vừa vẫn còn luôn xúc vui khá rất đều lần nhân sau trước làm từ đứng ngồi"
    " vào ở của ra lên".split()
)
#: Capitalised numbers before an honorific belong to a name: "Hai Bà Trưng".
_NUMBERS = frozenset("hai ba bốn năm sáu bảy tám chín".split())
_LONGEST_ROLE = 30
_LONGEST_NAME = 5


@dataclass(frozen=True, slots=True)
class Mention:
    """A person mentioned between two tokens (end exclusive).

    ``name`` is empty for a role alone or a pronoun; ``gender`` is m, f or -; ``lone`` tells a short name or a pronoun, to be
    resolved in the article.
    """

    start: int
    end: int
    name: str
    role: str
    gender: str
    honorific: str
    pronoun: bool = False


def find_mentions(tokens: list[Token], text: str) -> list[Mention]:
    """Return the mentions of a sentence in order, without overlap. ``text`` is what the tokens' offsets refer to."""
    words = [token.lower for token in tokens]
    found: list[Mention] = []
    at = 0
    while at < len(tokens):
        nobody = _nobody(tokens, words, at)
        mention = None if nobody else _mention(tokens, words, at, text)
        if mention is None:
            at += nobody or 1
        else:
            found.append(mention)
            at = max(mention.end, at + 1)
    return found


def _mention(tokens: list[Token], words: list[str], at: int, text: str) -> Mention | None:
    lists = lexicon()
    start, gender, honorific = at, "-", ""
    while (found := longest(lists.honorifics, words, at))[0]:
        if (
            tokens[at].capital
            and found[0] == 1
            and words[at] in ("bác", "già", "sư", "mẹ", "ông")
            and at > start
            and tokens[at - 1].capital
            and at + 1 < len(tokens)
            and not tokens[at + 1].capital
        ):
            break
        gender = found[1] if found[1] != "-" else gender
        honorific = " ".join(words[at : at + found[0]])
        at += found[0]
        while at < len(tokens) and (tokens[at].text == ":" or (tokens[at].text == "." and tokens[at].start == tokens[at - 1].end)):
            at += 1
    if at > start and tokens[start].capital and (_place_before(words, start) or _name_before(tokens, start)):
        return None  # "kênh Ông Cò", "Hai Bà Trưng": a place
    if at > start:
        return _after_honorific(tokens, words, start, at, gender, honorific, text)
    role_length, _ = longest(lists.roles, words, at)
    if role_length:
        return _role_first(tokens, words, at, gender, "", text)
    if tokens[at].capital and tokens[at].text.capitalize() in lists.surnames and not _place_before(words, at):
        end = _name_end(tokens, at)
        if end - at >= 2:
            return _with_role(tokens, words, start, at, end, gender, "", text)
    return None


def _after_honorific(tokens: list[Token], words: list[str], start: int, at: int, gender: str, honorific: str, text: str) -> Mention | None:
    if at < len(tokens) and longest(lexicon().roles, words, at)[0]:
        mention = _role_first(tokens, words, at, gender, honorific, text)
        if mention is not None:
            return Mention(start, mention.end, mention.name, mention.role, gender, honorific)
    while at < len(tokens) and words[at] in _BAPTISMAL:
        at += 1
    if at < len(tokens) and tokens[at].capital and tokens[at].text[0].isalpha():
        end = _name_end(tokens, at)
        if _organisation(tokens, at) or (end - at == 1 and _nobody(tokens, words, at)):
            return None
        return _with_role(tokens, words, start, at, end, gender, honorific, text)
    if at < len(words) and words[at] in ("con", "nội", "ngoại", "cháu", "em", "chị", "mẹ", "xã", "lãnh", "cán"):
        return None  # "bà con", "anh em", "các đồng chí lãnh đạo": nobody in particular
    if honorific in ("ông", "bà", "anh", "chị", "cô", "thầy", "đồng chí", "cụ", "bác sĩ", "linh mục", "luật sư") and tokens[
        start
    ].capital | (honorific in ("ông", "bà")):
        return Mention(start, at, "", "", gender, honorific, pronoun=True)
    return None


def _role_first(tokens: list[Token], words: list[str], at: int, gender: str, honorific: str, text: str) -> Mention | None:
    """A role, with the name that may stand at its end."""
    end = _role_end(tokens, words, at)
    split = _name_at_end(tokens, at, end)
    if split is not None:
        name_start, name_end = split
        role_end = name_start
        while role_end > at and (
            tokens[role_end - 1].text in _DASHES
            or tokens[role_end - 1].text in ",:"
            or (longest(lexicon().honorifics, words, role_end - 1)[0] == 1 and not tokens[role_end - 1].capital)
        ):
            role_end -= 1
        role_end -= 2 if words[role_end - 2 : role_end] == ["đồng", "chí"] else 0
        role = text[tokens[at].start : tokens[role_end - 1].end] if role_end > at else ""
        return Mention(at, name_end, _name(tokens[name_start:name_end]), role, gender, honorific)
    following = end
    if following < len(tokens) and tokens[following].text in (*_DASHES, ","):
        following += 1
    length = longest(lexicon().honorifics, words, following)[0] if following < len(tokens) else 0
    if length and following + length < len(tokens) and tokens[following + length].capital:
        name_end = _name_end(tokens, following + length)
        if name_end - following - length >= 2 and (following == end or tokens[end].text in _DASHES):
            role = text[tokens[at].start : tokens[end - 1].end]
            return Mention(
                at,
                name_end,
                _name(tokens[following + length : name_end]),
                role,
                longest(lexicon().honorifics, words, following)[1],
                honorific,
            )
    if (
        following > end
        and tokens[end].text in _DASHES
        and following < len(tokens)
        and tokens[following].text.capitalize() in lexicon().surnames
    ):
        name_end = _name_end(tokens, following)
        if name_end - following >= 2:
            return Mention(at, name_end, _name(tokens[following:name_end]), text[tokens[at].start : tokens[end - 1].end], gender, honorific)
    return Mention(at, end, "", text[tokens[at].start : tokens[end - 1].end], gender, honorific) if end > at else None


def _with_role(
    tokens: list[Token], words: list[str], start: int, name_start: int, name_end: int, gender: str, honorific: str, text: str
) -> Mention:
    """A name, with the role that may follow it."""
    name = _name(tokens[name_start:name_end])
    at = name_end
    if at < len(tokens) and tokens[at].text == "(":
        close = next((i for i in range(at, min(at + 8, len(tokens))) if tokens[i].text == ")"), None)
        if close is not None and not longest(lexicon().roles, words, at + 1)[0]:
            at = close + 1
    marked = at < len(tokens) and tokens[at].text in (*_DASHES, ",", "(")
    role_start = at + 1 if marked else at
    if role_start < len(tokens) and (marked or tokens[role_start].capital) and longest(lexicon().roles, words, role_start)[0]:
        end = _role_end(tokens, words, role_start, after_name=True)
        if end > role_start:
            return Mention(start, end, name, text[tokens[role_start].start : tokens[end - 1].end], gender, honorific)
    role = ""
    if honorific == "cử tri":  # of all honorifics the one that is a role as well
        role = honorific if marked else text[tokens[start].start : tokens[start + 1].end]
    return Mention(start, name_end, name, role, gender, honorific)


def _role_end(tokens: list[Token], words: list[str], at: int, *, after_name: bool = False) -> int:
    """Where the role that starts at ``at`` ends: before a verb, a mark, or words that lead on."""
    lists = lexicon()
    first = longest(lists.roles, words, at)[0]
    i = at + first
    while i < len(tokens) and i - at < _LONGEST_ROLE:
        token = tokens[i]
        if token.text == ",":
            if not longest(lists.roles, words, i + 1)[0] or (after_name and _then_named(tokens, words, i + 1)):
                break
            i += 1
            continue
        if token.text in _DASHES:
            leads_on = i + 1 < len(tokens) and (
                longest(lists.roles, words, i + 1)[0] or (tokens[i + 1].capital and tokens[i + 1].text not in lists.surnames)
            )
            if not leads_on:
                break
            i += 1
            continue
        if token.text == "(" and not after_name:
            close = next((k for k in range(i, min(i + 8, len(tokens))) if tokens[k].text == ")"), None)
            if close is None:
                break
            i = close + 1
            continue
        if not token.text[0].isalnum() and token.text not in "./&":
            break
        if token.text == "." and (i + 1 == len(tokens) or tokens[i + 1].start > token.end):
            break
        if (
            not token.capital
            and (words[i] in _AFTER_ROLE or longest(lists.cues, words, i)[0] or longest(lists.acts, words, i)[0])
            and not _part_of_role(words, i)
        ):
            break
        if (
            not token.capital
            and longest(lists.honorifics, words, i)[0]
            and i + 1 < len(tokens)
            and (tokens[i + 1].capital or words[i] == "đồng")
        ):
            break
        if words[i] in _ROLE_LINKS and not _link_goes_on(tokens, words, i):
            break
        i += 1
    while i > at + first and (tokens[i - 1].text in (*_DASHES, ",") or words[i - 1] in _ROLE_LINKS):
        i -= 1
    return i


def _link_goes_on(tokens: list[Token], words: list[str], i: int) -> bool:
    """Whether "và" or "kiêm" joins a further role of the same person, or the parts of a body's name."""
    if i + 1 == len(tokens):
        return False
    if longest(lexicon().roles, words, i + 1)[0] and not _then_named(tokens, words, i + 1):
        return True
    return words[i] == "và" and tokens[i + 1].capital and tokens[i + 1].text not in lexicon().surnames


def _part_of_role(words: list[str], i: int) -> bool:
    """A cue that is no verb here: "Ban Chỉ đạo", "Thông tin và Truyền thông", "phòng giao dịch"."""
    return words[i - 1] in ("ban", "phòng", "sở", "bộ", "hội", "công", "đội", "chi") and words[i] in (
        "thông",
        "chỉ",
        "giao",
        "vận",
        "công",
        "đọc",
        "đối",
    )


def _then_named(tokens: list[Token], words: list[str], at: int) -> bool:
    """Whether the role at ``at`` belongs to a name that follows it, not to one before."""
    end = _role_end(tokens, words, at)
    return _name_at_end(tokens, at, end) is not None


def _name_end(tokens: list[Token], at: int) -> int:
    """The end of the run of capitalised syllables from ``at``, at most a name's length."""
    end = at
    shouted = tokens[at].text.isupper() and len(tokens[at].text) > 1
    while end < len(tokens) and end - at < _LONGEST_NAME and tokens[end].capital and tokens[end].text[0].isalpha():
        if end > at and shouted != (tokens[end].text.isupper() and len(tokens[end].text) > 1):
            break
        begun = end > at and tokens[end - 1].lower in ("thị", "văn")  # "Nguyễn Thị Nguyên": a name does not end here
        if end - at >= 2 and not begun and longest(lexicon().roles, [t.lower for t in tokens[end : end + 4]], 0)[0]:
            break
        end += 1
    return end


def _name_at_end(tokens: list[Token], start: int, end: int) -> tuple[int, int] | None:
    """The person's name that ends a role ("… phường Lạc Châu Lê Thị Ngọc Hân"): best split of the last capitalised run."""
    last = end
    first = last
    while (
        first > start
        and tokens[first - 1].capital
        and tokens[first - 1].text[0].isalpha()
        and tokens[first - 1].text.upper() != tokens[first - 1].text
    ):
        first -= 1
    best: tuple[float, int] | None = None
    for at in range(first, last - 1):
        if tokens[at].text not in lexicon().surnames or _nobody(tokens[:last], [t.lower for t in tokens[:last]], at):
            continue
        length = last - at
        placed = at - first
        place = first > start and tokens[first - 1].lower in lexicon().places
        if place and not placed and " ".join(t.text for t in tokens[at:last]) in lexicon().namesakes:
            continue
        score = {2: 1.0, 3: 3.0, 4: 3.0, 5: 1.5}.get(length, -9.0)
        score += 2.0 if length > 2 and tokens[at + 1].lower in _GIVEN else 0.0
        score += (1.0 if placed == 2 else 0.5 if placed == 1 else 0.0 if placed else -1.5) if place else (1.0 if placed == 0 else 0.0)
        if score > 0 and (best is None or score > best[0]):
            best = (score, at)
    return (best[1], last) if best else None


def _organisation(tokens: list[Token], at: int) -> bool:
    """Whether capitals name a body rather than a person: an abbreviation, or a single word that starts a body's name."""
    first = tokens[at].text
    abbreviated = first.isupper() and len(first) > 1 and not (set(fold(first)[1:-1]) & set("aeiouy") and len(first) < 6)
    return (
        abbreviated
        or first.upper() in ("UBND", "MTTQ")
        or first in ("Ban", "Đảng", "Đoàn", "Hội", "Ủy", "Uỷ", "Sở", "Trung", "Công", "Mặt")
    )


def _nobody(tokens: list[Token], words: list[str], at: int) -> int:
    """How many tokens name a place or a body though they begin like a person's name; 0 if they do not.

    "Hoàng Mai" is a district, "Hoàng Mai Phương" may be anybody.
    """
    if not tokens[at].capital:
        return 0
    length, _ = longest(lexicon().nobody, words, at)
    if not length:
        return 0
    end = at + length
    goes_on = end < len(tokens) and tokens[end].capital and tokens[end].text[0].isalpha() and tokens[end].text not in lexicon().surnames
    return 0 if goes_on and not tokens[end].text.isupper() else length


def _name_before(tokens: list[Token], at: int) -> bool:
    """Whether a capitalised word stands right before, other than the sentence's first."""
    before = tokens[at - 1] if at > 0 else None
    return (
        before is not None and before.capital and before.text[0].isalpha() and not before.text.isupper() and before.text.lower() in _NUMBERS
    )


def _place_before(words: list[str], at: int) -> bool:
    return at > 0 and words[at - 1] in lexicon().places


def _name(tokens: list[Token]) -> str:
    parts = [token.text for token in tokens]
    return " ".join(part.title() if part.isupper() and len(part) > 1 else part for part in parts)
