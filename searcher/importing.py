"""Documents that somebody hands over, kept as captures like fetched pages: byte for byte, line for line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searcher.errors import InputError, StoreError
from searcher.extract.article import DOCX
from searcher.extract.documents import read_docx, read_pdf, read_text
from searcher.html import canonical
from searcher.model import content_id
from searcher.store import Foreign, Store, read_foreign
from searcher.vietnamese.dates import parse_date

_MIMES = {".txt": "text/plain", ".html": "text/html", ".htm": "text/html", ".docx": DOCX, ".pdf": "application/pdf"}
_CHECKS: dict[str, Callable[[bytes], object]] = {"text/plain": read_text, DOCX: read_docx, "application/pdf": read_pdf}
#: Documents that are kept beside pages.
_CAPTURED = (DOCX, "application/pdf", "application/msword", "application/xml", "text/xml")
_BATCH = 500
_FIELDS = ("id", "url", "title", "date", "body", "author", "source")


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did; ``rejects`` says of each line or file left out where it stands and why."""

    imported: int = 0
    unchanged: int = 0
    rejects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Item:
    """A document for article ``key``; without a key it is a page that another program captured, ``response`` as it came."""

    url: str
    key: str
    content: bytes
    mime: str
    response: Foreign | None = None


def import_files(store: Store, paths: Sequence[Path], progress: Callable[[str, int, int | None], None]) -> ImportReport:
    """Keep the documents of ``paths``. What was imported before, byte for byte, is not kept again.

    A line or file that cannot be imported is reported and the rest goes on.
    """
    imported = unchanged = done = 0
    rejects: list[str] = []
    with store.lock:
        for path in paths:
            batch: list[_Item] = []
            for item in _items(path):
                if isinstance(item, InputError):
                    rejects.append(str(item))
                    continue
                batch.append(item)
                if len(batch) == _BATCH:
                    added = _keep(store, batch)
                    imported, unchanged, done = imported + added, unchanged + len(batch) - added, done + len(batch)
                    progress(str(path), done, None)
                    batch = []
            added = _keep(store, batch)
            imported, unchanged, done = imported + added, unchanged + len(batch) - added, done + len(batch)
            progress(str(path), done, None)
    return ImportReport(imported, unchanged, tuple(rejects))


def _keep(store: Store, batch: Sequence[_Item]) -> int:
    with store.transaction():
        return sum(_keep_one(store, item) for item in batch)


def _keep_one(store: Store, item: _Item) -> bool:
    found = item.response
    if found is None:
        return store.add_resource(item.url, item.key, item.content, item.mime) is not None
    if store.has_capture(item.url, item.content, found.at):
        return False
    store.add_response(
        item.url, found.content, decoded=item.content, status=found.status, headers=found.headers, request=(f"GET {item.url} HTTP/1.1", ()),
        mime=item.mime, charset=found.charset, at=found.at,
    )  # fmt: skip
    return True


def _warc_records(path: Path) -> Iterator[_Item | InputError]:
    """Yield the pages and documents in a WARC file of another program, under their canonical addresses."""
    try:
        for found in read_foreign(path):
            url = canonical(found.url)
            if url is None or not (found.mime in _CAPTURED or "html" in found.mime):
                continue
            yield _Item(url, "", found.decoded, found.mime, found)
    except StoreError as error:
        yield InputError(str(path), str(error))
    except OSError as error:
        yield InputError(str(path), f"{error.strerror or error}; check the path")


def _items(path: Path) -> Iterator[_Item | InputError]:
    suffix = path.suffix.lower()
    if suffix == ".warc" or path.name.lower().endswith(".warc.gz"):
        yield from _warc_records(path)
        return
    if suffix in (".jsonl", ".ndjson"):
        yield from _lines(path)
        return
    mime = _MIMES.get(suffix)
    if mime is None:
        yield InputError(str(path), f"files of this kind are not read; give one of .jsonl, .warc, .warc.gz, {', '.join(sorted(_MIMES))}")
        return
    try:
        content = path.read_bytes()
    except OSError as error:
        yield InputError(str(path), f"{error.strerror}; check the path")
        return
    try:
        if mime in _CHECKS:
            _CHECKS[mime](content)
    except ValueError as error:
        yield InputError(str(path), str(error))
        return
    url = path.resolve().as_uri()
    yield _Item(url, content_id(url), content, mime)


def _lines(path: Path) -> Iterator[_Item | InputError]:
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if raw.strip():
                    try:
                        yield _line(path, number, raw.strip())
                    except InputError as error:
                        yield error
    except OSError as error:
        yield InputError(str(path), f"{error.strerror}; check the path")


def _line(path: Path, number: int, raw: bytes) -> _Item:
    """Check one line of a JSONL file.

    Raises:
        InputError: it is no JSON object in UTF-8, holds neither title nor body, or a field of the wrong kind.
    """
    try:
        data: Any = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"not UTF-8 at byte {error.start} of the line; convert the file to UTF-8", number) from error
    except (json.JSONDecodeError, RecursionError) as error:
        at = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(str(path), f"not JSON{at}; each line must hold one JSON object", number) from error
    if not isinstance(data, dict):
        raise InputError(str(path), "not a JSON object; each line must hold one", number)
    for name in _FIELDS:
        if data.get(name) is not None and not isinstance(data[name], str | int if name == "id" else str):
            raise InputError(str(path), f"field {name!r} must be a text", number)
    if not (data.get("title") or "").strip() and not (data.get("body") or "").strip():
        raise InputError(str(path), "holds neither title nor body; give at least one", number)
    if data.get("date") and parse_date(data["date"]) is None:
        raise InputError(str(path), f"date {data['date']!r} is none; write 2025-07-02, 02/07/2025 or 2025-07, or leave it empty", number)
    url = canonical(data.get("url") or "") if data.get("url") else None
    place = f"{path.resolve().as_uri()}#{number}"
    key = str(data["id"]) if data.get("id") not in (None, "") else content_id(url or place)
    return _Item(url or place, key, raw.removeprefix(b"\xef\xbb\xbf"), "application/json")
