"""The word lists of attribution, read from data files so that anybody can correct them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from searcher.vietnamese.normalise import normalise

Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Phrases as tuples of lower-case syllables.

    ``cues`` and ``acts`` map a phrase to its kind, ``honorifics`` to the gender it tells; ``roles`` are first words of roles,
    ``namesakes`` people whom places are named after.
    """

    cues: dict[Phrase, str]
    acts: dict[Phrase, str]
    honorifics: dict[Phrase, str]
    roles: dict[Phrase, str]
    surnames: frozenset[str]
    places: frozenset[str]
    namesakes: frozenset[str]


@cache
def lexicon() -> Lexicon:
    """Return the lists that come with the package."""
    return Lexicon(
        cues=_table("cues.tsv"),
        acts=_table("acts.tsv"),
        honorifics=_table("honorifics.tsv"),
        roles=_table("roles.txt"),
        surnames=frozenset(word for line in _lines("surnames.txt") for word in line.split()),
        places=frozenset(word for line in _lines("places.txt") for word in line.split()),
        namesakes=frozenset(_lines("namesakes.txt")),
    )


def longest(phrases: dict[Phrase, str], words: list[str], at: int) -> tuple[int, str]:
    """Return length and kind of the longest phrase that stands in ``words`` from ``at``; length 0 if none does."""
    for length in range(min(5, len(words) - at), 0, -1):
        kind = phrases.get(tuple(words[at : at + length]))
        if kind is not None:
            return length, kind
    return 0, ""


def _table(name: str) -> dict[Phrase, str]:
    return {tuple(phrase.split()): kind for phrase, _, kind in (line.partition("\t") for line in _lines(name))}


def _lines(name: str) -> list[str]:
    text = (files("searcher.speakers") / "data" / name).read_text("utf-8")
    return [normalise(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]
