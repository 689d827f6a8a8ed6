"""What is acknowledged survives a power cut: images of a file system taken while a process writes to it.

An ext4 file system lies in a file on XFS, which copies a file as it is at one moment (reflink). The copy is what the disk would
hold if the power went just then: it is mounted, its journal replayed, and everything acknowledged before must be there. What a
disk's own cache loses is not simulated. Needs root and the tools of both file systems; ``SEARCHER_TORTURE=1`` takes 200 cuts.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from searcher.engine import Everything, WhooshEngine
from searcher.store import Store

CUTS = 200 if os.environ.get("SEARCHER_TORTURE") else 4
TOOLS = ("mkfs.ext4", "mkfs.xfs", "mount", "umount")


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


class Disk:
    """An ext4 file system, mounted at ``path``, of which images can be taken."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path, self._image = folder, folder / "disk", folder / "lab" / "disk.img"

    def __enter__(self) -> Self:
        lab = self.folder / "lab.img"
        for path in (self.folder / "lab", self.path, self.folder / "cut"):
            path.mkdir()
        self._sparse(lab, 2048)
        run("mkfs.xfs", "-q", "-m", "reflink=1", lab)
        run("mount", "-o", "loop", lab, self.folder / "lab")
        self._sparse(self._image, 512)
        run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self._image)
        run("mount", "-o", "loop,noauto_da_alloc", self._image, self.path)
        return self

    def __exit__(self, *_: object) -> None:
        for path in (self.folder / "cut", self.path, self.folder / "lab"):
            subprocess.run(["umount", "--lazy", str(path)], capture_output=True, check=False)

    @contextmanager
    def cut(self) -> Iterator[Path]:
        """Mount what the disk would hold if the power went now."""
        image, path = self._image.with_name("cut.img"), self.folder / "cut"
        run("cp", "--reflink=always", self._image, image)
        run("mount", "-o", "loop", image, path)
        try:
            yield path
        finally:
            run("umount", path)
            image.unlink()

    @staticmethod
    def _sparse(path: Path, mebibytes: int) -> None:
        with path.open("wb") as file:
            file.truncate(mebibytes << 20)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("needs root to mount file systems")
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"needs {', '.join(missing)}")
    found = Disk(tmp_path)
    try:
        found.__enter__()
    except subprocess.CalledProcessError as error:
        found.__exit__()
        pytest.skip(f"file systems cannot be mounted here: {error.stderr.decode().strip()}")
    yield found
    found.__exit__()


class Worker:
    """A process that prints the number of what it has acknowledged, a line each."""

    def __init__(self, script: str, folder: Path, number: int) -> None:
        command = [sys.executable, "-c", textwrap.dedent(script), str(folder), str(number), str(Path(__file__).parent / "engine")]
        self.folder = folder
        self.acknowledged = 0
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        while not self.acknowledged:
            self.check()
            time.sleep(0.01)

    def check(self) -> None:
        """Fail if it has ended."""
        assert self._process.stderr is not None
        assert self._process.poll() is None, self._process.stderr.read()

    def stop(self) -> None:
        """Kill it and remove what it wrote."""
        self._process.kill()
        self._reader.join()
        with self._process:
            pass
        shutil.rmtree(self.folder)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.acknowledged = int(line)


def cut_again_and_again(disk: Disk, script: str, check: Callable[[Path, int], None]) -> None:
    """Cut the power of a worker; half of the times it began anew, half it has long been writing."""
    rng = random.Random(3)
    worker: Worker | None = None
    for number in range(CUTS):
        if worker is None or number < CUTS // 2:
            if worker is not None:
                worker.stop()
            folder = disk.path / f"run-{number}"
            folder.mkdir()
            worker = Worker(script, folder, number)
        time.sleep(rng.random() * 0.3)
        worker.check()
        promised = worker.acknowledged
        with disk.cut() as cut:
            check(cut / worker.folder.name, promised)
    assert worker is not None
    worker.stop()


def test_the_index_survives_power_cuts(disk: Disk) -> None:
    def check(folder: Path, promised: int) -> None:
        engine = WhooshEngine(folder / "index")
        assert engine.last_change() >= promised
        assert engine.check(deep=True) == []
        stored = engine.snapshot().documents(list(engine.snapshot().scan(Everything(), "articles")))
        assert max(int(d.body.split()[3]) for d in stored) == engine.last_change()
        engine.add([])  # the lock is free
        engine.close()

    script = "import sys; sys.argv[1] += '/index'; sys.path.insert(0, sys.argv[3])\nfrom test_durability import WORKER\nexec(WORKER)"
    cut_again_and_again(disk, script, check)


def test_the_corpus_survives_power_cuts(disk: Disk) -> None:
    def check(folder: Path, promised: int) -> None:
        store = Store.open(folder / "corpus")
        assert store.check(deep=True) == []
        for number in range(max(1, promised - 50), promised + 1):
            capture = store.last_capture(f"http://xa.example/{number % 97}")
            assert capture is not None
        assert store.counts()["captures"] >= promised
        store.close()

    script = """
        import sys, itertools
        from pathlib import Path
        from searcher.store import Store
        store = Store.create(Path(sys.argv[1]) / "corpus")
        for number in itertools.count(1):
            with store.transaction():
                content = f"tin {number % 300} ".encode() * 500
                store.add_response(f"http://xa.example/{number % 97}", content, decoded=content, status=(200, "OK"),
                    headers=[("Content-Type", "text/plain")], request=("GET / HTTP/1.1", []), mime="text/plain", charset="utf-8")
            print(number, flush=True)
    """
    cut_again_and_again(disk, script, check)
