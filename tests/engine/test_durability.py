"""What a commit promises: kills, full disks, damaged bytes, hostile files and readers at work.

``SEARCHER_TORTURE=1`` (``make torture``) takes many more kills, flips and commits.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from searcher.engine import Everything, Term, WhooshEngine
from searcher.errors import ArchiveError, IndexDamaged
from searcher.model import Article, Attribution, Record
from searcher.vietnamese.analysis import term_of

TORTURE = bool(os.environ.get("SEARCHER_TORTURE"))
KILLS, FLIPS, COMMITS = (1000, 2000, 1000) if TORTURE else (15, 120, 25)


def record(number: int, text: str, change: int) -> Record:
    return Record(Article(f"a{number:04}", "", "Ngập úng", text), Attribution(), change)


def filled(folder: Path, commits: int = 3) -> WhooshEngine:
    engine = WhooshEngine(folder)
    for commit in range(commits):
        engine.add([record(10 * commit + i, f"ngập lần {commit} số {i}", 10 * commit + i + 1) for i in range(10)])
        engine.commit()
    return engine


def orphans(folder: Path) -> list[str]:
    """Files that neither of the two newest generations names."""
    engine = WhooshEngine(folder)
    storage = engine._storage
    kept = storage.generations()[-2:]
    needed = {path.name for generation in kept for path in storage.files(storage.read_state(generation))} | {"MAIN_WRITELOCK"}
    return sorted({path.name for path in folder.iterdir()} - needed)


WORKER = textwrap.dedent(
    """
    import random, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[3])
    from test_durability import record
    import searcher.engine.writer as writer
    from searcher.engine import WhooshEngine
    writer.BUFFER_ELEMENTS = 150  # several segments a commit
    if int(sys.argv[2]) % 2:
        writer.BACKGROUND_FROM = 0  # every merge goes on beside the commits
    engine = WhooshEngine(Path(sys.argv[1]))
    rng = random.Random(int(sys.argv[2]))
    change = engine.last_change()
    while True:
        batch = []
        for _ in range(rng.randrange(1, 40)):
            change += 1
            batch.append(record(rng.randrange(60), f"ngập thay đổi {change} " * 5, change))
        engine.add(batch)
        engine.delete(["a9999"])
        engine.commit()
        print(change, flush=True)
    """
)


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_writers_lose_nothing_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    filled(folder, 1).close()
    rng = random.Random(5)
    acknowledged = 0
    for kill in range(KILLS):
        command = [sys.executable, "-c", WORKER, str(folder), str(kill), str(Path(__file__).parent)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        acknowledged = int(process.stdout.readline() or acknowledged)
        time.sleep(rng.random() * 0.15)
        process.send_signal(signal.SIGKILL)
        output, errors = process.communicate()
        assert not errors, errors
        acknowledged = max([acknowledged, *map(int, output.split())])
        engine = WhooshEngine(folder)
        assert engine.last_change() >= acknowledged
        assert engine.check(deep=True) == []
        stored = engine.snapshot().documents(list(engine.snapshot().scan(Everything(), "articles")))
        assert max(int(d.body.split()[3]) for d in stored if "thay đổi" in d.body) == engine.last_change()
        engine.add([])  # the lock is free, and what lay about is cleared away
        assert orphans(folder) == []
        engine.close()


COPIER = textwrap.dedent(
    """
    import itertools, sys
    from pathlib import Path
    from searcher.engine import WhooshEngine
    folder = Path(sys.argv[1])
    engine = WhooshEngine(folder / "index")
    print("ready", flush=True)
    for number in itertools.count(int(sys.argv[2]) * 1000):
        engine.restore(folder / "ab"[number % 2])
        engine.backup(folder / f"copy-{number}")
    """
)


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_backups_and_restores_are_whole_or_absent(tmp_path: Path) -> None:
    contents: dict[str, set[str]] = {}
    for name, first in (("a", 0), ("b", 50)):
        engine = WhooshEngine(tmp_path / f"index-{name}")
        engine.add([record(number, "ngập úng", number + 1) for number in range(first, first + 30)])
        engine.commit()
        engine.backup(tmp_path / name)
        contents[name] = set(engine.snapshot().scan(Everything(), "articles"))
        engine.close()
    whole = list(contents.values())
    rng = random.Random(6)
    for kill in range(max(10, KILLS // 5)):
        command = [sys.executable, "-c", COPIER, str(tmp_path), str(kill)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.01 + rng.random() * 0.1)
        process.send_signal(signal.SIGKILL)
        assert not process.communicate()[1]
        engine = WhooshEngine(tmp_path / "index")
        if engine.exists():
            assert engine.check(deep=True) == []
            assert set(engine.snapshot().scan(Everything(), "articles")) in whole
        engine.add([])  # the lock is free
        engine.close()
        assert orphans(tmp_path / "index") == []
        for copy in tmp_path.glob("copy-*"):
            if copy.suffix != ".draft":
                assert WhooshEngine(copy).check(deep=True) == []
                assert set(WhooshEngine(copy).snapshot().scan(Everything(), "articles")) in whole
            shutil.rmtree(copy)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
def test_failing_writes_leave_what_was_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    folder = tmp_path / "index"
    engine = filled(folder, 2)
    failed = 0
    for target, name in ((os, "fsync"), (Path, "rename"), (Path, "write_bytes")):
        original: Callable[..., Any] = getattr(target, name)
        for nth in range(8):
            calls = [0]

            def failing(
                *arguments: Any, nth: int = nth, calls: list[int] = calls, original: Callable[..., Any] = original, **more: Any
            ) -> Any:
                calls[0] += 1
                if calls[0] == nth + 1:
                    raise OSError(code, os.strerror(code))
                return original(*arguments, **more)

            before = engine.snapshot().state()
            with monkeypatch.context() as patch:
                patch.setattr(target, name, failing)
                try:
                    engine.add([record(900 + nth, "ngập nữa", 10_000 + nth)])
                    engine.commit()
                except OSError as error:
                    assert error.errno == code
                    failed += 1
                    assert engine.snapshot().count(Term("syllables", term_of("ngập")), "articles") == before.documents
            engine.add([record(900 + nth, "ngập nữa", 10_000 + nth)])
            engine.commit()
            assert engine.check(deep=True) == []
            assert orphans(folder) == []
            engine.delete([f"a{900 + nth:04}"])
            engine.commit()
    assert failed >= 10
    engine.close()


def test_too_little_space_is_said_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = filled(tmp_path / "index", 1)
    engine.add([record(50, "thêm", 99)])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 30, 1 << 30, 1 << 20))  # type: ignore[attr-defined]
    with pytest.raises(ArchiveError, match="1 MiB are free, about 64 are needed; free space"):
        engine.commit()
    monkeypatch.undo()
    assert engine.snapshot().state().documents == 10
    engine.add([record(50, "thêm", 99)])
    engine.commit()
    assert engine.snapshot().state().documents == 11
    engine.close()


def test_every_damage_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    filled(folder).close()
    whole = {path.name: path.read_bytes() for path in folder.iterdir() if path.stat().st_size}
    rng = random.Random(11)
    for number in range(FLIPS):
        name = rng.choice(sorted(whole))
        data = bytearray(whole[name])
        at = rng.randrange(len(data))
        if number % 3 == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif number % 3 == 1:
            del data[at:]
        else:
            sector = slice(at, min(len(data), at + 512))
            if not any(data[sector]):
                continue
            data[sector] = bytes(sector.stop - sector.start)
        (folder / name).write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # that the generation before answers
            engine = WhooshEngine(folder)
            assert engine.check(deep=True), (name, at, number % 3)
            try:
                engine.snapshot().count(Term("syllables", term_of("ngập")), "articles")
            except IndexDamaged as error:
                assert "rebuild" in str(error)
            engine.close()
        (folder / name).write_bytes(whole[name])
    assert WhooshEngine(folder).check(deep=True) == []


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.environ["HOSTILE_MARK"],)


def test_hostile_tables_of_contents_run_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTILE_MARK", str(tmp_path / "ran"))
    folder = tmp_path / "index"
    filled(folder, 1).close()
    toc = folder / "_MAIN_1.toc"
    data = toc.read_bytes()
    end = data.index(b"\x80\x02", 40) if b"\x80\x02" in data[40:] else data.rindex(b"\x80")
    toc.write_bytes(data[: data.rindex(b"\x80", 0, end + 1)] + pickle.dumps([Hostile()]))
    hostile = toc.read_bytes()
    state = folder / "state-1.json"
    values = json.loads(json.loads(state.read_text())[0]) | {"toc": hashlib.sha256(hostile).hexdigest()}
    text = json.dumps(values, sort_keys=True)
    state.write_text(json.dumps([text, hashlib.sha256(text.encode()).hexdigest()]))
    (folder / "_MAIN_0.toc").unlink()
    engine = WhooshEngine(folder)
    with pytest.raises(IndexDamaged, match="does not open"):
        engine.snapshot()
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(os.name != "posix", reason="needs modes of folders")
def test_folders_that_anybody_may_write_to_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    filled(folder, 1).close()
    folder.chmod(0o777)
    with pytest.raises(IndexDamaged, match="chmod o-w"):
        WhooshEngine(folder).snapshot()
    folder.chmod(0o755)
    assert WhooshEngine(folder).snapshot().state().documents == 10


READER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from searcher.engine import Term, WhooshEngine
    from searcher.vietnamese.analysis import term_of
    engine = WhooshEngine(Path(sys.argv[1]))
    last = searches = 0
    while not (Path(sys.argv[1]).parent / "stop").exists():
        snapshot = engine.snapshot()
        state = snapshot.state()
        assert state.generation >= last, (state, last)
        last = state.generation
        assert snapshot.count(Term("syllables", term_of("ngập")), "articles") == state.documents
        searches += 1
    print(searches)
    """
)


def test_readers_go_on_during_commits(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    engine = filled(folder, 1)
    processes = [subprocess.Popen([sys.executable, "-c", READER, str(folder)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    stop = threading.Event()
    errors: list[BaseException] = []
    searches = [0]

    def read() -> None:
        last = 0
        try:
            while not stop.is_set():
                snapshot = engine.snapshot()
                state = snapshot.state()
                assert state.generation >= last
                last = state.generation
                assert snapshot.count(Term("syllables", term_of("ngập")), "articles") == state.documents
                searches[0] += 1
        except BaseException as error:  # noqa: BLE001  the main thread looks at it
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    writer = WhooshEngine(folder)
    for commit in range(COMMITS):
        writer.add([record(commit % 30, f"ngập {commit}", 100 + commit)])
        if commit % 5 == 4:
            writer.delete([f"a{commit % 10:04}"])
        writer.commit()
    stop.set()
    (tmp_path / "stop").touch()
    for thread in threads:
        thread.join()
    assert errors == []
    assert searches[0] > 100
    assert all(int(process.communicate()[0]) > 10 and process.returncode == 0 for process in processes)
    writer.close()
    engine.close()
