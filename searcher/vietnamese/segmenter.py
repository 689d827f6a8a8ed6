"""pyvi's word segmentation, evaluated directly on the weights of its model.

``Segmenter.load().tokenize(text)`` returns what ``pyvi.ViTokenizer.tokenize(text)`` returns. Three facts make it fast:
the features of a syllable reduce to three numbers per syllable type (as itself, as neighbour before, as neighbour
after) plus four n-gram flags; with two labels Viterbi needs only the difference of their scores, which the
transitions clamp to a narrow band, so that most labels are decided without their neighbours; and how a chunk between
white space splits into tokens depends on the chunk alone, so that it is remembered.
"""

from __future__ import annotations

import re
import string
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from searcher.vietnamese.crf import CrfWeights, changed_files, pyvi_folder, read_weights

#: The tokens of pyvi 0.1.1 in its order of preference, from its ``sylabelize``; white space has been split off before.
_TOKEN = re.compile(
    r"[A-ZĐ]+\.|Tp\.|Mr\.|Mrs\.|Ms\.|Dr\.|ThS\.|==>|->|\.\.\.|>>|\w+://[^\s]+"
    r"|[a-zA-Z0-9_.+-]+@(?:[a-zA-Z0-9-]+\.)+[a-zA-Z0-9-]+|\d+(?:[\.,_]\d+)+|[^\w\s]|\w+"
)
_MAX_CHUNKS = 200_000
_MAX_TYPES = 500_000
_REMEMBERED_LENGTH = 64
_SEPARATOR = np.array([" ", "_"], dtype=object)
_NEVER_JOINED, _CAPITAL = 1, 2

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Segmenter:
    """Word segmentation with pyvi's model.

    Not safe for use by several threads at once: each thread loads its own (60 ms, 25 MB).
    """

    def __init__(self, weights: CrfWeights, words: Sequence[str]) -> None:
        state = weights.state
        self._state = state
        self._bigram_before = state["-1:word.bi_gram()"]
        self._bigram_after = state["+1:word.bi_gram()"]
        self._trigram_before = state["-2:word.tri_gram()"]
        self._trigram_after = state["+2:word.tri_gram()"]
        # x is score(I_W) - score(B_W). The best label before I_W is I_W if x > before_inside, and alike before B_W.
        self._before_inside = weights.begin_inside - weights.inside_inside
        self._before_begin = weights.begin_begin - weights.inside_begin
        self._weights = weights
        self._low = self._carry(-1e9)
        self._high = self._carry(1e9)
        self._learn_ngrams(words)
        self._forget()

    @classmethod
    def load(cls) -> Segmenter:
        """Load the model of the installed pyvi.

        If its files are not those of pyvi 0.1.1, a warning is given and pyvi itself does the work.

        Raises:
            ModelError: pyvi is not installed.
        """
        folder = pyvi_folder()
        changed = changed_files(folder)
        if changed:
            warnings.warn(
                f"pyvi's {', '.join(changed)} differ from version 0.1.1; segmenting through pyvi itself, which is slow. "
                "Install pyvi==0.1.1 to avoid this.",
                RuntimeWarning,
                stacklevel=2,
            )
            return _PyviSegmenter()
        return cls(read_weights(folder / "models/pyvi3.pkl"), _read_words(folder / "models/words.txt"))

    def tokenize(self, text: str) -> str:
        """Return ``text`` in NFC with one space between words and an underscore between the syllables of a word."""
        tokens, joined = self._tokens(text)
        if not tokens:
            return text
        pieces = [""] * (2 * len(tokens) - 1)
        pieces[::2] = tokens
        pieces[1::2] = _SEPARATOR[joined[1:].astype(np.intp)].tolist()
        return "".join(pieces)

    def words(self, text: str) -> list[str]:
        """Return the words of ``text``, punctuation included, the syllables of a word joined by underscores."""
        return self.tokenize(text).split(" ") if text.strip() else []

    def _tokens(self, text: str) -> tuple[list[str], Bools]:
        """Return tokens and, for each, whether it is joined to the one before."""
        text = unicodedata.normalize("NFC", text)
        chunks: list[tuple[tuple[str, ...], tuple[int, ...]]] = []
        known = self._chunks
        lines = text.split("\n")
        for number, line in enumerate(lines):
            if number:
                chunks.append(known["\n"])
            for chunk in line.split():
                entry = known.get(chunk)
                chunks.append(self._learn_chunk(chunk) if entry is None else entry)
        tokens = list(chain.from_iterable([chunk[0] for chunk in chunks]))
        if not tokens:
            return tokens, np.zeros(0, dtype=bool)
        types = np.fromiter(chain.from_iterable([chunk[1] for chunk in chunks]), dtype=np.int64, count=len(tokens))
        joined = self._joined(types)
        if len(known) > _MAX_CHUNKS or len(self._types) > _MAX_TYPES:
            self._forget()
        return tokens, joined

    def _joined(self, types: Ints) -> Bools:
        """Label one sentence; return which tokens pyvi would write behind an underscore."""
        flags = self._flags[types]
        never = (flags & _NEVER_JOINED) > 0
        capital = (flags & _CAPITAL) > 0
        inside = self._labels(self._scores(types))
        inside[0] = False
        inside[1:] &= ~never[1:] & ~never[:-1] & ~(capital[1:] & ~capital[:-1])
        return inside

    def _scores(self, types: Ints) -> npt.NDArray[np.float64]:
        """Return score(I_W) - score(B_W) of each token from its features, transitions apart."""
        score = self._numbers[0][types]
        score[1:] += self._numbers[1][types[:-1]]
        score[:-1] += self._numbers[2][types[1:]]
        syllable = self._syllable[types]
        pair = syllable[:-1] * self._size + syllable[1:]
        known = ((self._bigrams[pair >> 3] >> (pair & 7).astype(np.uint8)) & 1).astype(bool)
        score[1:][known] += self._bigram_before
        score[:-1][known] += self._bigram_after
        if len(types) > 2:
            triple = pair[:-1] * self._size + syllable[2:]
            at = np.searchsorted(self._trigrams, triple)
            known = self._trigrams[np.minimum(at, len(self._trigrams) - 1)] == triple
            score[2:][known] += self._trigram_before
            score[:-2][known] += self._trigram_after
        return np.asarray(score)

    def _labels(self, score: npt.NDArray[np.float64]) -> Bools:
        """Viterbi on the score differences: True for I_W."""
        floor, ceiling = min(self._low, self._high), max(self._low, self._high)
        low, high = sorted((self._before_inside, self._before_begin))
        last = len(score) - 1
        inside = score + floor > high
        unsure = ~(inside | (score + ceiling < low))
        unsure[0] = unsure[last] = True
        open_tokens = np.flatnonzero(unsure).tolist()
        exact: dict[int, float] = {}
        for i in open_tokens:
            if i == 0:
                exact[i] = float(score[0])
            else:
                before = exact.get(i - 1)
                carried = (self._high if inside[i - 1] else self._low) if before is None else self._carry(before)
                exact[i] = float(score[i]) + carried
        for i in reversed(open_tokens):
            threshold = 0.0 if i == last else self._before_inside if inside[i + 1] else self._before_begin
            inside[i] = exact[i] > threshold
        return inside

    def _carry(self, x: float) -> float:
        """What a token's score difference adds to the next token's."""
        w = self._weights
        return max(x + w.inside_inside, w.begin_inside) - max(x + w.inside_begin, w.begin_begin)

    def _learn_ngrams(self, words: Sequence[str]) -> None:
        # pyvi looks for n-grams in lower case: entries with capitals are never found.
        ngrams = [word.split(" ") for word in words if word.count(" ") in (1, 2) and word == word.lower()]
        names = sorted(set(chain.from_iterable(ngrams)))
        self._syllable_ids = {name: i for i, name in enumerate(names, start=1)}
        self._size = len(names) + 1
        number, size = self._syllable_ids.__getitem__, self._size
        pairs = np.array([number(n[0]) * size + number(n[1]) for n in ngrams if len(n) == 2], dtype=np.int64)
        self._bigrams = np.zeros(size * size // 8 + 1, dtype=np.uint8)
        np.bitwise_or.at(self._bigrams, pairs >> 3, (1 << (pairs & 7)).astype(np.uint8))
        triples = [(number(n[0]) * size + number(n[1])) * size + number(n[2]) for n in ngrams if len(n) == 3]
        self._trigrams = np.unique(np.array(triples, dtype=np.int64))

    def _forget(self) -> None:
        """Start the memory of chunks and token types afresh, so that it stays bounded."""
        self._types: dict[str, int] = {}
        self._numbers = np.zeros((3, 1024), dtype=np.float64)
        self._syllable = np.zeros(1024, dtype=np.int64)
        self._flags = np.zeros(1024, dtype=np.uint8)
        self._chunks: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {}
        self._chunks["\n"] = (("\n",), (self._type("\n"),))

    def _learn_chunk(self, chunk: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
        tokens = tuple(_TOKEN.findall(chunk))
        entry = (tokens, tuple(map(self._type, tokens)))
        if len(chunk) <= _REMEMBERED_LENGTH:
            self._chunks[chunk] = entry
        return entry

    def _type(self, token: str) -> int:
        """Number the token's type and compute what its features weigh."""
        number = self._types.get(token)
        if number is not None:
            return number
        number = len(self._types)
        if number == len(self._flags):
            self._numbers = np.concatenate([self._numbers, np.zeros_like(self._numbers)], axis=1)
            self._syllable = np.concatenate([self._syllable, np.zeros_like(self._syllable)])
            self._flags = np.concatenate([self._flags, np.zeros_like(self._flags)])
        lower = token.lower()
        weight: Callable[[str], float] = lambda name: self._state.get(name.split("\0", 1)[0], 0.0)  # noqa: E731
        upper, title, digit = token.isupper(), token.istitle(), token.isdigit()
        self._numbers[:, number] = (
            weight("bias")
            + weight("word.lower():" + lower)
            + upper * weight("word.isupper()")
            + title * weight("word.istitle()")
            + digit * weight("word.isdigit()"),
            weight("-1:word.lower():" + lower) + title * weight("-1:word.istitle()") + upper * weight("-1:word.isupper()"),
            weight("+1:word.lower():" + lower) + title * weight("+1:word.istitle()") + upper * weight("+1:word.isupper()"),
        )
        self._syllable[number] = self._syllable_ids.get(lower, 0)
        never = token in string.punctuation or token[0].isdigit()
        self._flags[number] = never * _NEVER_JOINED + token[0].istitle() * _CAPITAL
        self._types[token] = number
        return number


class _PyviSegmenter(Segmenter):
    """Segmentation through pyvi itself, for a pyvi whose model files are not the known ones."""

    def __init__(self) -> None:
        from pyvi import ViTokenizer  # noqa: PLC0415  costs a second and 118 MB

        self._pyvi = ViTokenizer.tokenize

    def tokenize(self, text: str) -> str:
        return cast(str, self._pyvi(text))


def _read_words(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")
