"""Import, extract, index and search a JSONL file; print time, peak memory and size of each step.

    python tests/benchmarks/whole_run.py DATA.jsonl[.xz] [--limit N] [--keep FOLDER]

Queries are cut from titles of the data itself, so that the command works on any file.
"""

from __future__ import annotations

import argparse
import json
import lzma
import platform
import random
import resource
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from searcher import Archive


def unpack(path: Path, folder: Path, limit: int | None) -> Path:
    """Return a plain JSONL file with up to ``limit`` lines of ``path``."""
    target = folder / "data.jsonl"
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rb") as source, target.open("wb") as out:
        for number, line in enumerate(source):
            if limit is not None and number >= limit:
                break
            out.write(line)
    return target


def size(folder: Path) -> float:
    """Return the size of a folder in MiB."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 2**20


def peak() -> float:
    """Return this process's peak resident memory so far in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def row(name: str, seconds: float, articles: int) -> None:
    """Print one line of the table."""
    print(f"{name:<22}{seconds:>9.1f} s{articles / seconds:>12.0f} articles/s{peak():>10.0f} MiB peak", flush=True)


def main() -> None:
    """Run the steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--keep", type=Path, help="keep the archive in this folder")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="searcher-bench-"))
    place = arguments.keep or folder / "archive"
    try:
        data = unpack(arguments.data, folder, arguments.limit)
        print(f"{platform.platform()}, {platform.machine()}, Python {platform.python_version()}, {arguments.data.name}")
        with Archive.create(place) as archive:
            began = time.perf_counter()
            report = archive.import_files([data])
            row("import", time.perf_counter() - began, report.imported)
            began = time.perf_counter()
            extracted = archive.extract()
            row("extract + attribute", time.perf_counter() - began, extracted.articles)
            began = time.perf_counter()
            indexed = archive.index()
            row("index", time.perf_counter() - began, indexed.indexed)
        print(
            f"corpus {size(place / 'corpus'):.0f} MiB, index {size(place / 'index'):.0f} MiB, statements {extracted.statements}, rejects {len(report.rejects)}"
        )
        with Archive.open(place) as archive:
            rng = random.Random(0)
            records = map(json.loads, data.open(encoding="utf-8"))
            titles = [record.get("title") or " ".join((record.get("body") or "").split()[:12]) for record in records]
            titles = [title.split() for title in titles if len(title.split()) >= 5]
            for words in (1, 2, 3, 5):
                times = []
                for title in rng.sample(titles, min(200, len(titles))):
                    at = rng.randrange(len(title) - words + 1)
                    text = (
                        " ".join(word for word in title[at : at + words])
                        .replace('"', " ")
                        .replace("“", " ")
                        .replace("”", " ")
                        .replace("-", " ")
                    )
                    began = time.perf_counter()
                    archive.search(text)
                    times.append(1000 * (time.perf_counter() - began))
                print(
                    f"search, {words} syllables    median {statistics.median(times):8.1f} ms, p95 {sorted(times)[int(0.95 * len(times))]:8.1f} ms"
                )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
