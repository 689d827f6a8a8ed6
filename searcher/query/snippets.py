"""Snippets: the passages of a text that say most about a query, in the text's own characters."""

from __future__ import annotations

import re
from bisect import bisect_right
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
    matches: tuple[tuple[int, str], ...]  # where each begins, what was matched
    kinds: frozenset[str]


def snippet(text: str, found: Sequence[tuple[int, str]], analyser: Analyser) -> tuple[Segment, ...]:
    """Return up to two passages of ``text`` at sentence bounds, matches marked.

    ``found`` are (character at which a token begins, what it matches), ascending; how far the token goes is read there.
    Without any match the text's beginning is returned.
    """
    passages = _passages(text, found)
    best: list[_Passage] = []
    seen: set[str] = set()
    for _ in range(_PASSAGES):
        rest = [p for p in passages if p not in best]
        if not rest:
            break
        chosen = max(rest, key=lambda p: _worth(p, seen))
        if best and not chosen.kinds - seen and len(best[0].matches) > 1:
            break
        best.append(chosen)
        seen |= chosen.kinds
    if not best:
        end = _cut(text, 0, _LONGEST)
        return (Segment(" ".join(text[:end].split()) + (ELLIPSIS.rstrip() if end < len(text) else ""), is_match=False),) if text else ()
    segments: list[Segment] = []
    for passage in sorted(best, key=lambda p: p.start):
        if segments and passage.start > 0:
            segments.append(Segment(ELLIPSIS, is_match=False))
        _mark(text, passage, segments, analyser)
    return tuple(segments)


def _worth(passage: _Passage, seen: set[str]) -> tuple[int, int, int, int]:
    return len(passage.kinds - seen), len(passage.kinds), len(passage.matches), -passage.start


def _mark(text: str, passage: _Passage, segments: list[Segment], analyser: Analyser) -> None:
    """Append a passage; neighbouring matches are one to the eye ("ngập úng")."""
    at = passage.start
    for start, _ in passage.matches:
        end = token_end(text, start, analyser)
        if segments and segments[-1].is_match and text[at:start].isspace():
            segments[-1] = Segment(segments[-1].text + text[at:end].replace("\n", " "), is_match=True)
        else:
            if start > at:
                segments.append(Segment(text[at:start].replace("\n", " "), is_match=False))
            segments.append(Segment(text[start:end], is_match=True))
        at = end
    if at < passage.end:
        segments.append(Segment(text[at : passage.end].replace("\n", " "), is_match=False))


def token_end(text: str, start: int, analyser: Analyser) -> int:
    """Return where the token that begins at a character ends."""
    space = _SPACE.search(text, start)
    return start + next(iter(analyser.tokens(text[start : space.start() if space else len(text)]))).end


def _passages(text: str, found: Sequence[tuple[int, str]]) -> list[_Passage]:
    """Return the sentences that hold matches; long ones cut to the stretch that holds most."""
    if not found:
        return []
    bounds = [match.end() for match in _BOUND.finditer(text)]
    inside: dict[int, list[tuple[int, str]]] = {}
    for match in found:
        inside.setdefault(bisect_right(bounds, match[0]), []).append(match)
    passages = []
    for sentence, matches in inside.items():
        start = bounds[sentence - 1] if sentence else 0
        end = bounds[sentence] if sentence < len(bounds) else len(text)
        start += len(text[start : matches[0][0]]) - len(text[start : matches[0][0]].lstrip())
        passages.append(_trimmed(text, _Passage(start, start + len(text[start:end].rstrip()), tuple(matches), _kinds(matches))))

    return passages


def _trimmed(text: str, passage: _Passage) -> _Passage:
    if passage.end - passage.start <= _LONGEST:
        return passage
    best = passage.matches[0][0]
    most = 0
    for start, _ in passage.matches:
        number = len({what for at, what in passage.matches if start <= at < start + _LONGEST - 60})
        if number > most:
            best, most = start, number
    start = max(passage.start, text.rfind(" ", passage.start, max(passage.start, best - 50)) + 1)
    end = min(passage.end, _cut(text, start, _LONGEST))
    matches = [match for match in passage.matches if start <= match[0] < end]
    return _Passage(start, end, tuple(matches), _kinds(matches))


def _kinds(matches: Sequence[tuple[int, str]]) -> frozenset[str]:
    return frozenset(what for _, what in matches)


def _cut(text: str, start: int, length: int) -> int:
    if start + length >= len(text):
        return len(text)
    space = text.rfind(" ", start, start + length)
    return space if space > start else start + length
