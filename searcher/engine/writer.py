"""Writing to the index: a buffer, segments written but not yet visible, deletions, and merges.

Small segments are merged within a commit. Larger ones are merged in a thread of their own while commits go on; what is
deleted meanwhile is deleted in the merged segment when it takes their place.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from whoosh.codec.whoosh3 import W3Segment

from searcher.engine.builder import SegmentBuffer
from searcher.engine.codec import EXTENSION, ColumnCodec, open_segment
from searcher.engine.collection import SCOPES
from searcher.engine.leaves import Leaves
from searcher.engine.merge import Merged, merge
from searcher.engine.plan import Keyword
from searcher.engine.records import documents_of
from searcher.engine.sections import SectionWriter
from searcher.engine.segment import SegmentReader
from searcher.engine.storage import DurableStorage, GenerationState
from searcher.errors import ArchiveError
from searcher.model import Record, Scope
from searcher.vietnamese.bulk import BulkAnalyser

#: Segments that are left at most once no merge is under way.
MAX_SEGMENTS = 3
#: Bytes of segments from which a merge goes on beside the commits; below, it takes a second or two.
BACKGROUND_FROM = 16 << 20
#: A segment joins a merge unless it is so many times as large as what is merged already.
_MERGE_RATIO = 3
#: Syllables buffered before a segment is written. Arrays of this size are reused by the allocator; larger ones cost a page
#: fault for each page each time (6,000,000: 1.4 times the time, twice the memory).
BUFFER_ELEMENTS = 1_500_000
#: Bytes of free space asked for beyond the estimate of what is to be written.
_RESERVE = 64 << 20
_BYTES_PER_ELEMENT = 16

Part = tuple[W3Segment, SegmentReader]


class Merging:
    """Segments that become one in a thread of their own."""

    def __init__(self, folder: Path, parts: Sequence[Part]) -> None:
        self._folder = folder
        self._readers = [open_segment(folder, segment) for segment, _ in parts]  # with the deletions of now
        self._deleted = {segment.segment_id(): frozenset(segment.deleted_docs()) for segment, _ in parts}
        self._segment = ColumnCodec().new_segment(None, "MAIN")
        self._cancelled = threading.Event()
        self._merged: Merged | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="merging", daemon=True)
        self._thread.start()

    @property
    def file(self) -> str:
        """The name of the file that is being written."""
        return str(self._segment.make_filename(EXTENSION))

    def takes(self, segment: W3Segment) -> bool:
        """Whether a segment is one of those that become one."""
        return segment.segment_id() in self._deleted

    def running(self) -> bool:
        """Whether it still goes on."""
        return self._thread.is_alive()

    def wait(self) -> None:
        """Return once it has ended."""
        self._thread.join()

    def cancel(self) -> None:
        """End it without a result."""
        self._cancelled.set()
        self._thread.join()

    def install(self, parts: Sequence[Part]) -> list[Part]:
        """Return ``parts`` with the merged segment in place of what it was made of; what was deleted meanwhile is deleted in it.

        Raises:
            OSError: it could not be written.
        """
        self.wait()
        if self._error is not None:
            raise self._error
        assert self._merged is not None
        segment = self._segment
        segment.set_doc_count(sum(self._merged.counts.values()))
        current = {s.segment_id(): s for s, _ in parts}
        for which, (name, earlier) in enumerate(self._deleted.items()):
            reader = self._readers[which]
            for number in set(current[name].deleted_docs()) - earlier:
                scope: Scope = "statements" if number >= reader.first["statements"] else "articles"
                new = int(self._merged.numbers[scope][which][number - reader.first[scope]])
                segment.delete_document(new + (self._merged.counts["articles"] if scope == "statements" else 0))
        return [part for part in parts if not self.takes(part[0])] + [(segment, open_segment(self._folder, segment))]

    def _run(self) -> None:
        try:
            with SectionWriter(self._folder / self.file, cancelled=self._cancelled.is_set) as out:
                self._merged = merge(out, self._readers)
                out.finish()
        except BaseException as error:  # noqa: BLE001  ``install`` raises it where somebody waits for it
            self._error = error


class Writer:
    """Changes since the last commit. The caller holds the lock."""

    def __init__(self, storage: DurableStorage, state: GenerationState, analyser: BulkAnalyser, merging: Merging | None) -> None:
        self._storage, self._state, self._analyser = storage, state, analyser
        self.merging = merging
        self._buffer = SegmentBuffer()
        self._segments: list[Part] = [(segment, open_segment(storage.folder, segment)) for segment in storage.read_segments(state)]
        self._last_change = state.last_change

    def add(self, records: Sequence[Record]) -> None:
        """Add or replace articles."""
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
        """Delete an article and its statements."""
        self._buffer.drop(article_id)
        for segment, reader in self._segments:
            article = reader.collection("articles").find(article_id)
            if article >= 0:
                segment.delete_document(reader.first["articles"] + article)
            statements = reader.collection("statements")
            if statements.size:
                for number in Leaves(statements).find(Keyword("article", article_id)).documents.tolist():
                    segment.delete_document(reader.first["statements"] + number)

    def commit(self, built_at: str, versions: dict[str, str], *, compact: bool) -> None:
        """Make everything visible. A merge that has ended takes effect; a large one that is due goes on after the return."""
        if self.merging is not None and (compact or not self.merging.running()):
            ended, self.merging = self.merging, None
            self._segments = ended.install(self._segments)
        if len(self._buffer):
            self._flush()
        due = self._merge(compact)
        files = {reader.source.path.name: (reader.source.size, reader.source.checksum) for _, reader in self._segments}
        generation = max(self._storage.generations()) + 1
        state = GenerationState(generation, self._last_change, built_at, versions, files)
        self._storage.commit(state, [segment for segment, _ in self._segments])
        if due:
            self.merging = Merging(self._storage.folder, due)

    def _flush(self) -> None:
        """Write the buffer as a segment."""
        self._write_segment(self._buffer.write, self._buffer.elements * _BYTES_PER_ELEMENT)
        self._buffer = SegmentBuffer()

    def _merge(self, compact: bool) -> list[Part]:
        """Merge what is due; return the segments that are to be merged beside the commits, if any."""
        busy = [part for part in self._segments if self.merging is not None and self.merging.takes(part[0])]
        free = [part for part in self._segments if all(part is not other for other in busy)]
        # An empty segment goes; of the others the smallest are merged, and those most of which is deleted are written anew.
        free = [part for part in free if _living(part)]
        chosen, kept = _choose(free, compact)
        if not chosen:
            self._segments = busy + kept
            return []
        size = sum(reader.source.size for _, reader in chosen)
        self._require(size)
        if size >= BACKGROUND_FROM and not compact:
            if self.merging is None:
                self._segments = busy + kept + chosen
                return chosen
            small = [part for part in chosen if part[1].source.size < BACKGROUND_FROM // 8]
            kept += [part for part in chosen if all(part is not other for other in small)]
            if len(small) <= MAX_SEGMENTS:
                self._segments = busy + kept + small
                return []
            chosen = small
        self._segments = busy + kept
        readers = [open_segment(self._storage.folder, segment) for segment, _ in chosen]  # with the deletions of now
        self._write_segment(lambda out: merge(out, readers).counts, size)
        return []

    def _write_segment(self, write: Callable[[SectionWriter], dict[Scope, int]], estimate: int) -> None:
        self._require(estimate)
        segment = ColumnCodec().new_segment(None, "MAIN")
        with SectionWriter(self._storage.folder / segment.make_filename(EXTENSION)) as out:
            counts = write(out)
            out.finish()
        segment.set_doc_count(sum(counts[scope] for scope in SCOPES))
        self._segments.append((segment, open_segment(self._storage.folder, segment)))

    def _require(self, estimate: int) -> None:
        free = shutil.disk_usage(self._storage.folder).free
        if free < 2 * estimate + _RESERVE:
            raise ArchiveError(
                f"{self._storage.folder}: {free >> 20} MiB are free, about {(2 * estimate + _RESERVE) >> 20} are needed; free space and try again"
            )


def _living(part: Part) -> int:
    return int(part[0].doc_count_all() - part[0].deleted_count())


def _choose(parts: Sequence[Part], compact: bool) -> tuple[list[Part], list[Part]]:
    """Split segments into those that become one and those that stay."""
    ordered = sorted(parts, key=_living, reverse=True)
    living = [_living(part) for part in ordered]
    kept = 0 if compact else max(0, len(ordered) - 1)
    while kept and (kept >= MAX_SEGMENTS or living[kept - 1] <= _MERGE_RATIO * sum(living[kept:])):
        kept -= 1
    chosen = ordered[kept:] if len(ordered) - kept > 1 else []
    stay: list[Part] = []
    for part in ordered[:kept] if chosen else ordered:
        worn = part[0].deleted_count() and (compact or part[0].deleted_count() >= part[0].doc_count_all() / 2)
        (chosen if worn else stay).append(part)
    return chosen, stay
