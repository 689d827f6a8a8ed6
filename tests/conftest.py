"""What tests share: the sample sites served on loopback, their facts, and an archive that has crawled them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3
import uvicorn
from serve import FOLDER, SampleServer

from searcher import Archive
from searcher.crawl import parse_resolve
from searcher.web import create_app

SHARED = Path(__file__).parent.parent.parent / "shared"


@pytest.fixture(scope="session")
def facts() -> list[dict[str, Any]]:
    return json.loads((FOLDER / "articles.json").read_text(encoding="utf-8"))["articles"]


@pytest.fixture(scope="session")
def sample_server() -> Iterator[SampleServer]:
    with SampleServer() as server:
        yield server


@pytest.fixture(scope="session")
def crawled_folder(sample_server: SampleServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "archive"
    with Archive.create(folder) as archive:
        report = archive.crawl(sample_server.seeds, delay=0, resolve=parse_resolve([sample_server.resolve]))
        assert report.finished
        assert not report.failed
        archive.index()
    return folder


@pytest.fixture(scope="session")
def crawled(crawled_folder: Path) -> Iterator[Archive]:
    with Archive.open(crawled_folder) as archive:
        yield archive


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.create(tmp_path / "archive") as made:
        yield made


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve an archive on loopback; yields the address."""
    running = uvicorn.Server(uvicorn.Config(create_app(folder), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    running.should_exit = True
    thread.join()


def get(url: str, **headers: str) -> urllib3.BaseHTTPResponse:
    with urllib3.PoolManager() as pool:
        return pool.request("GET", url, headers=headers, retries=False)


def write_jsonl(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def shared(name: str) -> Path:
    """Return reference data that is not part of this repository; skip the test where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"reference data {name} is not here")
    return path
