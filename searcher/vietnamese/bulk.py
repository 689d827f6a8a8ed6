"""Many texts at once to arrays of term numbers with offsets, for indexing.

The same terms as ``analysis`` gives text by text; what a chunk between white space holds depends on the chunk alone, so one
dictionary look-up per chunk yields both its syllables and what pyvi's model makes of it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from searcher.vietnamese.analysis import term_of, tokens_of
from searcher.vietnamese.normalise import normalise
from searcher.vietnamese.segmenter import Segmenter, chunk_numbers, chunk_starts, runs

Ints = npt.NDArray[np.int64]

#: What an element is: a token, a part of the token before it (same position), or the end of a paragraph.
TOKEN, PART, BREAK = 0, 1, 2

_SINGLE_WORDS = 300_000  # words of one token, by their keys, in an array
_REMEMBERED_LENGTH = 64
_NO_WORD, _UNKNOWN = -1, -2


@dataclass(frozen=True, slots=True)
class TextArrays:
    """Titles and bodies of several articles, one behind the other, each title followed by a break and its body.

    ``names[terms[i]]`` is the term of element i, ``kinds[i]`` says what it is (-1 and ``BREAK`` for the end of a paragraph),
    ``starts[i]`` where it begins in its body (characters; 0 in titles). Article j has the elements ``bounds[j]`` to
    ``bounds[j + 1]``, its body begins at ``bodies[j]``. ``words`` are the terms of its words as pyvi segments it, in
    order: ``word_bounds[j]`` to ``word_bounds[j + 1]``. ``names`` only grows; another list starts another numbering.
    """

    terms: Ints
    kinds: Ints
    starts: Ints
    bounds: Ints
    bodies: Ints
    words: Ints
    word_bounds: Ints
    names: list[str]


class BulkAnalyser:
    """Turns many texts into arrays. Remembers chunks in bounded memory (some 100 MB); not for several threads at once."""

    def __init__(self) -> None:
        self._segmenter = Segmenter.load()
        self._forget()

    def analyse(self, texts: Sequence[tuple[str, str]]) -> TextArrays:
        """Analyse (title, body) pairs."""
        if self._segmenter.is_full:
            self._forget()
        numbers: list[int] = []
        starts: list[Ints] = []
        counts = np.zeros(len(texts) + 1, dtype=np.int64)
        titles = np.zeros(len(texts), dtype=np.int64)
        for i, (title, body) in enumerate(texts):
            text = f"{' '.join(title.split())}\n{body}"
            found = chunk_numbers(text, self._chunks, self._learn)
            numbers += found
            counts[i + 1] = len(found)
            titles[i] = found.index(0) + 1
            begins = chunk_starts(text)
            begins -= len(text) - len(body)
            starts.append(begins)
        chunks = np.array(numbers, dtype=np.int64)
        bounds = np.cumsum(counts)
        flat = np.frombuffer(self._flat, dtype=np.int64).reshape(-1, 3)
        at, sizes = runs(np.frombuffer(self._bounds, dtype=np.int64), chunks)
        table = flat[at]
        base = np.repeat(np.concatenate([*starts, np.zeros(0, dtype=np.int64)]), sizes)
        ends = np.concatenate([[0], np.cumsum(sizes)])
        words, word_bounds = self._words(chunks, bounds)
        return TextArrays(
            terms=table[:, 0],
            kinds=table[:, 1],
            starts=np.maximum(base + table[:, 2], 0),
            bounds=ends[bounds],
            bodies=ends[bounds[:-1] + titles],
            words=words,
            word_bounds=word_bounds,
            names=self._names,
        )

    def _learn(self, chunk: str) -> int:
        known = self._chunks.get(chunk)  # learnt a moment ago, in the same line
        if known is not None:
            return known
        for token in tokens_of(chunk):
            self._flat.extend((self._name(token.term), TOKEN, token.start))
            for part in token.parts:
                self._flat.extend((self._name(part), PART, token.start))
        return self._number(chunk, self._segmenter.chunk_number(normalise(chunk)))

    def _number(self, chunk: str, segmented: int) -> int:
        self._bounds.append(len(self._flat) // 3)
        self._segmented.append(segmented)
        number = len(self._segmented) - 1
        if len(chunk) <= _REMEMBERED_LENGTH:
            self._chunks[chunk] = number
        return number

    def _name(self, term: str) -> int:
        number = self._numbered.get(term)
        if number is None:
            number = self._numbered[term] = len(self._names)
            self._names.append(term)
        return number

    def _words(self, chunks: Ints, bounds: Ints) -> tuple[Ints, Ints]:
        """Return the terms of the words of all texts (words without a letter or digit are left out) and each text's bounds."""
        segmented = np.frombuffer(self._segmented, dtype=np.int64)[chunks]
        keys, word_bounds, word_of = self._segmenter.word_keys(segmented, bounds)
        found = np.full(len(keys), _UNKNOWN, dtype=np.int64)
        single = ((keys >= 0) & (keys < len(self._single_terms))).nonzero()[0]
        found[single] = self._single_terms[keys[single]]
        rest = (found == _UNKNOWN).nonzero()[0]
        others = keys[rest]
        unique = np.sort(others)
        unique = unique[np.concatenate([[True], unique[1:] != unique[:-1]])] if len(unique) else unique
        terms = np.fromiter((self._word_term(key, word_of) for key in unique.tolist()), dtype=np.int64, count=len(unique))
        found[rest] = terms[unique.searchsorted(others)]
        kept = found >= 0
        return found[kept], np.concatenate([[0], np.cumsum(kept)])[word_bounds]

    def _word_term(self, key: int, word_of: Callable[[int], str]) -> int:
        term = self._word_terms.get(key)
        if term is None:
            word = word_of(key)
            term = self._name(term_of(word.replace("_", " "))) if word[0].isalnum() else _NO_WORD
            if 0 <= key < len(self._single_terms):
                self._single_terms[key] = term
            elif key >= 0:  # negative keys are numbers of this batch alone
                self._word_terms[key] = term
        return term

    def _forget(self) -> None:
        """Start the memory afresh, so that it stays bounded."""
        self._segmenter.forget()
        self._names: list[str] = []
        self._numbered: dict[str, int] = {}
        self._chunks: dict[str, int] = {}
        self._word_terms: dict[int, int] = {}
        self._single_terms = np.full(_SINGLE_WORDS, _UNKNOWN, dtype=np.int64)  # the term of each word of one token, by its key
        self._bounds = array("q", [0])  # where each chunk's elements begin in the flat table
        self._flat = array("q")  # term, kind and first character of each element
        self._segmented = array("q")  # the segmenter's number of each chunk
        self._flat.extend((-1, BREAK, 0))
        self._number("\n", 0)
