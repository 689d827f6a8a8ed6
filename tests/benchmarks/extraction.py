"""Reading the text of pages of unknown platforms, against other extractors, with the measure of trafilatura's evaluation.

    python tests/benchmarks/extraction.py ANNOTATIONS.json PAGES/ [--half even|odd|all]

ANNOTATIONS maps an address to {"file", "with": […], "without": […]}: what an extracted text should and should not hold.
Precision, recall and F are over all such snippets; a page without text counts as holding none. Pages at odd positions (of the
sorted addresses) are for developing, those at even ones for reporting. trafilatura and readability-lxml are measured if installed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import platform
import re
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup

from searcher.errors import InputError
from searcher.extract import extract
from searcher.model import Capture

Reader = Callable[[str, bytes], str]


def ours(url: str, content: bytes) -> str:
    """This project's generic path."""
    capture = Capture(1, url, 200, "text/html", None, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "", "", 0)
    try:
        article = extract(capture, content, key="k")
    except InputError:
        return ""
    return article.body if article else ""


def all_paragraphs(_url: str, content: bytes) -> str:
    """Every <p>."""
    return "\n".join(tag.get_text() for tag in BeautifulSoup(content, "lxml").find_all("p"))


def readers() -> dict[str, Reader]:
    """The extractors that are installed."""
    found: dict[str, Reader] = {"searcher": ours, "all <p>": all_paragraphs}
    try:
        import trafilatura

        found["trafilatura"] = lambda url, content: trafilatura.extract(content, url=url, include_comments=False) or ""
    except ImportError:
        print("trafilatura is not installed")
    try:
        import readability

        def read(_url: str, content: bytes) -> str:
            try:
                return BeautifulSoup(readability.Document(content.decode("utf-8", "replace")).summary(), "lxml").get_text("\n")
            except readability.readability.Unparseable:
                return ""

        found["readability-lxml"] = read
    except ImportError:
        print("readability-lxml is not installed")
    return found


def judge(entry: dict[str, Any], text: str) -> tuple[int, int, int, int]:
    """Return true positives, false negatives, false positives, true negatives."""
    text = unicodedata.normalize("NFC", text)
    hits = sum(unicodedata.normalize("NFC", snippet) in text for snippet in entry["with"] or ())
    wrong = sum(unicodedata.normalize("NFC", snippet) in text for snippet in entry["without"] or ())
    return hits, len(entry["with"] or ()) - hits, wrong, len(entry["without"] or ()) - wrong


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--half", choices=["even", "odd", "all"], default="even")
    parser.add_argument("--only", help="one extractor")
    parser.add_argument("--misses", action="store_true", help="list what each page got wrong")
    options = parser.parse_args()
    entries = sorted(json.loads(options.annotations.read_text(encoding="utf-8")).items())
    step = {"even": entries[1::2], "odd": entries[::2], "all": entries}[options.half]
    pages = [(url, entry, (options.pages / entry["file"]).read_bytes()) for url, entry in step if (options.pages / entry["file"]).is_file()]
    size = sum(len(content) for *_, content in pages)
    print(f"{len(pages)} pages of {size // len(pages) >> 10} KiB on average; {platform.machine()}, Python {platform.python_version()}")
    for name, read in readers().items():
        if options.only and not re.search(options.only, name):
            continue
        began = time.process_time()
        texts = [read(url, content) for url, _, content in pages]
        seconds = time.process_time() - began
        found = [judge(entry, text) for (_, entry, _), text in zip(pages, texts, strict=True)]
        tp, fn, fp, _ = (sum(column) for column in zip(*found, strict=True))
        precision, recall = tp / (tp + fp or 1), tp / (tp + fn or 1)
        f = 2 * precision * recall / (precision + recall or 1)
        each = 1000 * seconds / len(pages)
        print(f"{name:<18} precision {precision:.3f}  recall {recall:.3f}  F {f:.3f}  {each:6.1f} ms CPU a page", flush=True)
        if options.misses:
            for (url, entry, _), text, (_, lost, wrong, _) in zip(pages, texts, found, strict=True):
                if lost or wrong:
                    print(f"  {entry['file']} lost {lost} wrong {wrong} of {len(text)}: {url}")


if __name__ == "__main__":
    main()
