"""WARC 1.1 files: one gzip member per record, appended, made durable, read back by file and offset."""

from __future__ import annotations

import datetime as dt
import io
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import BinaryIO

from warcio.archiveiterator import ArchiveIterator
from warcio.bufferedreaders import ChunkedDataReader
from warcio.exceptions import ArchiveLoadFailed
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from searcher.errors import StoreError
from searcher.files import sync_folder

_ROTATE_AT = 1 << 30
_LARGEST = 100 << 20


@dataclass(frozen=True, slots=True)
class Payload:
    """What a WARC record holds: the content, decoded from its content encoding, and the headers it came with."""

    content: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Foreign:
    """A response in a WARC file of another program: its content as it came, and decoded."""

    url: str
    at: dt.datetime
    status: tuple[int, str]
    headers: list[tuple[str, str]]
    content: bytes
    decoded: bytes
    mime: str
    charset: str | None


def read_foreign(path: Path) -> Iterator[Foreign]:
    """Yield the successful responses and resources of a WARC file of another program.

    Raises:
        StoreError: it is none, or damaged; what stands before the damage was given out.
    """
    with path.open("rb") as file:
        records = ArchiveIterator(file)
        try:
            for record in records:
                if record.rec_type not in ("response", "resource"):
                    continue
                http = record.http_headers
                status = int(http.get_statuscode() or 0) if http is not None else 200
                content = record.raw_stream.read()
                if status != 200:
                    continue
                kind = Message()
                kind["Content-Type"] = (http or record.rec_headers).get_header("Content-Type") or "application/octet-stream"
                charset = kind.get_param("charset")
                yield Foreign(
                    record.rec_headers.get_header("WARC-Target-URI") or "",
                    dt.datetime.fromisoformat(record.rec_headers.get_header("WARC-Date").replace("Z", "+00:00")),
                    (status, "OK"), list(http.headers) if http is not None else [], content, _decoded(content, http),
                    kind.get_content_type(), charset if isinstance(charset, str) else None,
                )  # fmt: skip
        except (ArchiveLoadFailed, EOFError, ValueError, AttributeError, zlib.error) as error:
            raise StoreError(f"not a readable WARC file ({error}); fetch it again") from error


def _decoded(content: bytes, http: StatusAndHeaders | None) -> bytes:
    if http is None:
        return content
    if "chunked" in (http.get_header("Transfer-Encoding") or "").lower():
        content = bytes(ChunkedDataReader(io.BytesIO(content)).read())
    if (http.get_header("Content-Encoding") or "").lower() in ("gzip", "x-gzip", "deflate"):
        reader = zlib.decompressobj(wbits=47)
        content = reader.decompress(content, _LARGEST)
    return content


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
