"""The command line: answers on stdout, talk on stderr, exit codes, formats, and errors of one line."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from searcher import Archive
from searcher.wire import results_json


def run(folder: Path, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "searcher", "--archive", str(folder), *words], capture_output=True, text=True, check=False, input=stdin
    )


def test_search_prints_what_python_answers(crawled_folder: Path, crawled: Archive) -> None:
    done = run(crawled_folder, "search", "ngập", "úng", "--from", "2020", "--facet", "year", "--facet", "speaker", "--json")
    assert done.returncode == 0
    assert done.stderr == ""
    assert json.loads(done.stdout) == results_json(crawled.search("ngập úng", since="2020", facets=("year", "speaker")))


def test_json_has_the_agreed_shape(crawled_folder: Path) -> None:
    data = json.loads(run(crawled_folder, "search", "cống", "--scope", "statements", "--limit", "1", "--json").stdout)
    assert {"schema_version", "query", "total", "hits", "total_all", "total_any", "facets", "next_cursor", "index"} <= data.keys()
    assert data["query"].keys() == {"raw", "interpreted", "notes"}
    assert {"id", "url", "title", "date", "date_precision", "source", "speakers", "score", "snippet", "statement"} <= data["hits"][0].keys()
    assert data["hits"][0]["statement"].keys() == {"article_id", "speaker", "role", "mode", "text", "start", "end", "rule", "confidence"}
    assert data["index"].keys() == {"generation", "documents", "built_at"}


def test_formats(crawled_folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run(crawled_folder, "search", "ngập", "--format", "csv").stdout)))
    lines = [json.loads(line) for line in run(crawled_folder, "search", "ngập", "--format", "jsonl").stdout.splitlines()]
    table = run(crawled_folder, "search", "ngập").stdout
    assert [row["id"] for row in rows] == [line["id"] for line in lines]
    assert "«ngập" in table.lower()
    assert "\033" not in table


def test_exit_codes(crawled_folder: Path) -> None:
    assert run(crawled_folder, "search", "zzz").returncode == 1
    assert run(crawled_folder, "search", "n*").returncode == 2
    assert run(crawled_folder, "speakers", "nobody").returncode == 1
    assert run(crawled_folder, "show", "nothing").returncode == 2
    assert run(crawled_folder, "search", "--nonsense").returncode == 2


def test_show_speakers_export_status_check(crawled_folder: Path, facts: list[dict[str, Any]]) -> None:
    (hit,) = json.loads(run(crawled_folder, "search", '"Khởi công cống ngăn triều"', "--json").stdout)["hits"]
    shown = json.loads(run(crawled_folder, "show", hit["id"], "--json").stdout)
    assert shown["statements"][0]["speaker"] == "Lê Thị Ngọc Hân"
    assert "Phát biểu: Lê Thị Ngọc Hân – Chủ tịch UBND phường" in run(crawled_folder, "show", hit["id"]).stdout
    listed = json.loads(run(crawled_folder, "speakers", "thich hue chau", "--json").stdout)
    assert listed[0]["speaker"] == "Thích Huệ Châu"
    assert len(json.loads(run(crawled_folder, "speakers", "--article", hit["id"], "--json").stdout)) == len(shown["statements"])
    exported = run(crawled_folder, "export", "--from", "2025")
    assert len(exported.stdout.splitlines()) == sum((f["published"] or f["event"]) >= "2025" for f in facts)
    assert run(crawled_folder, "export", "ngập", "--format", "csv").stdout.startswith("\ufeffid,url,title")
    assert json.loads(run(crawled_folder, "status", "--json").stdout)["articles"] == 63
    assert run(crawled_folder, "check", "--deep").returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("search", "x"), "is not an archive; make one with"),
        (("index",), "is not an archive"),
        (("import", "x.jsonl"), "is not an archive"),
    ],
)
def test_a_folder_that_is_no_archive(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    done = run(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_errors_are_one_line_without_traceback(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    assert run(folder, "create").returncode == 0
    assert run(folder, "create").stderr == f"searcher: {folder} is an archive already; use it as it is\n"
    assert run(folder, "search", "x").stderr.endswith("holds no index yet; build it with: searcher index\n")
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"title": "Tốt"}\nhỏng\n', encoding="utf-8")
    done = run(folder, "import", str(bad))
    assert done.returncode == 2
    assert done.stderr == f"searcher: {bad}:2: not JSON at column 1; each line must hold one JSON object\n"
    assert "1" in done.stdout
    unreachable = run(folder, "crawl", "http://x.example/", "--resolve", "*=127.0.0.1:9", "--delay", "0")
    assert unreachable.returncode == 2
    assert "cannot be reached" in unreachable.stderr
    for words in (("search", "x", "--from", "31/02/2025"), ("crawl", "ftp://x"), ("serve", "--host", "0.0.0.0")):
        done = run(folder, *words)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_a_full_disk_is_reported_and_nothing_is_half_written(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    run(folder, "create")
    data = tmp_path / "a.jsonl"
    data.write_text(
        "".join(json.dumps({"title": f"Tin {i}", "body": f"{i} nội dung " * 3000}, ensure_ascii=False) + "\n" for i in range(2000)),
        encoding="utf-8",
    )
    # A limit on the size of files stands in for the disk's end: writing fails with the same kind of error.
    code = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)); from searcher.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--archive", str(folder), "import", str(data)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "free some space" in done.stderr
    assert "Traceback" not in done.stderr
    assert run(folder, "import", str(data)).returncode == 0
    assert json.loads(run(folder, "status", "--json").stdout)["captures"] == 2000
    assert run(folder, "check", "--deep").returncode == 0


def test_every_command_is_documented() -> None:
    from searcher.cli.main import cli

    readme = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
    for name, command in cli.commands.items():
        assert command.help, name
        assert f"searcher {name}" in readme, name
