"""What tests share: the sample sites served on loopback, their facts, and an archive that has crawled them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serve import FOLDER, SampleServer

from searcher import Archive
from searcher.crawl import parse_resolve

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


def write_jsonl(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def shared(name: str) -> Path:
    """Return reference data that is not part of this repository; skip the test where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"reference data {name} is not here")
    return path
