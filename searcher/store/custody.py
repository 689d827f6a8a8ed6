"""Proof and safe-keeping of what was captured: citations, replay, an index for replay tools, and copies of the whole corpus."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from warcio.archiveiterator import ArchiveIterator

from searcher.errors import ArchiveError
from searcher.files import sync_file, sync_folder
from searcher.model import Capture
from searcher.store.store import Store

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Citation:
    """Where an article is from: what anybody needs to check it. ``digest`` is the SHA-256 of the content, in hexadecimal."""

    article_id: str
    title: str
    url: str
    captured_at: str
    digest: str
    warc_file: str
    warc_offset: int


def cite(store: Store, article_id: str) -> Citation:
    """Return the citation of an article's current version.

    Raises:
        ArchiveError: there is none of this id, or it is withheld.
    """
    article, capture = store.article(article_id), store.capture_of(article_id)
    if article is None or capture is None:
        raise ArchiveError(f"no article has the id {article_id!r}; ids are those that search prints")
    at = capture.fetched_at.isoformat(timespec="seconds")
    return Citation(
        article_id, article.title, article.url or capture.url, at, capture.digest, f"corpus/warc/{capture.path}", capture.offset
    )


def replay(store: Store, article_id: str) -> tuple[Capture, bytes]:
    """Return the capture of an article's current version and its content, byte for byte.

    Raises:
        ArchiveError: there is none of this id, or it is withheld.
        StoreError: the record cannot be read.
    """
    capture = store.capture_of(article_id)
    if capture is None:
        raise ArchiveError(f"no article has the id {article_id!r}; ids are those that search prints")
    return capture, store.payload(capture).content


def cdxj(folder: Path) -> Iterator[str]:
    """Yield a line of CDXJ, the index that replay tools read, for each record of a folder of WARC files, sorted by address and time."""
    lines = []
    for path in sorted(folder.glob("*.warc.gz")):
        with path.open("rb") as file:
            records = ArchiveIterator(file)
            for record in records:
                if record.rec_type not in ("response", "revisit", "resource"):
                    continue
                headers = record.rec_headers
                url, at = headers.get_header("WARC-Target-URI"), headers.get_header("WARC-Date")
                mime = headers.get_header("Content-Type") or ""
                if record.http_headers is not None:
                    mime = record.http_headers.get_header("Content-Type") or ""
                status = record.http_headers.get_statuscode() if record.http_headers is not None else "200"
                offset = records.get_record_offset()
                record.content_stream().read()
                values = {
                    "url": url,
                    "mime": "warc/revisit" if record.rec_type == "revisit" else mime.partition(";")[0].strip(),
                    "status": status,
                    "digest": headers.get_header("WARC-Payload-Digest") or headers.get_header("WARC-Block-Digest") or "",
                    "length": str(records.get_record_length()),
                    "offset": str(offset),
                    "filename": path.name,
                }
                stamp = "".join(c for c in at[:19] if c.isdigit())
                lines.append(f"{surt(url)} {stamp} {json.dumps(values, ensure_ascii=False)}\n")
    yield from sorted(lines)


def surt(url: str) -> str:
    """Return the form of an address that archives sort by: host reversed, lower case, parameters in order."""
    parts = urlsplit(url)
    if not parts.netloc:
        return url
    host = (parts.hostname or "").removeprefix("www.")
    query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    port = f":{parts.port}" if parts.port and parts.port not in (80, 443) else ""
    return f"{','.join(reversed(host.split('.')))}{port}){parts.path or '/'}{f'?{query}' if query else ''}".lower()


def back_up_corpus(source: Path, target: Path) -> None:
    """Copy a corpus, as it is at one moment, into a new folder; it may be written to meanwhile.

    The database is copied first; of each WARC file then as much as the copy acknowledges.
    """
    (target / "warc").mkdir(parents=True)
    original, copy = sqlite3.connect(source / "archive.db"), sqlite3.connect(target / "archive.db")
    try:
        original.backup(copy)
        sizes = list(copy.execute("SELECT name, size FROM warc_files"))
    finally:
        original.close()
        copy.close()
    sync_file(target / "archive.db")
    for name, size in sizes:
        with (source / "warc" / name).open("rb") as file, (target / "warc" / name).open("wb") as out:
            left = int(size)
            while left and (block := file.read(min(left, _BLOCK))):
                out.write(block)
                left -= len(block)
            if left:
                raise ArchiveError(f"{source / 'warc' / name} is {left} bytes shorter than was acknowledged; run: searcher check")
            out.flush()
            os.fsync(out.fileno())
    sync_folder(target / "warc")
    sync_folder(target)


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder durably."""
    shutil.copytree(source, target)
    for folder, _, names in os.walk(target):
        for name in names:
            sync_file(Path(folder) / name)
        sync_folder(Path(folder))
