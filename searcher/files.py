"""Making files durable; shared by the rooms that keep something."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def sync_file(path: Path) -> None:
    """Return once the content of ``path`` is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Return once new and renamed entries of ``folder`` are on the disk, where the system allows it (Windows does so by itself)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def copy_or_link(source: Path, target: Path) -> None:
    """Give a file a second name; if there is a file of that name or the file system has no second names, copy it durably."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        draft = target.with_name(target.name + ".draft")
        shutil.copy2(source, draft)
        sync_file(draft)
        draft.replace(target)
