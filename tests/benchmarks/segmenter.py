"""Word segmentation: parity with pyvi and speed relative to it, in one process, CPU time.

python tests/benchmarks/segmenter.py DATA.jsonl[.xz] [--articles N]
"""

from __future__ import annotations

import argparse
import json
import lzma
import platform
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from searcher.vietnamese import Segmenter


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


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--articles", type=int, default=2000)
    arguments = parser.parse_args()
    texts = texts_of(arguments.data, arguments.articles)
    began = time.process_time()
    segmenter = Segmenter.load()
    loading = time.process_time() - began
    ours, cold = clocked(segmenter.tokenize, texts)
    _, warm = clocked(segmenter.tokenize, texts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyvi import ViTokenizer
    theirs, reference = clocked(ViTokenizer.tokenize, texts)
    print(f"{platform.machine()}, Python {sys.version.split()[0]}, {len(texts)} articles, CPU time")
    print(f"load                    {1000 * loading:8.0f} ms")
    print(f"differences from pyvi   {sum(a != b for a, b in zip(ours, theirs, strict=True)):8}")
    print(f"articles never seen     {reference / cold:8.1f} times pyvi")
    print(f"warm                    {reference / warm:8.1f} times pyvi")


if __name__ == "__main__":
    main()
