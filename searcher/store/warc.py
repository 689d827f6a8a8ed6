"""WARC 1.1 files: one gzip member per record, appended, made durable, read back by file and offset."""

from __future__ import annotations

import datetime as dt
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from searcher.errors import StoreError
from searcher.files import sync_folder

_ROTATE_AT = 1 << 30


@dataclass(frozen=True, slots=True)
class Payload:
    """What a WARC record holds: the content, decoded from its content encoding, and the headers it came with."""

    content: bytes
    headers: dict[str, str]


class WarcFolder:
    """The WARC files of an archive. The caller tells which sizes are acknowledged and commits what is written."""

    def __init__(self, folder: Path, acknowledged: dict[str, int]) -> None:
        self._folder = folder
        self._acknowledged = acknowledged
        self._file: BinaryIO | None = None
        self._name = ""
        self._readers: dict[str, BinaryIO] = {}

    def append(
        self,
        kind: str,
        url: str,
        content: bytes,
        *,
        at: dt.datetime,
        mime: str,
        http: tuple[str, Iterable[tuple[str, str]]] | None = None,
        request: tuple[str, Iterable[tuple[str, str]]] | None = None,
        warc_headers: dict[str, str] | None = None,
    ) -> tuple[str, int]:
        """Append a record (and the request that led to it); return file name and offset of the record itself.

        ``http`` is status line and headers of a response, ``request`` request line and headers. Not durable before ``sync``.
        """
        file = self._writable()
        offset = file.tell()
        writer = WARCWriter(file, gzip=True, warc_version="WARC/1.1")
        stamp = {"WARC-Date": at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")} | (warc_headers or {})
        headers = StatusAndHeaders(http[0], list(http[1]), protocol="HTTP/1.1") if http else None
        record = writer.create_warc_record(
            url,
            kind,
            payload=io.BytesIO(content),
            http_headers=headers,
            warc_headers_dict=stamp,
            warc_content_type=mime if http is None else "",
        )
        writer.write_record(record)
        if request:
            line, fields = request
            asked = writer.create_warc_record(
                url,
                "request",
                http_headers=StatusAndHeaders(line, list(fields), is_http_request=True),
                warc_headers_dict={"WARC-Date": stamp["WARC-Date"], "WARC-Concurrent-To": record.rec_headers.get_header("WARC-Record-ID")},
            )
            writer.write_record(asked)
        return self._name, offset

    def sync(self) -> tuple[str, int] | None:
        """Make what was appended durable; return file name and size to be acknowledged, or None if nothing was."""
        if self._file is None:
            return None
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._acknowledged[self._name] = self._file.tell()
        if size >= _ROTATE_AT:
            self._file.close()
            self._file = None
        return self._name, size

    def read(self, name: str, offset: int) -> Payload:
        """Read the record at ``offset`` of file ``name``.

        Raises:
            StoreError: there is no readable record.
        """
        file = self._readers.get(name)
        if file is None:
            try:
                file = self._readers[name] = (self._folder / name).open("rb")
            except OSError as error:
                raise StoreError(f"{self._folder / name}: {error.strerror}; restore it from a backup") from error
        file.seek(offset)
        try:
            record = next(iter(ArchiveIterator(file)))
            content = record.content_stream().read()
        except (ArchiveLoadFailed, StopIteration, OSError, EOFError) as error:
            raise StoreError(f"{self._folder / name}: no readable record at byte {offset}; restore it from a backup") from error
        headers = {k.lower(): v for k, v in record.http_headers.headers} if record.http_headers else {}
        return Payload(content, headers)

    def close(self) -> None:
        """Close all files; what was not synced is not promised."""
        for file in (self._file, *self._readers.values()):
            if file is not None:
                file.close()
        self._file = None
        self._readers.clear()

    def _writable(self) -> BinaryIO:
        """Return the file to append to, cut back to what is acknowledged: a killed process may have left a torn record."""
        if self._file is not None:
            return self._file
        name = max(self._acknowledged, default="archive-00000.warc.gz")
        size = self._acknowledged.get(name, _ROTATE_AT)
        if size >= _ROTATE_AT:
            name, size = f"archive-{int(name[8:13]) + 1:05}.warc.gz", 0
        path = self._folder / name
        fresh = not path.exists()
        self._file = path.open("ab")
        if self._file.tell() < size:
            raise StoreError(f"{path} has {self._file.tell()} bytes, {size} were acknowledged; restore it from a backup")
        self._file.truncate(size)
        self._file.seek(size)
        self._name = name
        if fresh:
            sync_folder(self._folder)
            self.append(
                "warcinfo",
                name,
                b"software: searcher\r\nformat: WARC File Format 1.1\r\n",
                at=dt.datetime.now(dt.UTC),
                mime="application/warc-fields",
            )
        return self._file
