"""The index folder: Whoosh's files made durable before a generation becomes visible, and what each generation knows.

Whoosh never calls fsync: after a power cut its table of contents may name files whose content was never written. Here every
file is synced before the table of contents is renamed into place, and the folder after it. Beside it lies
``state-<generation>.json``, written first: the last change applied, the versions, the time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from whoosh.filedb.filestore import FileStorage

from searcher.errors import IndexDamaged
from searcher.files import sync_file, sync_folder

_STATE = re.compile(r"state-(\d+)\.json")


@dataclass(frozen=True, slots=True)
class GenerationState:
    """What a committed generation knows of itself. ``versions`` tell schema, analysis and segmentation model apart."""

    generation: int
    last_change: int
    built_at: str
    versions: dict[str, str]


class DurableStorage(FileStorage):  # type: ignore[misc]
    """A folder whose files are on disk before their generation is visible."""

    def rename_file(self, oldname: str, newname: str, safe: bool = False) -> None:
        """Sync everything, then rename, then sync the folder."""
        for name in self.list():
            path = Path(self.folder) / name
            if path.is_file() and not name.endswith(("LOCK", ".toc")):
                sync_file(path)
        super().rename_file(oldname, newname, safe)
        sync_folder(Path(self.folder))

    def segment_files(self) -> Iterator[Path]:
        """Yield the files of the index's segments."""
        for name in sorted(self.list()):
            if name.startswith("MAIN_") and (Path(self.folder) / name).is_file():
                yield Path(self.folder) / name

    def write_state(self, state: GenerationState) -> None:
        """Write what ``state.generation`` will know, before it becomes visible."""
        path = Path(self.folder) / f"state-{state.generation}.json"
        path.write_text(json.dumps(asdict(state), indent=1, sort_keys=True), encoding="utf-8")
        sync_file(path)

    def read_state(self, generation: int) -> GenerationState:
        """Read what ``generation`` knows.

        Raises:
            IndexDamaged: it is missing or unreadable.
        """
        path = Path(self.folder) / f"state-{generation}.json"
        try:
            return GenerationState(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise IndexDamaged(f"{path} is missing or damaged; rebuild the index with: searcher index --rebuild") from error

    def clean_up(self, generation: int) -> None:
        """Remove what killed writers and older generations left: temporary folders and drafts, and other states."""
        for name in self.list():
            path = Path(self.folder) / name
            found = _STATE.fullmatch(name)
            if path.is_dir() and name.endswith(".tmp"):
                for leftover in path.iterdir():
                    leftover.unlink()
            elif (found and int(found[1]) != generation) or re.fullmatch(r"_MAIN_\d+\.toc\..+", name):
                path.unlink()
