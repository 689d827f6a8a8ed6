"""The word lists of attribution, read from data files so that anybody can correct them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from searcher.vietnamese.normalise import normalise

#: First syllable → what may follow it (longest first) and the kind of the phrase.
Phrases = dict[str, list[tuple[list[str], str]]]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Phrases in lower case.

    ``cues`` and ``acts`` map a phrase to its kind, ``honorifics`` to the gender it tells; ``roles`` are first words of roles,
    ``namesakes`` people whom places are named after, ``nobody`` names that begin like a person's and are a place's or a body's.
    """

    cues: Phrases
    acts: Phrases
    honorifics: Phrases
    roles: Phrases
    surnames: frozenset[str]
    places: frozenset[str]
    namesakes: frozenset[str]
    nobody: Phrases


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
        nobody=_table("gazetteer.txt", lower=True),
    )


def longest(phrases: Phrases, words: list[str], at: int) -> tuple[int, str]:
    """Return length and kind of the longest phrase that stands in ``words`` from ``at``; length 0 if none does."""
    if at >= len(words):
        return 0, ""
    for rest, kind in phrases.get(words[at], ()):
        if words[at + 1 : at + 1 + len(rest)] == rest:
            return 1 + len(rest), kind
    return 0, ""


def _table(name: str, *, lower: bool = False) -> Phrases:
    table: Phrases = {}
    for line in (text.lower() if lower else text for text in _lines(name)):
        phrase, _, kind = line.partition("\t")
        first, *rest = phrase.split()
        table.setdefault(first, []).append((rest, kind))
    for entries in table.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    return table


def _lines(name: str) -> list[str]:
    text = (files("searcher.speakers") / "data" / name).read_text("utf-8")
    return [normalise(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]
