"""SIGKILL at any moment of crawling, importing and indexing: the next run completes without loss or duplicates."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import write_jsonl
from serve import SampleServer

from searcher import Archive

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
KILLS = 8


def run_until_done(folder: Path, *words: str, kills: int, longest: float) -> None:
    """Run a command again and again, kill it ``kills`` times at random moments of its first seconds, then let it end."""
    rng = random.Random(len(words))
    command = [sys.executable, "-m", "searcher", "--archive", str(folder), *words]
    killed = 0
    while killed < kills:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(0.1 + rng.random() * longest)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        else:
            longest *= 0.7  # it was done before: be quicker next time
        process.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def test_killed_crawls_lose_and_repeat_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    Archive.create(folder).close()
    with SampleServer() as server:
        arguments = ("crawl", *server.seeds, "--resolve", server.resolve, "--delay", "0.01")
        run_until_done(folder, *arguments, kills=KILLS, longest=1.2)
    run_until_done(folder, "index", kills=KILLS, longest=1.0)
    with Archive.open(folder) as archive:
        assert archive.check(deep=True) == []
        assert archive.status()["articles"] == 63
        assert archive.search().total == 63
        counted = [hit.id for hit in archive.scan()]
        assert len(counted) == len(set(counted)) == 63
    assert not [p.name for p in (folder / "index").iterdir() if ".toc." in p.name]


def test_killed_imports_and_indexing_lose_and_repeat_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    Archive.create(folder).close()
    records = [{"id": f"n{i}", "title": f"Tin số {i}", "body": f"Ngập úng ở khóm {i}. " * 20} for i in range(6000)]
    data = write_jsonl(tmp_path / "data.jsonl", records)
    run_until_done(folder, "import", str(data), kills=KILLS, longest=1.2)
    with Archive.open(folder) as archive:
        assert archive.status()["captures"] == 6000
    run_until_done(folder, "extract", kills=4, longest=2.0)
    run_until_done(folder, "index", kills=KILLS, longest=6.0)
    with Archive.open(folder) as archive:
        assert archive.check() == []
        assert archive.search("ngập úng").total == 6000
        assert {hit.id for hit in archive.scan()} == {record["id"] for record in records}
        assert len(list(archive.scan())) == 6000
        assert archive._engine.last_change() == 6000
