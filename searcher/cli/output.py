"""How commands print: tables for people, JSON and CSV for programs, progress on a terminal only."""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from searcher.archive import Archive
from searcher.model import Hit, Results
from searcher.wire import hit_json, results_json

F = TypeVar("F", bound=Callable[..., Any])
#: What the command exits with.
FOUND, NOTHING, ERROR, INTERRUPTED = 0, 1, 2, 130
_EVERY = 0.1


def opened(context: click.Context) -> Archive:
    """Open the archive that the command line names."""
    return context.with_resource(Archive.open(context.obj, progress=progress()))


def output_options(command: F) -> F:
    """Add ``--format`` and ``--json`` to a command."""
    command = click.option("--json", "form", flag_value="json", help="như --format json")(command)
    return click.option(
        "--format",
        "form",
        type=click.Choice(["table", "json", "jsonl", "csv"]),
        default="table",
        show_default=True,
        help="dạng kết quả in ra",
    )(command)


def print_rows(rows: Sequence[dict[str, Any]], form: str) -> None:
    """Print rows with equal keys."""
    if form == "json":
        print_json(list(rows))
    elif form == "jsonl":
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
    elif form == "csv":
        writer = csv.writer(sys.stdout)
        if rows:
            writer.writerow(rows[0])
        writer.writerows([row.values() for row in rows])
    elif rows:
        widths = {key: max(len(key), *(len(str(row[key])) for row in rows)) for key in rows[0]}
        click.echo("  ".join(key.ljust(width) for key, width in widths.items()).rstrip())
        for row in rows:
            click.echo(
                "  ".join(
                    str(row[key]).rjust(width) if isinstance(row[key], int) else str(row[key]).ljust(width) for key, width in widths.items()
                ).rstrip()
            )


def print_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_results(results: Results, form: str) -> None:
    """Print a search's results."""
    if form == "json":
        print_json(results_json(results))
        return
    if form in ("jsonl", "csv"):
        rows = [hit_json(hit) for hit in results.hits]
        if form == "csv":
            rows = [
                {k: row[k] for k in ("id", "url", "title", "date", "source", "score")}
                | {"speakers": "; ".join(p["name"] for p in row["speakers"]), "snippet": "".join(s["text"] for s in row["snippet"])}
                for row in rows
            ]
        print_rows(rows, form)
        return
    click.echo(
        f"{results.total} kết quả (đủ các từ: {results.total_all}, một từ bất kỳ: {results.total_any}) cho: {results.interpreted or 'tất cả'}"
    )
    for note in results.notes:
        click.echo(f"  ({note})")
    for number, hit in enumerate(results.hits, start=1):
        click.echo("")
        click.echo(f"{number:>3}. {style(hit.title or '(không có tiêu đề)', bold=True)}")
        speakers = ", ".join(p.name for p in hit.speakers)
        facts = [
            str(hit.date or "không rõ ngày"),
            hit.source,
            f"phát biểu: {speakers}" if speakers else "",
            f"điểm {hit.score:.2f}" if hit.score else "",
        ]
        click.echo("     " + " · ".join(filter(None, facts)))
        if hit.statement is not None:
            said = "nói" if hit.statement.mode == "direct" else "được dẫn lời"
            click.echo(f"     {hit.statement.speaker}{' (' + hit.statement.role + ')' if hit.statement.role else ''} {said}:")
        if hit.snippet:
            click.echo("     " + marked(hit))
        click.echo(f"     {hit.id}  {hit.url}")
    for name, values in results.facets.items():
        click.echo(f"\n{name}: " + ", ".join(f"{v.value} ({v.count})" for v in values[:12]))
    if results.next_cursor:
        click.echo(f"\ntrang sau: --cursor {results.next_cursor}")


def marked(hit: Hit) -> str:
    """Return the snippet with its matches in bold, or between « » where there is no colour."""
    if colours():
        return "".join(style(s.text, bold=True, fg="yellow") if s.is_match else s.text for s in hit.snippet)
    return "".join(f"«{s.text}»" if s.is_match else s.text for s in hit.snippet)


def colours() -> bool:
    """Whether stdout shows colours and nobody asked for none (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def style(text: str, **how: Any) -> str:
    """Style a text where colours are shown."""
    return click.style(text, **how) if colours() else text


def progress() -> Callable[[str, int, int | None], None]:
    """Return a callback that keeps one line of progress on a terminal, and does nothing elsewhere."""
    if not sys.stderr.isatty():
        return lambda _what, _done, _total: None
    last = 0.0

    def show(what: str, done: int, total: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY or done == total:
            last = now
            count = f"{done}/{total}" if total else str(done)
            click.echo(f"\r\033[K{count:>15}  {what[:100]}", nl=False, err=True)
            if done == total:
                click.echo("", err=True)

    return show


def say(lines: Iterable[str]) -> None:
    """Talk to whoever runs the command, on stderr."""
    for line in lines:
        click.echo(line, err=True)
