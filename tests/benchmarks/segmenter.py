"""Word segmentation and text analysis: parity with pyvi and speed relative to it, in one process, CPU time.

python tests/benchmarks/segmenter.py DATA.jsonl[.xz] [--articles N] [--fuzzed N]
"""

from __future__ import annotations

import argparse
import json
import lzma
import platform
import random
import resource
import sys
import time
import unicodedata
import warnings
from collections.abc import Callable
from pathlib import Path

from searcher.vietnamese import Segmenter
from searcher.vietnamese.bulk import BulkAnalyser
from searcher.vietnamese.normalise import fold


def texts_of(path: Path, limit: int) -> list[str]:
    """Return title and body of up to ``limit`` articles."""
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        found = []
        for line in lines:
            data = json.loads(line)
            found.append(f"{data.get('title') or ''}\n{data.get('body') or ''}")
            if len(found) == limit:
                break
    return found


def clocked(tokenize: Callable[[str], str], texts: list[str]) -> tuple[list[str], float]:
    """Return results and CPU seconds."""
    began = time.process_time()
    results = [tokenize(text) for text in texts]
    return results, time.process_time() - began


def resident() -> float:
    """Resident memory of this process in MiB (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def fuzzed(texts: list[str], count: int) -> list[str]:
    """Strings made of pieces of real texts: mixed case, decomposed, control characters put in, glued, without accents."""
    rng = random.Random(0)
    changes: list[Callable[[str], str]] = [
        str.lower,
        str.upper,
        str.title,
        str.swapcase,
        fold,
        lambda t: unicodedata.normalize("NFD", t),
        lambda t: t.replace(" ", ""),
        lambda t: "".join(c + rng.choice(["", "", "", "\0", "\t", "\u200b", "\u0301", "_", "."]) for c in t),
    ]
    found = []
    while len(found) < count:
        words = rng.choice(texts).split()
        if words:
            at = rng.randrange(len(words))
            found.append(
                "".join(rng.choice(changes)(word) + rng.choice([" ", " ", " ", "", "\n"]) for word in words[at : at + rng.randrange(1, 9)])
            )
    return found


def batches(texts: list[str], work: Callable[[list[str]], object]) -> float:
    """Return CPU seconds of working through ``texts`` 200 at a time."""
    began = time.process_time()
    for first in range(0, len(texts), 200):
        work(texts[first : first + 200])
    return time.process_time() - began


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--articles", type=int, default=2000)
    parser.add_argument("--fuzzed", type=int, default=2000)
    arguments = parser.parse_args()
    texts = texts_of(arguments.data, arguments.articles)
    strings = fuzzed(texts, arguments.fuzzed)
    memory, began = resident(), time.process_time()
    segmenter = Segmenter.load()
    loading, memory = time.process_time() - began, resident() - memory
    ours, cold = clocked(segmenter.tokenize, texts)
    _, warm = clocked(segmenter.tokenize, texts)
    bulk = Segmenter.load()
    bulk_cold, bulk_warm = batches(texts, bulk.segment_many), batches(texts, bulk.segment_many)
    analyser = BulkAnalyser()
    analysed = lambda part: analyser.analyse([tuple(text.split("\n", 1)) for text in part])  # noqa: E731
    terms_cold, terms_warm = batches(texts, analysed), batches(texts, analysed)
    fuzz = [segmenter.tokenize(text) for text in strings]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyvi import ViTokenizer
    theirs, reference = clocked(ViTokenizer.tokenize, texts)
    count = len(texts)
    different = sum(a != b for a, b in zip(ours, theirs, strict=True))
    different_fuzz = sum(a != ViTokenizer.tokenize(text) for a, text in zip(fuzz, strings, strict=True))
    print(
        f"{platform.machine()}, Python {sys.version.split()[0]}, {count} articles, CPU time; pyvi {count / reference:.0f} articles a second"
    )
    print(f"load                        {1000 * loading:8.0f} ms, {memory:.0f} MiB")
    print(f"differences from pyvi       {different:8} articles, {different_fuzz} of {len(strings)} fuzzed strings")
    for name, never, again in (("one at a time", cold, warm), ("bulk, to arrays", bulk_cold, bulk_warm)):
        print(f"{name:<24}    {reference / never:8.1f} times pyvi on articles never seen, {reference / again:.1f} times warm")
    print(f"text to index terms         {count / terms_cold:8.0f} articles a second never seen, {count / terms_warm:.0f} warm")


if __name__ == "__main__":
    main()
