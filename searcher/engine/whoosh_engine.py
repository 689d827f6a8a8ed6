"""The engine on one machine: a Whoosh index whose segments are columns."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from whoosh.codec.whoosh3 import W3Segment
from whoosh.util.filelock import LockBase

from searcher.engine.builder import SegmentBuffer
from searcher.engine.codec import EXTENSION, ColumnCodec, open_segment
from searcher.engine.collection import SCOPES
from searcher.engine.executor import Executor
from searcher.engine.leaves import Leaves
from searcher.engine.merge import merge
from searcher.engine.plan import Keyword
from searcher.engine.records import documents_of
from searcher.engine.sections import FORMAT_VERSION, SectionReader, SectionWriter
from searcher.engine.segment import SegmentReader
from searcher.engine.snapshot import ColumnSnapshot
from searcher.engine.storage import REBUILD, DurableStorage, GenerationState
from searcher.errors import ArchiveError, IndexDamaged, IndexMismatch
from searcher.model import Record, Scope
from searcher.vietnamese.analysis import ANALYSIS_VERSION
from searcher.vietnamese.bulk import BulkAnalyser
from searcher.vietnamese.crf import KNOWN_FILES

VERSIONS = {
    "format": str(FORMAT_VERSION),
    "analysis": str(ANALYSIS_VERSION),
    "segmentation": KNOWN_FILES["models/pyvi3.pkl"][:12],
}
#: Segments a commit leaves at most.
MAX_SEGMENTS = 3
#: A segment joins a merge unless it is so many times as large as what is merged already.
_MERGE_RATIO = 3
#: Syllables buffered before a segment is written. Arrays of this size are reused by the allocator; larger ones cost a page
#: fault for each page each time (6,000,000: 1.4 times the time, twice the memory).
BUFFER_ELEMENTS = 1_500_000
_BATCH = 200
#: Bytes of free space asked for beyond the estimate of what is to be written.
_RESERVE = 64 << 20
_BYTES_PER_ELEMENT = 16
_RETRIES = 20


class WhooshEngine:
    """An ``Engine`` in one folder. Snapshots may be taken and used by several threads, each its own; one thread writes."""

    def __init__(self, folder: Path, *, clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)) -> None:
        self._folder = folder
        self._storage = DurableStorage(folder)
        self._clock = clock
        self._opening = threading.Lock()
        self._analyser: BulkAnalyser | None = None
        self._writer: _Writer | None = None
        self._newest: tuple[GenerationState, Executor] | None = None
        self._fallen_back = ""

    # Writing

    def add(self, records: Iterable[Record]) -> int:
        """Add or replace articles with their statements; return how many."""
        writer = self._write()
        count = 0
        source = iter(records)
        while batch := list(islice(source, _BATCH)):
            writer.add(batch)
            count += len(batch)
        return count

    def delete(self, article_ids: Sequence[str]) -> None:
        """Take articles and their statements out."""
        writer = self._write()
        for article_id in article_ids:
            writer.delete(article_id)

    def commit(self, *, compact: bool = False) -> None:
        """Make everything since the last commit durable and visible at once. If that fails, nothing of it happened.

        With ``compact`` all segments become one without deleted documents, which takes time as indexing does.
        """
        writer = self._write()
        try:
            writer.commit(self._clock().isoformat(timespec="seconds"), compact=compact)
        finally:
            self._drop_writer()

    def start_over(self) -> None:
        """Make an empty index in the folder.

        Raises:
            ArchiveLocked: another process is writing to it.
        """
        self._drop_writer()
        self.close()
        lock = self._storage.lock()
        try:
            self._storage.empty()
            self._storage.commit(GenerationState(0, 0, self._clock().isoformat(timespec="seconds"), VERSIONS, {}), [])
        finally:
            lock.release()

    # Reading

    def snapshot(self) -> ColumnSnapshot:
        """Return the newest commit.

        Raises:
            IndexDamaged: there is no index, or neither of its two newest generations opens.
            IndexMismatch: another version of this program built it.
        """
        state, executor = self._current()
        return ColumnSnapshot(executor, state.generation, state.built_at)

    def exists(self) -> bool:
        """Whether the folder holds an index, of whatever state."""
        return bool(self._storage.generations())

    def last_change(self) -> int:
        """Return the number of the last change of the corpus that the visible index knows; 0 for no index."""
        return self._current()[0].last_change if self.exists() else 0

    def check(self, deep: bool = False) -> list[str]:
        """Return the problems found; nothing is repaired. ``deep`` reads every byte."""
        try:
            state, executor = self._current()
        except (IndexDamaged, IndexMismatch) as error:
            return [str(error)]
        problems = [self._fallen_back] if self._fallen_back else []
        for generation in self._storage.generations()[-2:]:
            problems += self._check_generation(generation, state, executor, deep)
        return problems

    def _check_generation(self, generation: int, newest: GenerationState, executor: Executor, deep: bool) -> Iterator[str]:
        try:
            state = self._storage.read_state(generation)
            self._storage.read_segments(state)
        except (IndexDamaged, FileNotFoundError) as error:
            if generation > newest.generation:
                return  # said already: this is why the one before answers
            yield str(error)
            return
        readers = {segment.source.path.name: segment for segment in executor.segments}
        for name, (size, _) in state.segments.items():
            path = self._folder / name
            if not path.is_file() or path.stat().st_size != size:
                yield f"{path} is missing or has another size than {size} bytes; {REBUILD}"
            elif deep and (generation == newest.generation or name not in newest.segments):
                reader = readers.get(name)
                try:
                    source = reader.source if reader is not None and generation == newest.generation else SectionReader(path)
                    yield from (f"{problem}; {REBUILD}" for problem in source.verify())
                except IndexDamaged as error:
                    yield str(error)

    def backup(self, folder: Path) -> None:
        """Copy the visible index into a new folder, by links where the file system allows it."""
        state, _ = self._current()
        folder.mkdir(parents=True, exist_ok=False)
        for path in self._storage.files(state):
            try:
                os.link(path, folder / path.name)
            except OSError:
                shutil.copy2(path, folder / path.name)

    def close(self) -> None:
        """Release everything; what was not committed is dropped."""
        self._drop_writer()
        self._newest = None

    # Within

    def _write(self) -> _Writer:
        if self._writer is None:
            lock = self._storage.lock()
            try:
                self._storage.refuse_open_folder()
                if not self.exists():
                    self._storage.commit(GenerationState(0, 0, self._clock().isoformat(timespec="seconds"), VERSIONS, {}), [])
                state, _ = self._current()
                if not self._fallen_back:
                    self._storage.clean_up()  # now that the lock is ours, what lies about belongs to nobody
                if self._analyser is None:
                    self._analyser = BulkAnalyser()
                self._writer = _Writer(self._storage, state, self._analyser, lock)
            except BaseException:
                lock.release()
                raise
        return self._writer

    def _drop_writer(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def _current(self) -> tuple[GenerationState, Executor]:
        """Return the newest generation that opens; segments that are open already stay open."""
        with self._opening:
            if self._newest is not None and self._storage.unchanged():
                return self._newest
            generations = self._storage.generations()
            if self._newest is not None and generations and self._newest[0].generation == generations[-1]:
                return self._newest
            for _ in range(_RETRIES):
                try:
                    self._newest = self._open()
                except FileNotFoundError:  # two commits passed while it was opened
                    continue
                return self._newest
            raise IndexDamaged(f"{self._folder} lacks files that its table of contents names; {REBUILD}")

    def _open(self) -> tuple[GenerationState, Executor]:
        generations = self._storage.generations()
        if not generations:
            raise IndexDamaged(f"{self._folder} holds no index yet; build it with: searcher index")
        self._storage.refuse_open_folder()
        first_error: IndexDamaged | None = None
        for generation in reversed(generations[-2:]):
            try:
                found = self._open_generation(generation)
            except IndexDamaged as error:
                if self._storage.generations()[-1] != generations[-1]:
                    raise FileNotFoundError from error
                first_error = first_error or error
                continue
            self._fallen_back = ""
            if first_error is not None:
                self._fallen_back = f"{first_error}; until then the index of generation {generation} answers"
                warnings.warn(self._fallen_back, RuntimeWarning, stacklevel=2)
            return found
        assert first_error is not None
        raise first_error

    def _open_generation(self, generation: int) -> tuple[GenerationState, Executor]:
        state = self._storage.read_state(generation)
        if state.versions != VERSIONS:
            differing = [f"{k} {state.versions.get(k)} (now {v})" for k, v in VERSIONS.items() if state.versions.get(k) != v]
            raise IndexMismatch(f"{self._folder} was built by another version: {', '.join(differing)}; {REBUILD}")
        readers = [open_segment(self._folder, segment) for segment in self._storage.read_segments(state)]
        for reader in readers:
            if state.segments.get(reader.source.path.name) != (reader.source.size, reader.source.checksum):
                raise IndexDamaged(f"{reader.source.path} is not the file that was committed; {REBUILD}")
        return state, Executor(readers)


class _Writer:
    """Changes since the last commit: a buffer, segments written but not yet visible, and deletions."""

    def __init__(self, storage: DurableStorage, state: GenerationState, analyser: BulkAnalyser, lock: LockBase) -> None:
        self._storage, self._state, self._analyser, self._lock = storage, state, analyser, lock
        self._buffer = SegmentBuffer()
        self._segments: list[tuple[W3Segment, SegmentReader]] = [
            (segment, open_segment(storage.folder, segment)) for segment in storage.read_segments(state)
        ]
        self._last_change = state.last_change
        self._committed = False

    def add(self, records: Sequence[Record]) -> None:
        by_id = {record.article.id: record for record in records}  # of several versions, the last one counts
        for article_id in by_id:
            self.delete(article_id)
        documents = [(record.article.id, document) for record in by_id.values() if not record.deleted for document in documents_of(record)]
        if documents:
            arrays = self._analyser.analyse([(document.title, document.body) for _, document in documents])
            if not self._buffer.takes(arrays):
                self._flush()
            self._buffer.add(documents, arrays)
        self._last_change = max([self._last_change, *(record.change for record in records)])
        if self._buffer.elements > BUFFER_ELEMENTS:
            self._flush()

    def delete(self, article_id: str) -> None:
        self._buffer.drop(article_id)
        for segment, reader in self._segments:
            article = reader.collection("articles").find(article_id)
            if article >= 0:
                segment.delete_document(reader.first["articles"] + article)
            statements = reader.collection("statements")
            if statements.size:
                for number in Leaves(statements).find(Keyword("article", article_id)).documents.tolist():
                    segment.delete_document(reader.first["statements"] + number)

    def commit(self, built_at: str, *, compact: bool) -> None:
        if len(self._buffer):
            self._flush()
        self._merge(compact)
        files = {reader.source.path.name: (reader.source.size, reader.source.checksum) for _, reader in self._segments}
        generation = max(self._storage.generations()) + 1
        state = GenerationState(generation, self._last_change, built_at, VERSIONS, files)
        self._storage.commit(state, [segment for segment, _ in self._segments])
        self._committed = True
        self._storage.clean_up()

    def close(self) -> None:
        if not self._committed:
            self._segments = []
            self._storage.clean_up()
        self._lock.release()

    def _flush(self) -> None:
        """Write the buffer as a segment."""
        self._write_segment(self._buffer.write, self._buffer.elements * _BYTES_PER_ELEMENT)
        self._buffer = SegmentBuffer()

    def _merge(self, compact: bool) -> None:
        ordered = sorted(self._segments, key=lambda part: part[0].doc_count_all() - part[0].deleted_count(), reverse=True)
        living = [segment.doc_count_all() - segment.deleted_count() for segment, _ in ordered]
        kept = 0 if compact else max(0, len(ordered) - 1)
        while kept and (kept >= MAX_SEGMENTS or living[kept - 1] <= _MERGE_RATIO * sum(living[kept:])):
            kept -= 1
        merged = ordered[kept:] if len(ordered) - kept > 1 else []
        whole = [part for part in ordered if all(part is not other for other in merged)]
        # A segment most of which is deleted is written anew, an empty one goes.
        merged += [(s, r) for s, r in whole if s.deleted_count() and (compact or s.deleted_count() >= s.doc_count_all() / 2)]
        self._segments = [(s, r) for s, r in whole if all(s is not o for o, _ in merged) and s.doc_count_all() > s.deleted_count()]
        merged = [(s, r) for s, r in merged if s.doc_count_all() > s.deleted_count()]
        if merged:
            readers = [open_segment(self._storage.folder, segment) for segment, _ in merged]  # with the deletions of now
            self._write_segment(lambda out: merge(out, readers), sum(reader.source.size for reader in readers))

    def _write_segment(self, write: Callable[[SectionWriter], dict[Scope, int]], estimate: int) -> None:
        free = shutil.disk_usage(self._storage.folder).free
        if free < 2 * estimate + _RESERVE:
            raise ArchiveError(
                f"{self._storage.folder}: {free >> 20} MiB are free, about {(2 * estimate + _RESERVE) >> 20} are needed; free space and try again"
            )
        segment = ColumnCodec().new_segment(None, "MAIN")
        with SectionWriter(self._storage.folder / segment.make_filename(EXTENSION)) as out:
            counts = write(out)
            out.finish()
        segment.set_doc_count(sum(counts[scope] for scope in SCOPES))
        self._segments.append((segment, open_segment(self._storage.folder, segment)))
