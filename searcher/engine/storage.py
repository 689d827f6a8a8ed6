"""The index folder, durable: what is committed survives kills and power cuts, and what is damaged is noticed.

    MAIN_<segment>.columns    a segment (``sections``), written once
    _MAIN_<generation>.toc    Whoosh's table of contents: schema, segments, which documents are deleted
    state-<generation>.json   the manifest: checksum of the table of contents, sizes and checksums of the segments' directories
                              (which hold those of their sections), last change applied, versions, time
    MAIN_WRITELOCK            held by the one process that writes, for as long as it lives

A commit writes and syncs segments, then the manifest, then the table of contents under another name; renaming that one makes
the generation visible, and the folder is synced. The generation before is kept for one commit more: readers that are just
opening it find it whole, and if the newest is damaged, the one before answers and says so.

Whoosh itself never syncs, and unpickles whatever it finds. Here a table of contents may name the classes of ``_ALLOWED`` alone.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import re
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from whoosh.codec.whoosh3 import W3Segment
from whoosh.filedb.filestore import FileStorage, RamStorage
from whoosh.filedb.structfile import StructFile
from whoosh.index import TOC
from whoosh.util.filelock import LockBase

from searcher.engine.codec import EXTENSION, build_schema
from searcher.errors import ArchiveLocked, IndexDamaged, IndexMismatch
from searcher.files import sync_file, sync_folder

REBUILD = "rebuild the index with: searcher index --rebuild"
_INDEX = "MAIN"
_SETTLED = 2_000_000_000
_STATE = re.compile(r"state-(\d+)\.json")
_TOC = re.compile(rf"_{_INDEX}_(\d+)\.toc")
_DRAFT = re.compile(rf"(?:_?{_INDEX}_.*|state-\d+\.json)\.draft|_{_INDEX}_\d+\.toc\..+|{_INDEX}_.*\.tmp")
#: What a table of contents may hold: Whoosh's containers, and our codec, fields and formats.
_ALLOWED = {
    ("whoosh.fields", "Schema"),
    ("whoosh.fields", "STORED"),
    ("whoosh.formats", "Existence"),
    ("whoosh.codec.whoosh3", "W3Segment"),
    ("searcher.engine.codec", "ColumnCodec"),
    ("searcher.engine.codec", "TermsField"),
    ("searcher.engine.codec", "Positions"),
    ("copy_reg", "_reconstructor"),
    ("copyreg", "_reconstructor"),
    ("builtins", "object"),
    ("__builtin__", "object"),
    ("builtins", "set"),
    ("__builtin__", "set"),
}


@dataclass(frozen=True, slots=True)
class GenerationState:
    """What a committed generation knows of itself. ``versions`` tell schema, analysis and segmentation model apart.

    ``segments`` maps file names to (size, checksum of the directory), ``toc`` is the SHA-256 of the table of contents.
    """

    generation: int
    last_change: int
    built_at: str
    versions: dict[str, str]
    segments: dict[str, tuple[int, int]]
    toc: str = ""


class DurableStorage:
    """A folder that holds generations of an index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listed_at = 0

    def unchanged(self) -> bool:
        """Whether nothing can have been committed since ``generations`` was last called; costs one look at the folder."""
        try:
            return self._listed_at == self.folder.stat().st_mtime_ns
        except OSError:
            return False

    # Reading

    def generations(self) -> list[int]:
        """Return the numbers of the generations there are, ascending."""
        if not self.folder.is_dir():
            return []
        changed = self.folder.stat().st_mtime_ns
        # A folder changed a moment ago may change again without another time: clocks of file systems tick slowly.
        self._listed_at = changed if time.time_ns() - changed > _SETTLED else 0
        return sorted(int(found[1]) for path in self.folder.iterdir() if (found := _TOC.fullmatch(path.name)))

    def read_state(self, generation: int) -> GenerationState:
        """Read the manifest of a generation.

        Raises:
            IndexDamaged: it is missing or unreadable.
            IndexMismatch: it was written by an earlier version.
        """
        path = self._state(generation)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(content, dict):  # as it was before there were checksums
                raise IndexMismatch(f"{self.folder} was built by another version; {REBUILD}")
            text, digest = content
            if hashlib.sha256(text.encode()).hexdigest() != digest:
                raise ValueError("its checksum is wrong")
            values = json.loads(text)
            values["segments"] = {name: (size, checksum) for name, (size, checksum) in values["segments"].items()}
            return GenerationState(**values)
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise IndexDamaged(f"{path} is missing or damaged ({error}); {REBUILD}") from error

    def read_segments(self, state: GenerationState) -> list[W3Segment]:
        """Read the table of contents of a generation.

        Raises:
            IndexDamaged: it is not what was committed, or would run code when read.
        """
        path = self._toc(state.generation)
        try:
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != state.toc:
                raise ValueError("its checksum is wrong")
            return _read_toc(data)
        except FileNotFoundError:
            raise
        except Exception as error:  # damaged bytes raise anything
            raise IndexDamaged(f"{path} does not open ({type(error).__name__}: {error}); {REBUILD}") from error

    def refuse_open_folder(self) -> None:
        """Refuse a folder into which anybody may write.

        Raises:
            IndexDamaged: it is one.
        """
        if os.name == "posix" and self.folder.is_dir() and self.folder.stat().st_mode & stat.S_IWOTH:
            raise IndexDamaged(f"anybody may write to {self.folder}, so that its content cannot be trusted; run: chmod o-w {self.folder}")

    # Writing

    def lock(self) -> LockBase:
        """Become the one writer; the lock ends with ``release`` or with the process.

        Raises:
            ArchiveLocked: another process is writing.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileStorage(str(self.folder)).lock(f"{_INDEX}_WRITELOCK")
        if not lock.acquire():
            raise ArchiveLocked(f"another process is writing to {self.folder}; wait for it to end")
        return lock

    def commit(self, state: GenerationState, segments: list[W3Segment]) -> None:
        """Make a generation visible whose segments are written; on any error the one before stays."""
        memory = RamStorage()
        TOC(build_schema(), segments, state.generation).write(memory, _INDEX)
        toc = bytes(memory.files[f"_{_INDEX}_{state.generation}.toc"])
        state = replace(state, toc=hashlib.sha256(toc).hexdigest())
        text = json.dumps(asdict(state), sort_keys=True)
        manifest = json.dumps([text, hashlib.sha256(text.encode()).hexdigest()])
        self._write(self._state(state.generation), manifest.encode())
        sync_folder(self.folder)
        self._write(self._toc(state.generation), toc)
        try:
            sync_folder(self.folder)
        except OSError:
            self._toc(state.generation).unlink()  # visible, but perhaps not for good: take it back
            raise

    def clean_up(self, spared: str = "") -> None:
        """Remove what killed writers left and what neither of the two newest generations needs; for the writer alone.

        ``spared`` is a segment's file that is still being written.
        """
        kept = self.generations()[-2:]
        needed = {self._toc(g).name for g in kept} | {self._state(g).name for g in kept}
        for generation in kept:
            try:
                needed |= set(self.read_state(generation).segments)
            except IndexDamaged:
                return  # it cannot be known what it needs
        for path in list(self.folder.iterdir()):
            if spared and path.name.startswith(spared):
                continue
            ours = path.name.endswith(EXTENSION) or _STATE.fullmatch(path.name) or _TOC.fullmatch(path.name)
            if _DRAFT.fullmatch(path.name) or (ours and path.name not in needed):
                try:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                except PermissionError:  # Windows: a reader has it mapped; it goes with a later writer
                    continue

    def empty(self) -> None:
        """Remove every generation; for the writer alone."""
        for path in list(self.folder.iterdir()):
            if path.name != f"{_INDEX}_WRITELOCK" and (path.name.startswith((_INDEX, f"_{_INDEX}")) or _STATE.fullmatch(path.name)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def files(self, state: GenerationState) -> Iterator[Path]:
        """Yield the files of a generation."""
        yield self._toc(state.generation)
        yield self._state(state.generation)
        yield from (self.folder / name for name in state.segments)

    def _write(self, path: Path, content: bytes) -> None:
        draft = path.with_name(path.name + ".draft")
        draft.write_bytes(content)
        sync_file(draft)
        draft.rename(path)

    def _toc(self, generation: int) -> Path:
        return self.folder / f"_{_INDEX}_{generation}.toc"

    def _state(self, generation: int) -> Path:
        return self.folder / f"state-{generation}.json"


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no index holds")
        return super().find_class(module, name)


def _read_toc(data: bytes) -> list[W3Segment]:
    """Read Whoosh's table of contents (``whoosh.index.TOC.write``) without running anything it names."""
    stream = StructFile(io.BytesIO(data))
    for _ in range(3):  # sizes of C types
        stream.read_varint()
    if stream.read_int() != -12345:
        raise ValueError("its byte order is another")
    stream.read_int()  # version
    for _ in range(3):  # release
        stream.read_varint()
    _Restricted(io.BytesIO(stream.read_string())).load()
    stream.read_int()  # generation
    stream.read_int()  # unused
    segments = _Restricted(stream.file).load()
    if not isinstance(segments, list) or not all(isinstance(segment, W3Segment) for segment in segments):
        raise ValueError("it lists no segments")
    return segments
