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
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from searcher.errors import ModelError
from searcher.vietnamese.crf import CrfWeights, changed_files, pyvi_folder, read_weights

#: The tokens of pyvi 0.1.1 in its order of preference, from its ``sylabelize``; white space has been split off before.
_TOKEN = re.compile(
    r"[A-ZĐ]+\.|Tp\.|Mr\.|Mrs\.|Ms\.|Dr\.|ThS\.|==>|->|\.\.\.|>>|\w+://[^\s]+"
    r"|[a-zA-Z0-9_.+-]+@(?:[a-zA-Z0-9-]+\.)+[a-zA-Z0-9-]+|\d+(?:[\.,_]\d+)+|[^\w\s]|\w+"
)
#: Marks that are tokens of their own behind a word, whatever the word (a full stop may belong to an abbreviation).
_TRAILING = frozenset(",;:!?)”…")
_MAX_CHUNKS = 300_000
_MAX_TYPES = 500_000
_MAX_CHARACTERS = 20_000_000
_TYPE_BITS = 21  # three token types fit a key; there are never many more than _MAX_TYPES
_TYPE_MASK = (1 << _TYPE_BITS) - 1
_REMEMBERED_LENGTH = 64
_ONE_SENTENCE = np.zeros(1, dtype=np.int64)
_SPACES = np.array([chr(code).isspace() for code in range(0x3002)])
_SEPARATOR = np.array([" ", "_"], dtype=object)
_NEVER_JOINED, _CAPITAL = 1, 2

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class WordArrays:
    """The words of several texts, one behind the other.

    ``ids`` number the words (``vocabulary[id]`` is the word, its syllables joined by underscores), ``starts`` and ``ends`` are
    their character offsets in the text as given. Text i has the words ``bounds[i]`` to ``bounds[i + 1]``; a word's position
    in its text is its index less ``bounds[i]``.
    """

    ids: Ints
    starts: Ints
    ends: Ints
    bounds: Ints
    vocabulary: list[str]


@dataclass(frozen=True, slots=True)
class _Cut:
    """Token types of several texts with offsets in their chunks (``sizes`` tokens each), and where words begin and stop."""

    types: Ints
    first: Ints
    last: Ints
    sizes: Ints
    begins: Ints
    stops: Ints
    bounds: Ints


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
        self.forget()

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
        numbers = self._chunk_numbers(text)
        tokens = list(chain.from_iterable(map(self._chunk_tokens.__getitem__, numbers)))
        if not tokens:
            return text
        joined = self._joined(self._gather(np.array(numbers, dtype=np.int64))[0])
        pieces = [""] * (2 * len(tokens) - 1)
        pieces[::2] = tokens
        pieces[1::2] = _SEPARATOR[joined[1:].astype(np.intp)].tolist()
        self._keep_bounds()
        return "".join(pieces)

    def words(self, text: str) -> list[str]:
        """Return the words of ``text``, punctuation included, the syllables of a word joined by underscores."""
        return self.tokenize(text).split(" ") if text.strip() else []

    def segment_many(self, texts: Sequence[str]) -> WordArrays:
        """Segment many texts at once into arrays; offsets refer to the texts as given, whatever their Unicode form."""
        numbers: list[int] = []
        starts: list[Ints] = []
        counts = np.zeros(len(texts) + 1, dtype=np.int64)
        for i, text in enumerate(texts):
            found = self._chunk_numbers(text)
            numbers += found
            starts.append(chunk_starts(text))
            counts[i + 1] = len(found)
        words = self._cut(np.array(numbers, dtype=np.int64), np.cumsum(counts))
        base = np.repeat(np.concatenate([*starts, np.zeros(0, dtype=np.int64)]), words.sizes)
        keys, word_of = self._keys(words)
        order = np.sort(keys)
        used = order[np.flatnonzero(np.concatenate([[True], order[1:] != order[:-1]]))] if len(order) else order
        arrays = WordArrays(
            np.searchsorted(used, keys),
            (base + words.first)[words.begins],
            (base + words.last)[words.stops],
            words.bounds,
            [word_of(key) for key in used.tolist()],
        )
        self._keep_bounds()
        return arrays

    def word_keys(self, chunks: Ints, bounds: Ints) -> tuple[Ints, Ints, Callable[[int], str]]:
        """Segment texts given as chunk numbers (text i has ``bounds[i]`` to ``bounds[i + 1]``).

        Returns a key for each word (equal for equal words; negative ones hold for this call only), each text's bounds among
        the words, and what gives a key's word. Numbers and keys hold until ``forget``.
        """
        words = self._cut(chunks, bounds)
        keys, word_of = self._keys(words)
        return keys, words.bounds, word_of

    def chunk_number(self, chunk: str) -> int:
        """Number a chunk without white space, for ``word_keys``; number 0 is the end of a line."""
        number = self._chunks.get(chunk)
        return self._learn_chunk(chunk) if number is None else number

    def _cut(self, chunks: Ints, bounds: Ints) -> _Cut:
        types, first, last, sizes = self._gather(chunks)
        bounds = np.concatenate([[0], np.cumsum(sizes)])[bounds]
        joined = self._joined(types, bounds[:-1][np.diff(bounds) > 0]) if len(types) else np.zeros(0, dtype=bool)
        begins = np.flatnonzero(~joined)
        stops = np.append(begins[1:], len(types))[: len(begins)] - 1
        return _Cut(types, first, last, sizes, begins, stops, np.searchsorted(begins, bounds))

    def _keys(self, cut: _Cut) -> tuple[Ints, Callable[[int], str]]:
        """Key the words by their token types: up to three in one number, longer ones by where they first stand."""
        names = list(self._types)
        types, begins = cut.types, cut.begins
        keys = types[begins] if len(types) else types
        lengths = cut.stops - begins
        for behind in (1, 2):
            going = np.flatnonzero(lengths >= behind)
            keys[going] |= (types[begins[going] + behind] + 1) << (_TYPE_BITS * behind)
        longer: dict[tuple[int, ...], int] = {}
        for i in np.flatnonzero(lengths > 2).tolist():
            keys[i] = -1 - longer.setdefault(tuple(types[begins[i] : cut.stops[i] + 1].tolist()), len(longer))
        tokens = list(longer)

        def word_of(key: int) -> str:
            if key < 0:
                return "_".join(names[t] for t in tokens[-1 - key])
            parts = [key & _TYPE_MASK, (key >> _TYPE_BITS & _TYPE_MASK) - 1, (key >> 2 * _TYPE_BITS) - 1]
            return "_".join(names[t] for t in parts if t >= 0)

        return keys, word_of

    def _chunk_numbers(self, text: str) -> list[int]:
        return chunk_numbers(text, self._chunks, self._learn_chunk)

    def _gather(self, chunks: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Return token types, first and last offsets within the chunk, and each chunk's number of tokens."""
        at, sizes = runs(np.frombuffer(self._bounds, dtype=np.int64), chunks)
        table = np.frombuffer(self._flat, dtype=np.int64).reshape(-1, 3)[at]
        return table[:, 0], table[:, 1], table[:, 2], sizes

    def _keep_bounds(self) -> None:
        if self.is_full:
            self.forget()

    @property
    def is_full(self) -> bool:
        """Whether enough is remembered; callers of ``word_keys`` then ``forget`` between two calls."""
        return len(self._chunk_tokens) > _MAX_CHUNKS or len(self._types) > _MAX_TYPES or self._characters > _MAX_CHARACTERS

    def _joined(self, types: Ints, sentences: Ints = _ONE_SENTENCE) -> Bools:
        """Label sentences that begin at the given tokens; return which tokens pyvi would write behind an underscore."""
        flags = self._flags[types]
        never = (flags & _NEVER_JOINED) > 0
        capital = (flags & _CAPITAL) > 0
        inside = self._labels(self._scores(types, sentences), sentences)
        inside[1:] &= ~never[1:] & ~never[:-1] & ~(capital[1:] & ~capital[:-1])
        inside[sentences] = False
        return inside

    def _scores(self, types: Ints, sentences: Ints) -> npt.NDArray[np.float64]:
        """Return score(I_W) - score(B_W) of each token from its features, transitions apart."""
        inner = sentences[1:]  # no feature looks across the beginning of a later sentence
        score = self._numbers[0][types]
        before, after = self._numbers[1][types[:-1]], self._numbers[2][types[1:]]
        before[inner - 1] = after[inner - 1] = 0.0
        score[1:] += before
        score[:-1] += after
        syllable = self._syllable[types]
        pair = syllable[:-1] * self._size + syllable[1:]
        known = ((self._bigrams[pair >> 3] >> (pair & 7).astype(np.uint8)) & 1).astype(bool)
        known[inner - 1] = False
        score[1:][known] += self._bigram_before
        score[:-1][known] += self._bigram_after
        if len(types) > 2:
            # Few pairs begin an entry of three syllables; only behind those the third is looked at.
            maybe = ((self._trigram_starts[pair[:-1] >> 3] >> (pair[:-1] & 7).astype(np.uint8)) & 1).nonzero()[0]
            triple = pair[maybe] * self._size + syllable[maybe + 2]
            at = np.minimum(self._trigrams.searchsorted(triple), len(self._trigrams) - 1)
            known = np.zeros(len(types) - 2, dtype=bool)
            known[maybe[self._trigrams[at] == triple]] = True
            known[inner[inner < len(types) - 1] - 1] = False
            known[inner[inner > 1] - 2] = False
            score[2:][known] += self._trigram_before
            score[:-2][known] += self._trigram_after
        return np.asarray(score)

    def _labels(self, score: npt.NDArray[np.float64], sentences: Ints) -> Bools:
        """Viterbi on the score differences: True for I_W."""
        floor, ceiling = min(self._low, self._high), max(self._low, self._high)
        low, high = sorted((self._before_inside, self._before_begin))
        inside = score + floor > high
        unsure = ~(inside | (score + ceiling < low))
        last = np.append(sentences[1:] - 1, len(score) - 1)
        unsure[sentences] = unsure[last] = True
        open_tokens = np.flatnonzero(unsure).tolist()
        first_tokens, last_tokens = set(sentences.tolist()), set(last.tolist())
        exact: dict[int, float] = {}
        for i in open_tokens:
            if i in first_tokens:
                exact[i] = float(score[i])
            else:
                before = exact.get(i - 1)
                carried = (self._high if inside[i - 1] else self._low) if before is None else self._carry(before)
                exact[i] = float(score[i]) + carried
        for i in reversed(open_tokens):
            threshold = 0.0 if i in last_tokens else self._before_inside if inside[i + 1] else self._before_begin
            inside[i] = exact[i] > threshold
        return inside

    def _carry(self, x: float) -> float:
        """What a token's score difference adds to the next token's."""
        w = self._weights
        return max(x + w.inside_inside, w.begin_inside) - max(x + w.inside_begin, w.begin_begin)

    def _learn_ngrams(self, words: Sequence[str]) -> None:
        # pyvi looks for n-grams in lower case: entries with capitals are never found.
        lower = "\n".join(words).lower().split("\n")
        known = [word for word, low in zip(words, lower, strict=True) if word == low]
        entries = [[word.split(" ") for word in known if word.count(" ") == spaces] for spaces in (1, 2)]
        names = dict.fromkeys(chain.from_iterable(chain.from_iterable(entries)))
        self._syllable_ids = {name: i for i, name in enumerate(names, start=1)}
        self._size = len(names) + 1
        twos, threes = (
            np.fromiter(map(self._syllable_ids.__getitem__, chain.from_iterable(part)), dtype=np.int64).reshape(-1, length)
            for part, length in zip(entries, (2, 3), strict=True)
        )
        pairs, starts = (part[:, 0] * self._size + part[:, 1] for part in (twos, threes))
        self._bigrams, self._trigram_starts = self._bitmap(pairs), self._bitmap(starts)
        self._trigrams = np.sort(starts * self._size + threes[:, 2])

    def _bitmap(self, numbers: Ints) -> npt.NDArray[np.uint8]:
        bitmap = np.zeros(self._size * self._size // 8 + 1, dtype=np.uint8)
        np.bitwise_or.at(bitmap, numbers >> 3, (1 << (numbers & 7)).astype(np.uint8))
        return bitmap

    def forget(self) -> None:
        """Start the memory of chunks and token types afresh, so that it stays bounded; earlier numbers are void."""
        self._types: dict[str, int] = {}
        self._numbers = np.zeros((3, 1024), dtype=np.float64)
        self._syllable = np.zeros(1024, dtype=np.int64)
        self._flags = np.zeros(1024, dtype=np.uint8)
        self._characters = 0
        self._chunks: dict[str, int] = {}
        self._chunk_tokens: list[tuple[str, ...]] = []
        self._bounds = array("q", [0])  # where each chunk's tokens begin in the flat table
        self._flat = array("q")  # type, first and last offset of each token
        self._learn_chunk("\n", [(0, 1)])

    def _learn_chunk(self, chunk: str, spans: list[tuple[int, int]] | None = None) -> int:
        """Split a chunk into tokens and number it. How it splits depends on it alone, so that it is remembered."""
        written = chunk if chunk.isascii() else unicodedata.normalize("NFC", chunk)
        if spans is None:
            if written.isalpha():
                spans = [(0, len(written))]
            elif written[:-1].isalpha() and written[-1] in _TRAILING:
                spans = [(0, len(written) - 1), (len(written) - 1, len(written))]
            else:
                spans = [match.span() for match in _TOKEN.finditer(written)]
        tokens = tuple(written[start:end] for start, end in spans)
        places = spans if written == chunk else _places(chunk, written, spans)
        for token, (start, end) in zip(tokens, places, strict=True):
            self._flat.extend((self._type(token), start, end))
        self._bounds.append(len(self._flat) // 3)
        self._chunk_tokens.append(tokens)
        self._characters += len(chunk)
        number = len(self._chunk_tokens) - 1
        if len(chunk) <= _REMEMBERED_LENGTH:
            self._chunks[chunk] = number
        return number

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
        self.forget()

    def tokenize(self, text: str) -> str:
        return cast(str, self._pyvi(text))

    def segment_many(self, texts: Sequence[str]) -> WordArrays:  # noqa: ARG002  what it would segment
        raise ModelError("pyvi itself gives no offsets; install pyvi==0.1.1")

    @property
    def is_full(self) -> bool:
        return len(self._numbers_of_chunks) > _MAX_CHUNKS

    def chunk_number(self, chunk: str) -> int:
        return self._numbers_of_chunks.setdefault(chunk, len(self._numbers_of_chunks))

    def word_keys(self, chunks: Ints, bounds: Ints) -> tuple[Ints, Ints, Callable[[int], str]]:
        names = list(self._numbers_of_chunks)
        words: dict[str, int] = {}
        keys: list[int] = []
        ends = [0]
        for first, last in pairwise(bounds.tolist()):
            text = " ".join(names[n] for n in chunks[first:last].tolist())
            keys += [-1 - words.setdefault(word, len(words)) for word in self.words(text)]
            ends.append(len(keys))
        named = list(words)
        return np.array(keys, dtype=np.int64), np.array(ends), lambda key: named[-1 - key]

    def forget(self) -> None:
        self._numbers_of_chunks: dict[str, int] = {"\n": 0}


def chunk_numbers(text: str, known: Mapping[str, int], learn: Callable[[str], int]) -> list[int]:
    """Return the numbers of the chunks of ``text`` between white space, a line break being a chunk of its own, number 0."""
    numbers: list[int] = []
    for i, line in enumerate(text.split("\n")):
        if i:
            numbers.append(0)
        chunks = line.split()
        found = list(map(known.get, chunks))
        if None in found:
            found = [learn(chunk) if n is None else n for chunk, n in zip(chunks, found, strict=True)]
        numbers += cast("list[int]", found)
    return numbers


def runs(bounds: Ints, numbers: Ints) -> tuple[Ints, Ints]:
    """Return the indices of all elements of the runs ``bounds[n]`` to ``bounds[n + 1]``, one behind the other, and their sizes."""
    first = bounds[numbers]
    sizes = bounds[numbers + 1] - first
    if not len(sizes):
        return sizes, sizes
    ends = np.cumsum(sizes)
    return np.arange(ends[-1]) + np.repeat(first - ends + sizes, sizes), sizes


def chunk_starts(text: str) -> Ints:
    """Where the chunks between white space begin, and where the line breaks are."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    space = _SPACES[np.minimum(codes, len(_SPACES) - 1)]
    begins = ~space
    begins[1:] &= space[:-1]
    return np.flatnonzero(begins | (codes == 10)).astype(np.int64)


def _places(chunk: str, written: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans of ``chunk`` that became the given spans of ``written``, its NFC."""
    origin: list[tuple[int, int]] = []  # where each character of ``written`` comes from; one may have become several
    at = 0
    while at < len(chunk):
        end = at + 1
        while end < len(chunk) and (
            unicodedata.combining(chunk[end]) or unicodedata.normalize("NFC", chunk[at : end + 1]) == written[len(origin) : len(origin) + 1]
        ):
            end += 1
        origin += [(at, end)] * len(unicodedata.normalize("NFC", chunk[at:end]))
        at = end
    if len(origin) != len(written):  # composed across clusters: the chunk as a whole is where its tokens stand
        return [(0, len(chunk))] * len(spans)
    return [(origin[start][0], origin[end - 1][1]) for start, end in spans]


def _read_words(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")
