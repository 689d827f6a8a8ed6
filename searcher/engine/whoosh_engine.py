"""The engine on one machine: a Whoosh index whose segments are columns."""

from __future__ import annotations

import datetime as dt
import shutil
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from whoosh.util.filelock import LockBase

from searcher.engine.codec import open_segment
from searcher.engine.executor import Executor
from searcher.engine.sections import FORMAT_VERSION, SectionReader
from searcher.engine.snapshot import ColumnSnapshot
from searcher.engine.storage import REBUILD, DurableStorage, GenerationState
from searcher.engine.writer import Merging, Writer
from searcher.errors import ArchiveError, IndexDamaged, IndexMismatch
from searcher.files import copy_or_link, sync_folder
from searcher.model import Record
from searcher.vietnamese.analysis import ANALYSIS_VERSION
from searcher.vietnamese.bulk import BulkAnalyser
from searcher.vietnamese.crf import KNOWN_FILES

VERSIONS = {
    "format": str(FORMAT_VERSION),
    "analysis": str(ANALYSIS_VERSION),
    "segmentation": KNOWN_FILES["models/pyvi3.pkl"][:12],
}
_BATCH = 200
_RETRIES = 20


class WhooshEngine:
    """An ``Engine`` in one folder. Snapshots may be taken and used by several threads, each its own; one thread writes."""

    def __init__(self, folder: Path, *, clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)) -> None:
        self._folder = folder
        self._storage = DurableStorage(folder)
        self._clock = clock
        self._opening = threading.Lock()
        self._analyser: BulkAnalyser | None = None
        self._lock: LockBase | None = None
        self._writer: Writer | None = None
        self._merging: Merging | None = None
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

        Large segments go on being merged afterwards; the folder stays locked until ``settle`` or ``close``.
        With ``compact`` all segments become one without deleted documents, which takes time as indexing does.
        """
        writer = self._write()
        try:
            writer.commit(self._clock().isoformat(timespec="seconds"), VERSIONS, compact=compact)
        finally:
            self._merging = writer.merging
            self._drop_writer()

    def settle(self) -> None:
        """Wait until no merge is under way, and commit what it made."""
        while self._merging is not None:
            self._merging.wait()
            self.commit()

    def start_over(self) -> None:
        """Make an empty index in the folder.

        Raises:
            ArchiveLocked: another process is writing to it.
        """
        self.close()
        lock = self._storage.lock()
        try:
            self._storage.empty()
            self._commit_nothing()
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
        """Copy the visible index into a new folder, by links where the file system allows it.

        Raises:
            ArchiveError: the folder exists already.
        """
        if folder.exists():
            raise ArchiveError(f"{folder} exists already; name a folder that does not")
        draft = folder.with_name(folder.name + ".draft")
        shutil.rmtree(draft, ignore_errors=True)  # of a backup that was killed
        draft.mkdir(parents=True)
        for _ in range(_RETRIES):
            try:
                state, _ = self._current()
                for path in self._storage.files(state):
                    copy_or_link(path, draft / path.name)
            except FileNotFoundError:  # two commits passed meanwhile
                shutil.rmtree(draft)
                draft.mkdir()
                continue
            break
        sync_folder(draft)
        draft.rename(folder)
        sync_folder(folder.parent)

    def restore(self, folder: Path) -> None:
        """Make the index of a backup the visible one, as a commit does: it happens whole or not at all.

        Raises:
            IndexDamaged: the backup does not open or is damaged.
            IndexMismatch: another version made it.
            ArchiveLocked: another process is writing.
        """
        backup = WhooshEngine(folder)
        problems = backup.check(deep=True)
        if problems:
            raise IndexDamaged(f"{folder} cannot be restored: {problems[0]}")
        state, _ = backup._current()
        segments = backup._storage.read_segments(state)
        self.close()
        self._lock = self._storage.lock()
        try:
            self._storage.refuse_open_folder()
            for name in state.segments:
                here = self._folder / name
                if not (here.exists() and here.samefile(folder / name)):
                    copy_or_link(folder / name, here)
            generation = max(self._storage.generations(), default=0) + 1
            self._storage.commit(replace(state, generation=generation), segments)
        finally:
            self._drop_writer()

    def close(self) -> None:
        """Release everything; what was not committed is dropped, and a merge that still goes on is left for the next writer."""
        if self._merging is not None:
            self._merging.cancel()
            self._merging = None
        self._drop_writer()
        self._newest = None

    # Within

    def _write(self) -> Writer:
        if self._writer is None:
            if self._lock is None:
                self._lock = self._storage.lock()
            try:
                self._storage.refuse_open_folder()
                if not self.exists():
                    self._commit_nothing()
                state, _ = self._current()
                if not self._fallen_back:
                    self._clean_up()  # now that the lock is ours, what lies about belongs to nobody
                if self._analyser is None:
                    self._analyser = BulkAnalyser()
                self._writer = Writer(self._storage, state, self._analyser, self._merging)
            except BaseException:
                self._drop_writer()
                raise
        return self._writer

    def _commit_nothing(self) -> None:
        self._storage.commit(GenerationState(0, 0, self._clock().isoformat(timespec="seconds"), VERSIONS, {}), [])

    def _clean_up(self) -> None:
        self._storage.clean_up(self._merging.file if self._merging is not None else "")

    def _drop_writer(self) -> None:
        """Forget what is not committed, and let others write unless a merge is under way."""
        self._writer = None
        if self._lock is not None:
            lock = self._lock
            try:
                if not self._fallen_back and self.exists():
                    self._clean_up()
            finally:
                if self._merging is None:
                    self._lock = None
                    lock.release()

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
