"""The engine on one machine: a Whoosh index, read through arrays."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from whoosh.index import TOC, EmptyIndexError, FileIndex
from whoosh.reading import SegmentReader as WhooshSegmentReader
from whoosh.writing import SegmentWriter

from searcher.engine.base import Found, StoredDocument
from searcher.engine.codec import ArchiveCodec
from searcher.engine.executor import Executor
from searcher.engine.plan import Everything, Field, Node, Plan, Scored
from searcher.engine.schema import SCHEMA_VERSION, build_schema, documents_of, read_stored, text_field
from searcher.engine.segment import SegmentReader
from searcher.engine.storage import DurableStorage, GenerationState
from searcher.errors import ArchiveLocked, IndexDamaged, IndexMismatch
from searcher.model import FacetValue, IndexState, Record, Scope
from searcher.vietnamese.analysis import ANALYSIS_VERSION, Analyser
from searcher.vietnamese.crf import KNOWN_FILES

VERSIONS = {
    "schema": str(SCHEMA_VERSION),
    "analysis": str(ANALYSIS_VERSION),
    "segmentation": KNOWN_FILES["models/pyvi3.pkl"][:12],
}
_MAX_SEGMENTS = 8
_POOL_MEGABYTES = 128
_REBUILD = "rebuild it with: searcher index --rebuild"


class WhooshEngine:
    """An ``Engine`` in one folder. Searches from several threads take turns; each commit is seen by the next search."""

    def __init__(self, folder: Path, *, clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)) -> None:
        self._folder = folder
        self._storage = DurableStorage(str(folder))
        self._clock = clock
        self._lock = threading.RLock()
        self._analyser = Analyser()
        self._writer: SegmentWriter | None = None
        self._last_change = 0
        self._state: GenerationState | None = None
        self._segments: dict[str, SegmentReader] = {}
        self._open: list[Any] = []
        self._executor = Executor(())

    # Writing

    def add(self, records: Iterable[Record]) -> int:
        """Add or replace articles with their statements; return how many."""
        count = 0
        with self._lock:
            batch = list(records)
            self.delete([record.article.id for record in batch])
            for record in batch:
                if not record.deleted:
                    for document in documents_of(record, self._analyser):
                        self._write().add_document(**document)
                self._last_change = max(self._last_change, record.change)
                count += 1
        return count

    def delete(self, article_ids: Sequence[str]) -> None:
        """Take articles and their statements out.

        What was added since the last commit stays: a batch must not hold an article twice.
        """
        with self._lock:
            writer = self._write()
            if not writer.segments:
                return
            reader = writer.reader()
            try:
                for article_id in article_ids:
                    if ("article", article_id.encode()) in reader:
                        matcher = reader.postings("article", article_id.encode())
                        for number in list(matcher.all_ids()):
                            writer.delete_document(number)
            finally:
                reader.close()

    def commit(self) -> None:
        """Make everything since the last commit durable and visible at once."""
        with self._lock:
            writer = self._write()
            generation = writer.generation
            try:
                self._write_state(generation)
                writer.commit(mergetype=_merge)
            except BaseException:
                self._drop_writer()
                raise
            self._writer = None
            self._storage.clean_up(generation)

    def start_over(self) -> None:
        """Make an empty index in the folder; nothing else may be writing to it."""
        with self._lock:
            self._drop_writer()
            self.close()
            self._folder.mkdir(parents=True, exist_ok=True)
            for path in self._folder.iterdir():
                if path.name.startswith(("MAIN", "_MAIN", "state-")):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            self._last_change = 0
            self._write_state(0)
            TOC.create(self._storage, build_schema(), "MAIN")

    # Reading

    def search(self, plan: Plan) -> Found:
        """Return the best documents of a plan and the exact number of all."""
        with self._lock:
            return self._current().search(plan)

    def count(self, node: Node, scope: Scope) -> int:
        """Return how many documents match."""
        with self._lock:
            return self._current().count(node, scope)

    def facets(self, node: Node, scope: Scope, names: Sequence[str]) -> Mapping[str, tuple[FacetValue, ...]]:
        """Count the values of the matching documents, most frequent first."""
        counts: dict[str, Counter[str]] = {name: Counter() for name in names}
        with self._lock:
            for segment, mask in self._current().masks(node, scope):
                for name in names:
                    if name in ("year", "month"):
                        counts[name].update({k: n for k, n in _by_date(segment, mask, name).items() if k})
                    else:
                        values, documents, ordinals = segment.facet_values(name)
                        chosen = Counter(ordinals[mask[documents]].tolist())
                        counts[name].update({values[ordinal]: n for ordinal, n in chosen.items()})
        by_time = ("year", "month")
        return {
            name: tuple(
                FacetValue(value, n)
                for value, n in sorted(found.items(), key=lambda item: (item[0],) if name in by_time else (-item[1], item[0]))
            )
            for name, found in counts.items()
        }

    def histogram(self, node: Node, scope: Scope, unit: str) -> Mapping[str, int]:
        """Count matching documents by ``year`` or ``month`` in the order of time; undated ones under ""."""
        counts: Counter[str] = Counter()
        with self._lock:
            for segment, mask in self._current().masks(node, scope):
                counts.update(_by_date(segment, mask, unit))
        return dict(sorted(counts.items()))

    def undated(self, node: Node, scope: Scope) -> int:
        """Return how many matching documents have no date."""
        with self._lock:
            return sum(int((mask & (segment.days[0] == 0)).sum()) for segment, mask in self._current().masks(node, scope))

    def term_statistics(self, field: Field, terms: Sequence[str], scope: Scope = "articles") -> list[tuple[int, int]]:
        """Return (document frequency, total frequency) of each term."""
        with self._lock:
            self._current()
            found = []
            for term in terms:
                parts = [s.frequency(text_field(field, scope), term.encode("utf-8", "surrogatepass")) for s in self._segments.values()]
                found.append((sum(p[0] for p in parts), sum(p[1] for p in parts)))
            return found

    def vocabulary(self, field: Field, prefix: str, limit: int = 100) -> list[tuple[str, int]]:
        """Return (term, document frequency) of the terms that begin with ``prefix``, in the order of the dictionary."""
        counts: Counter[bytes] = Counter()
        with self._lock:
            self._current()
            for segment in self._segments.values():
                for number, term in enumerate(segment.terms(field, prefix)):
                    if number >= limit:
                        break
                    counts[term] += segment.frequency(field, term)[0]
        return [(term.decode("utf-8", "surrogatepass"), counts[term]) for term in sorted(counts)[:limit]]

    def documents(self, ids: Sequence[str]) -> list[StoredDocument]:
        """Return stored documents in the order asked for; unknown ids are left out."""
        with self._lock:
            self._current()
            found = []
            for name in ids:
                for segment in self._segments.values():
                    number = segment.number_of.get(name)
                    if number is not None:
                        found.append(read_stored(segment.stored(number)))
                        break
            return found

    def scan(self, node: Node, scope: Scope) -> Iterator[str]:
        """Yield the ids of all matching documents, ascending."""
        with self._lock:
            found = [segment.ids[i] for segment, mask in self._current().masks(node, scope) for i in mask.nonzero()[0].tolist()]
        yield from sorted(found)

    def explain(self, ranking: Sequence[Scored], scope: Scope, document_id: str) -> list[tuple[str, float]]:
        """Return what each scored leaf adds to a document's score."""
        with self._lock:
            return self._current().explain(ranking, scope, document_id)

    def state(self) -> IndexState:
        """Return which index answers."""
        with self._lock:
            executor = self._current()
            assert self._state is not None
            return IndexState(self._state.generation, executor.count(Everything(), "articles"), self._state.built_at)

    def exists(self) -> bool:
        """Whether the folder holds an index, of whatever state."""
        return self._generation() >= 0

    def last_change(self) -> int:
        """Return the number of the last change of the corpus that the visible index knows; 0 for no index."""
        with self._lock:
            generation = self._generation()
            if generation < 0:
                return 0
            return self._read_state(generation).last_change

    def check(self, deep: bool = False) -> list[str]:
        """Return the problems found; nothing is repaired."""
        with self._lock:
            try:
                self._current()
            except (IndexDamaged, IndexMismatch) as error:
                return [str(error)]
            return (
                [f"segment {name}: {problem}; {_REBUILD}" for name, s in self._segments.items() for problem in s.verify()] if deep else []
            )

    def backup(self, folder: Path) -> None:
        """Copy the visible index into an empty folder, by links where the file system allows it."""
        with self._lock:
            self._current()
            assert self._state is not None
            folder.mkdir(parents=True, exist_ok=False)
            for path in [
                *self._storage.segment_files(),
                self._folder / f"state-{self._state.generation}.json",
                self._folder / f"_MAIN_{self._state.generation}.toc",
            ]:
                try:
                    os.link(path, folder / path.name)
                except OSError:
                    shutil.copy2(path, folder / path.name)

    def close(self) -> None:
        """Release everything; what was not committed is dropped."""
        with self._lock:
            self._drop_writer()
            for reader in self._open:
                reader.close()
            self._open, self._segments, self._state = [], {}, None

    # Within

    def _write(self) -> SegmentWriter:
        if self._writer is None:
            if not self.exists():
                self.start_over()
            generation = self._generation()
            self._last_change = max(self._last_change, self._read_state(generation).last_change)
            index = FileIndex(self._storage, indexname="MAIN")
            lock = index.lock("WRITELOCK")
            if not lock.acquire():
                raise ArchiveLocked(f"another process is writing to {self._folder}; wait for it to end")
            self._storage.clean_up(generation)  # now that the lock is ours, what lies about belongs to nobody
            self._writer = SegmentWriter(index, limitmb=_POOL_MEGABYTES, codec=ArchiveCodec(), _lk=False)
            self._writer.writelock = lock
        return self._writer

    def _drop_writer(self) -> None:
        """Forget what was not committed; its files are cleaned up by the next writer."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.writelock.release()

    def _generation(self) -> int:
        return int(TOC._latest_generation(self._storage, "MAIN"))  # noqa: SLF001  the only way to learn it without reading the whole

    def _write_state(self, generation: int) -> None:
        built_at = self._clock().isoformat(timespec="seconds")
        self._storage.write_state(GenerationState(generation, self._last_change, built_at, VERSIONS))

    def _read_state(self, generation: int) -> GenerationState:
        """Read what a generation knows of itself.

        Raises:
            IndexMismatch: another version of this program built it.
        """
        state = self._storage.read_state(generation)
        if state.versions != VERSIONS:
            differing = [f"{k} {state.versions.get(k)} (now {v})" for k, v in VERSIONS.items() if state.versions.get(k) != v]
            raise IndexMismatch(f"{self._folder} was built by another version: {', '.join(differing)}; {_REBUILD}")
        return state

    def _current(self) -> Executor:
        """Return the executor over the newest generation; opened segments are kept as long as they are in use."""
        generation = self._generation()
        if generation < 0:
            raise IndexDamaged(f"{self._folder} holds no index yet; build it with: searcher index")
        if self._state is not None and self._state.generation == generation:
            return self._executor
        state = self._read_state(generation)
        try:
            reader = FileIndex(self._storage, indexname="MAIN").reader()
            leaves = [leaf for leaf, _ in reader.leaf_readers()] if reader.doc_count_all() else []
            segments = {leaf.segment().segment_id(): SegmentReader(leaf) for leaf in leaves}
        except EmptyIndexError as error:
            raise IndexDamaged(f"{self._folder} holds no index yet; build it with: searcher index") from error
        except Exception as error:  # damaged bytes raise anything
            raise IndexDamaged(f"{self._folder} does not open ({type(error).__name__}: {error}); {_REBUILD}") from error
        for opened in self._open:
            opened.close()
        self._open, self._segments, self._state = [reader], segments, state
        self._executor = Executor(tuple(segments.values()))
        return self._executor


def _merge(writer: SegmentWriter, segments: list[Any]) -> list[Any]:
    """Merge policy: when there would be too many segments, the smallest become part of the new one."""
    ordered = sorted(segments, key=lambda s: s.doc_count(), reverse=True)
    kept = [s for s in ordered if s.doc_count()]
    merged = kept[_MAX_SEGMENTS // 2 :] if len(kept) >= _MAX_SEGMENTS else [s for s in kept if s.doc_count() < s.doc_count_all() / 2]
    for segment in merged:
        reader = WhooshSegmentReader(writer.storage, writer.schema, segment)
        writer.add_reader(reader)
        reader.close()
    return [s for s in kept if all(s is not other for other in merged)]


def _by_date(segment: SegmentReader, mask: Any, unit: str) -> Counter[str]:
    """Count documents by the year or month their date begins in; a date known to the year has no month."""
    starts, ends = segment.days
    counts: Counter[str] = Counter()
    for first, last, number in _grouped(starts[mask], ends[mask]):
        if first == 0:
            counts[""] += number
            continue
        day, end = dt.date.fromordinal(first), dt.date.fromordinal(last)
        if unit == "year":
            counts[f"{day.year:04}"] += number
        elif (day.year, day.month) == (end.year, end.month):
            counts[f"{day.year:04}-{day.month:02}"] += number
        else:
            counts[f"{day.year:04}"] += number
    return counts


def _grouped(starts: Any, ends: Any) -> Iterator[tuple[int, int, int]]:
    for (first, last), number in Counter(zip(starts.tolist(), ends.tolist(), strict=True)).items():
        yield first, last, number
