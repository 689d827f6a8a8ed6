"""Snippets: the passages of a text that say most about a query, in the text's own characters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from searcher.model import Segment
from searcher.vietnamese.analysis import Analyser

_BOUND = re.compile(r"[.!?…;](?=[”\"]?(?:\s+[^\W\d_]|\s*\n|\s*$))[\s”\"]*|\n\s*")
_SPACE = re.compile(r"\s")
_LONGEST = 240
_PASSAGES = 2
ELLIPSIS = " … "


@dataclass(frozen=True, slots=True)
class _Passage:
    start: int
    end: int
    matches: tuple[tuple[int, int, str], ...]  # start, end, what was matched


def snippet(text: str, found: Sequence[tuple[int, str]], analyser: Analyser) -> tuple[Segment, ...]:
    """Return up to two passages of ``text`` at sentence bounds, matches marked.

    ``found`` are (character at which a token begins, what it matches), ascending; how far the token goes is read there.
    Without any match the text's beginning is returned.
    """
    hits = [(start, _token_end(text, start, analyser), what) for start, what in found]
    passages = [_trim(text, p) for p in _sentences(text, hits)]
    best: list[_Passage] = []
    seen: set[str] = set()
    for _ in range(_PASSAGES):
        rest = [p for p in passages if p not in best and p.matches]
        if not rest:
            break
        chosen = max(rest, key=lambda p: (len({m[2] for m in p.matches} - seen), len({m[2] for m in p.matches}), len(p.matches), -p.start))
        if best and not {m[2] for m in chosen.matches} - seen and len(best[0].matches) > 1:
            break
        best.append(chosen)
        seen |= {m[2] for m in chosen.matches}
    if not best:
        end = _cut(text, 0, _LONGEST)
        return (Segment(" ".join(text[:end].split()) + (ELLIPSIS.rstrip() if end < len(text) else ""), is_match=False),) if text else ()
    segments: list[Segment] = []
    for passage in sorted(best, key=lambda p: p.start):
        if segments and passage.start > 0:
            segments.append(Segment(ELLIPSIS, is_match=False))
        at = passage.start
        for start, end, _ in passage.matches:
            if segments and segments[-1].is_match and text[at:start].isspace():
                segments[-1] = Segment(
                    segments[-1].text + text[at:end].replace("\n", " "), is_match=True
                )  # "ngập úng" is one match to the eye
                at = end
                continue
            if start > at:
                segments.append(Segment(text[at:start].replace("\n", " "), is_match=False))
            segments.append(Segment(text[start:end], is_match=True))
            at = end
        if at < passage.end:
            segments.append(Segment(text[at : passage.end].replace("\n", " "), is_match=False))
    return tuple(segments)


def _token_end(text: str, start: int, analyser: Analyser) -> int:
    space = _SPACE.search(text, start)
    return start + next(iter(analyser.tokens(text[start : space.start() if space else len(text)]))).end


def _sentences(text: str, hits: list[tuple[int, int, str]]) -> list[_Passage]:
    found: list[_Passage] = []
    number = 0
    while number < len(hits):
        first = hits[number][0]
        start = end = 0
        for bound in _BOUND.finditer(text, max((p.end for p in found), default=0)):
            end = bound.end()
            if end > first:
                break
            start = end
        else:
            end = len(text)
        start = max(start, max((p.end for p in found), default=0))
        inside = []
        while number < len(hits) and hits[number][0] < end:
            inside.append(hits[number])
            number += 1
        start += len(text[start:first]) - len(text[start:first].lstrip())
        found.append(_Passage(start, start + len(text[start:end].rstrip()), tuple(inside)))
    return found


def _trim(text: str, passage: _Passage) -> _Passage:
    """Cut a long sentence to the stretch that holds most matches."""
    if passage.end - passage.start <= _LONGEST:
        return passage
    best = passage.matches[0][0]
    most = 0
    for start, _, _ in passage.matches:
        number = len({m[2] for m in passage.matches if start <= m[0] < start + _LONGEST - 60})
        if number > most:
            best, most = start, number
    start = max(passage.start, text.rfind(" ", passage.start, max(passage.start, best - 50)) + 1)
    end = min(passage.end, _cut(text, start, _LONGEST))
    return _Passage(start, end, tuple(m for m in passage.matches if m[0] >= start and m[1] <= end))


def _cut(text: str, start: int, length: int) -> int:
    if start + length >= len(text):
        return len(text)
    space = text.rfind(" ", start, start + length)
    return space if space > start else start + length
