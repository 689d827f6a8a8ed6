"""The file that a segment is: named arrays, each aligned to 64 bytes and with a checksum of its own.

    offset 0   8 bytes   magic "SRCHSEG" and the format version, one byte
    64         …         sections, each begins at a multiple of 64 bytes, little-endian
    …          …         directory: UTF-8 JSON {"meta": {…}, "sections": {name: [dtype, offset, count, crc32]}}
    last 24    24 bytes  offset and length of the directory (u64 each), CRC-32 of the directory (u32), "SEND"

Files are written once and never changed. Readers map them; nothing is read before it is used.
"""

from __future__ import annotations

import json
import mmap
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt

from searcher.errors import ArchiveError, IndexDamaged
from searcher.files import sync_file

FORMAT_VERSION = 1
_MAGIC = b"SRCHSEG" + bytes((FORMAT_VERSION,))
_TAIL = struct.Struct("<QQI4s")
_END = b"SEND"
_ALIGNMENT = 64
_IN_MEMORY = 1 << 20
_BLOCK = 1 << 22
_DTYPES = frozenset("u1 u2 u4 u8 i4 i8 f4".split())

Array = npt.NDArray[Any]


class SectionWriter:
    """Collects sections, any number at once, and writes them as one file.

    Nothing exists under the file's name before ``finish`` has synced all of it. Once ``cancelled`` says so, every call fails.
    """

    def __init__(self, path: Path, cancelled: Callable[[], bool] = lambda: False) -> None:
        self._path = path
        self._cancelled = cancelled
        self._parts: dict[str, tuple[str, IO[bytes]]] = {}
        self.meta: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for _, part in self._parts.values():
            part.close()

    def append(self, name: str, values: Array) -> None:
        """Append an array to a section; the first call fixes its type."""
        if self._cancelled():
            raise ArchiveError(f"{self._path}: writing was cancelled")
        dtype = values.dtype.str[1:]
        if name not in self._parts:
            self._parts[name] = dtype, tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, dir=str(self._path.parent))  # noqa: SIM115
        known, part = self._parts[name]
        if known != dtype or dtype not in _DTYPES:
            raise TypeError(f"section {name} holds {known}, not {dtype}")
        part.write(np.ascontiguousarray(values.astype(f"<{dtype}", copy=False)).view(np.uint8).data)

    def append_bytes(self, name: str, values: bytes) -> None:
        """Append raw bytes to a section."""
        self.append(name, np.frombuffer(values, dtype=np.uint8))

    def finish(self) -> int:
        """Write the file durably; return its size."""
        draft = self._path.with_name(self._path.name + ".draft")
        directory: dict[str, list[Any]] = {}
        with draft.open("xb") as out:
            out.write(_MAGIC)
            for name, (dtype, part) in self._parts.items():
                out.write(bytes(-out.tell() % _ALIGNMENT))
                offset, checksum = out.tell(), 0
                part.seek(0)
                while block := part.read(_BLOCK):
                    checksum = zlib.crc32(block, checksum)
                    out.write(block)
                directory[name] = [dtype, offset, (out.tell() - offset) // np.dtype(dtype).itemsize, checksum]
                part.close()
            text = json.dumps({"meta": self.meta, "sections": directory}, sort_keys=True).encode()
            offset = out.tell()
            out.write(text + _TAIL.pack(offset, len(text), zlib.crc32(text), _END))
            size = out.tell()
        sync_file(draft)
        draft.rename(self._path)
        return size


class SectionReader:
    """The sections of one file as arrays that lie in the mapped file.

    Raises:
        FileNotFoundError: there is no such file.
        IndexDamaged: it is cut off, of another format, or its directory's checksum is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if self._map[:8] != _MAGIC:
                raise ValueError("it is not a segment of this format")
            offset, length, checksum, end = _TAIL.unpack(self._map[-_TAIL.size :])
            text = self._map[offset : offset + length]
            if end != _END or offset + length + _TAIL.size != len(self._map) or zlib.crc32(text) != checksum:
                raise ValueError("its end is missing or damaged")
            directory = json.loads(text)
        except FileNotFoundError:
            raise
        except (OSError, ValueError, struct.error) as error:
            raise IndexDamaged(f"{path}: {error}; rebuild the index with: searcher index --rebuild") from error
        self.size, self.checksum = len(self._map), int(checksum)
        self.meta: Mapping[str, Any] = directory["meta"]
        self._sections: dict[str, list[Any]] = directory["sections"]

    def __contains__(self, name: str) -> bool:
        return name in self._sections

    def array(self, name: str, dtype: str = "u1") -> Array:
        """Return a section; an empty array of ``dtype`` if it was never written."""
        if name not in self._sections:
            return np.zeros(0, dtype=dtype)
        kind, offset, count, _ = self._sections[name]
        return np.frombuffer(self._map, dtype=f"<{kind}", count=count, offset=offset)

    def verify(self) -> Iterator[str]:
        """Read every byte; yield the sections whose checksum is wrong, and padding that is not empty."""
        at = len(_MAGIC)
        for name, (kind, offset, count, checksum) in sorted(self._sections.items(), key=lambda item: item[1][1:3]):
            if any(self._map[at:offset]):
                yield f"{self.path.name}: bytes {at} to {offset} should be empty"
            at = offset + count * np.dtype(kind).itemsize
            found = 0
            for first in range(offset, at, _BLOCK):
                found = zlib.crc32(self._map[first : min(at, first + _BLOCK)], found)
            if found != checksum:
                yield f"{self.path.name}: section {name} (bytes {offset} to {at}) is damaged"

    def close(self) -> None:
        """Let go of the file; arrays that are still in use keep it mapped."""
        self._sections = {}
        del self._map
