"""The command ``searcher``."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args

import click

from searcher.archive import Archive
from searcher.cli.keeping import COMMANDS
from searcher.cli.output import (
    ERROR,
    FOUND,
    INTERRUPTED,
    NOTHING,
    opened,
    output_options,
    print_json,
    print_results,
    print_rows,
    say,
    style,
)
from searcher.crawl import any_address, parse_resolve, public_address
from searcher.errors import SearcherError
from searcher.model import Query, Sort
from searcher.query import PARAMETERS, KwicSort, Unit
from searcher.wire import EXPORTS, article_json, frequency_json, frequency_row, kwic_json, kwic_row

F = TypeVar("F", bound=Callable[..., Any])


def main() -> NoReturn:
    """Run the command line: exit 0 found, 1 nothing found, 2 error, 130 interrupted."""
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        say(["đã dừng"])
        code = INTERRUPTED
    except KeyboardInterrupt:
        say(["đã dừng; chạy lại lệnh để tiếp tục"])
        code = INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = ERROR
    except SearcherError as error:
        say([f"searcher: {error}"])
        code = ERROR
    except BrokenPipeError:
        # Whoever read our output has had enough; Python must not complain while it closes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FOUND
    except OSError as error:
        say([f"searcher: {error.filename or ''}: {error.strerror or error}; free some space or check the path, then run it again"])
        code = ERROR
    except sqlite3.OperationalError as error:
        say([f"searcher: corpus/archive.db: {error}; free some space or check who else is using it, then run it again"])
        code = ERROR
    sys.exit(code if isinstance(code, int) else FOUND)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--archive",
    "folder",
    type=click.Path(path_type=Path),
    envvar="SEARCHER_ARCHIVE",
    default=Path(),
    help="thư mục kho lưu trữ [mặc định: $SEARCHER_ARCHIVE, rồi thư mục hiện tại]",
)
@click.version_option(package_name="searcher")
@click.pass_context
def cli(context: click.Context, folder: Path) -> None:
    """Thu thập, lưu giữ và tìm kiếm tin tức của phường, xã.

    Collect, keep and search the news of Vietnamese wards and communes.
    """
    context.obj = folder


for command_ in COMMANDS:
    cli.add_command(command_)


def search_options(command: F) -> F:
    """Add the filters that every search has, from the one table of parameters."""
    for parameter in reversed([p for p in PARAMETERS if p.name in ("since", "until", "speaker", "source", "scope", "match")]):
        kind = click.Choice(parameter.choices) if parameter.choices else None
        default = parameter.choices[0] if parameter.choices else None
        command = click.option(f"--{parameter.option}", parameter.name, type=kind, default=default, help=parameter.help)(command)
    return command


@cli.command()
@click.pass_context
def create(context: click.Context) -> None:
    """Tạo kho lưu trữ mới trong một thư mục trống."""
    Archive.create(context.obj).close()
    say([f"đã tạo kho lưu trữ: {context.obj}"])


@cli.command()
@click.argument("seeds", nargs=-1, required=True, metavar="URL...")
@click.option("--limit", type=click.IntRange(min=1), help="số trang tối đa trong lần này")
@click.option("--delay", type=click.FloatRange(min=0), default=1.0, show_default=True, help="số giây nghỉ giữa hai lần tải từ một máy chủ")
@click.option(
    "--resolve", multiple=True, metavar="HOST=ADDR[:PORT]", help="tải HOST (cho phép *) từ địa chỉ này, ví dụ '*.example=127.0.0.1:8765'"
)
@click.option("--contact", help="địa chỉ liên hệ để báo cho trang được tải")
@click.option("--since", help="bỏ qua những gì sơ đồ trang ghi ngày trước ngày này")
@click.option("--due", is_flag=True, help="chỉ tải lại những gì đã đến hạn; bài không đổi thì càng lâu mới hỏi lại")
@click.option("--dry-run", is_flag=True, help="không tải gì; chỉ cho biết còn bao nhiêu địa chỉ phải tải")
@click.option("--hosts", type=click.IntRange(1, 64), default=8, show_default=True, help="số máy chủ được hỏi cùng lúc")
@click.option("--allow-private", is_flag=True, help="cho phép tải từ mạng nội bộ và máy này")
@click.option("--unverified", multiple=True, metavar="HOST", help="không kiểm tra chứng chỉ của máy chủ này")
@output_options
@click.pass_context
def crawl(
    context: click.Context,
    /,
    seeds: tuple[str, ...],
    resolve: tuple[str, ...],
    allow_private: bool,
    form: str,
    dry_run: bool,
    **options: Any,
) -> int:
    """Tải tin từ các trang web; chạy lại để tiếp tục hoặc cập nhật."""
    archive = opened(context)
    resolver = parse_resolve(resolve, any_address if allow_private else public_address)
    report = archive.crawl(seeds, resolve=resolver, dry_run=dry_run, **options)
    if dry_run:
        print_rows([{"due": line} for line in report.problems], form)
        return FOUND
    row = {name: getattr(report, name) for name in ("fetched", "new", "changed", "unchanged", "gone", "refused", "failed", "finished")}
    print_rows([row], form) if form != "json" else print_json(row | {"problems": list(report.problems)})
    say(f"searcher: {problem}" for problem in report.problems)
    return ERROR if report.failed and not report.fetched else FOUND


@cli.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@output_options
@click.pass_context
def import_(context: click.Context, paths: tuple[Path, ...], form: str) -> int:
    """Đưa tệp vào kho: .jsonl, .txt, .html, .docx, .pdf."""
    report = opened(context).import_files(paths)
    row = {"imported": report.imported, "unchanged": report.unchanged, "rejected": len(report.rejects)}
    print_rows([row], form) if form != "json" else print_json(row | {"rejects": list(report.rejects)})
    say(f"searcher: {reject}" for reject in report.rejects)
    return ERROR if report.rejects else FOUND


@cli.command()
@output_options
@click.pass_context
def extract(context: click.Context, form: str) -> int:
    """Đọc bài viết và lời phát biểu từ những gì đã tải."""
    report = opened(context).extract()
    names = ("articles", "new", "changed", "unchanged", "duplicates", "passed_over", "statements")
    row = {name: getattr(report, name) for name in names}
    print_rows([row], form) if form != "json" else print_json(row | {"problems": list(report.problems)})
    say(f"searcher: {problem}" for problem in report.problems)
    return ERROR if report.problems else FOUND


@cli.command()
@click.option("--rebuild", is_flag=True, help="xây lại chỉ mục từ đầu")
@output_options
@click.pass_context
def index(context: click.Context, rebuild: bool, form: str) -> int:
    """Cập nhật chỉ mục với mọi thứ mới trong kho."""
    report = opened(context).index(rebuild=rebuild)
    row = {
        "articles": report.extracted.articles,
        "statements": report.extracted.statements,
        "indexed": report.indexed,
        "documents": report.state.documents,
        "generation": report.state.generation,
    }
    print_rows([row], form)
    say(f"searcher: {problem}" for problem in report.extracted.problems)
    return ERROR if report.extracted.problems else FOUND


@cli.command()
@click.argument("words", nargs=-1, metavar="[QUERY...]")
@search_options
@click.option("--sort", type=click.Choice(get_args(Sort)), default="relevance", help="xếp theo mức phù hợp, mới nhất hay cũ nhất")
@click.option("--copies", type=click.Choice(["all", "fold"]), default="all", help="gộp các bản đăng lại của cùng một tin")
@click.option("--limit", type=int, default=10, show_default=True, help="số kết quả")
@click.option("--cursor", help="tiếp tục từ trang trước (next_cursor)")
@click.option("--facet", "facets", multiple=True, help="đếm theo: speaker, source, section, year, month (dùng nhiều lần được)")
@output_options
@click.pass_context
def search(context: click.Context, /, words: tuple[str, ...], form: str, **parameters: Any) -> int:
    """Tìm bài viết hoặc lời phát biểu.

    Từ khóa có dấu hay không dấu; "cụm từ" chính xác, "gần nhau"~5; -từ để loại trừ; tư* cho phần đầu của từ; a OR b, (…);
    tiêu_đề:, người:, chủ_trì:, nguồn:, ngày:2025-03..2025-06. Đặt -- trước từ khóa bắt đầu bằng -.
    """
    results = opened(context).answer(Query(" ".join(words), **parameters))
    print_results(results, form)
    return FOUND if results.total else NOTHING


@cli.command()
@click.argument("words", nargs=-1, metavar="[QUERY...]")
@search_options
@click.option("--unit", type=click.Choice(get_args(Unit)), default="year", show_default=True, help="đếm theo năm hay theo tháng")
@output_options
@click.pass_context
def frequency(context: click.Context, /, words: tuple[str, ...], unit: Unit, form: str, **parameters: Any) -> int:
    """Đếm số bài tìm được theo thời gian, so với tất cả số bài có trong kho (phần nghìn)."""
    rows = opened(context).frequency(Query(" ".join(words), **parameters), unit)
    print_json(frequency_json(rows)) if form == "json" else print_rows([frequency_row(row) for row in rows], form)
    return FOUND if any(row.count for row in rows) else NOTHING


@cli.command()
@click.argument("words", nargs=-1, required=True, metavar="QUERY...")
@search_options
@click.option("--width", type=click.IntRange(1, 1000), default=60, show_default=True, help="số ký tự mỗi bên")
@click.option(
    "--order", type=click.Choice(get_args(KwicSort)), default="date", show_default=True, help="xếp theo ngày, theo từ bên trái hay bên phải"
)
@click.option("--limit", type=int, default=100, show_default=True, help="số dòng")
@output_options
@click.pass_context
def kwic(context: click.Context, /, words: tuple[str, ...], width: int, order: KwicSort, form: str, **parameters: Any) -> int:
    """Liệt kê từng chỗ có từ khóa cùng văn cảnh hai bên."""
    lines = opened(context).kwic(Query(" ".join(words), **parameters), width=width, order=order)
    if form == "table":
        for line in lines:
            click.echo(f"{line.date or '':<10}  {line.left:>{width}}{style(f'[{line.match}]', bold=True)}{line.right:<{width}}  {line.id}")
    elif form == "json":
        print_json(kwic_json(lines))
    else:
        print_rows([kwic_row(line) for line in lines], form)
    return FOUND if lines else NOTHING


@cli.command()
@click.argument("article_id")
@output_options
@click.pass_context
def show(context: click.Context, article_id: str, form: str) -> int:
    """In một bài viết cùng những ai đã phát biểu."""
    archive = opened(context)
    article_id = article_id.partition("#")[0]
    article, people = archive.get(article_id), archive.attribution(article_id)
    if form != "table":
        print_json(article_json(article, people) | dict(archive.presence(article_id)))
        return FOUND
    facts = [
        ("Ngày", f"{article.date} ({article.origins.get('published') or article.origins.get('event', '')})" if article.date else ""),
        ("Nguồn", article.source),
        ("Chuyên mục", article.section),
        ("Tác giả", article.byline),
        ("Địa chỉ", article.url),
    ]
    click.echo(article.title)
    for label, value in facts:
        if value:
            click.echo(f"{label}: {value}")
    click.echo(f"\n{article.body}\n")
    for label, persons in (("Phát biểu", people.speakers), ("Chủ trì", people.presiders), ("Có mặt", people.attendees)):
        for person in persons:
            click.echo(f"{label}: {person.name}{' – ' + person.role if person.role else ''}")
    return FOUND


@cli.command()
@click.argument("name", required=False)
@click.option("--article", "article_id", help="chỉ những lời phát biểu của một bài")
@click.option("--limit", type=int, default=50, show_default=True)
@output_options
@click.pass_context
def speakers(context: click.Context, name: str | None, article_id: str | None, limit: int, form: str) -> int:
    """Liệt kê người phát biểu, hoặc lời phát biểu của một bài."""
    archive = opened(context)
    if article_id:
        archive.get(article_id)
        statements = archive.attribution(article_id).statements
        rows: list[dict[str, Any]] = [
            {"speaker": s.speaker, "role": s.role, "mode": s.mode, "rule": s.rule, "confidence": s.confidence, "text": s.text}
            for s in statements
        ]
    else:
        found = archive.speakers(name)[:limit]
        rows = [{"speaker": speaker, "role": role, "statements": count, "articles": articles} for speaker, role, count, articles in found]
    print_rows(rows, form)
    return FOUND if rows else NOTHING


@cli.command()
@click.argument("words", nargs=-1, metavar="[QUERY...]")
@search_options
@click.option("--format", "form", type=click.Choice(EXPORTS), default="jsonl", show_default=True, help="dạng kết quả in ra")
@click.pass_context
def export(context: click.Context, /, words: tuple[str, ...], form: str, **parameters: Any) -> int:
    """Xuất toàn văn mọi bài tìm được (CSV có dấu BOM để Excel đọc đúng)."""
    archive = opened(context)
    lines = archive.export(archive.scan(" ".join(words), **parameters), form)
    count = 0
    if form == "csv":
        click.echo("\ufeff", nl=False)
    for count, line in enumerate(lines, start=1 - (form == "csv")):  # noqa: B007  the last number is how many there were
        click.echo(line, nl=False)
    say([f"{count} bài"])
    return FOUND if count else NOTHING


@cli.command()
@output_options
@click.pass_context
def status(context: click.Context, form: str) -> int:
    """Cho biết kho có gì và còn việc gì dang dở."""
    found = opened(context).status()
    if form == "table":
        for name, value in found.items():
            click.echo(f"{name:<12} {value}")
    else:
        print_json(found)
    return FOUND


@cli.command()
@output_options
@click.pass_context
def verify(context: click.Context, form: str) -> int:
    """Tính lại mã kiểm của từng bản ghi và từng tệp; như check --deep."""
    return int(context.invoke(check, deep=True, form=form))


@cli.command()
@click.option("--deep", is_flag=True, help="đọc lại từng byte")
@output_options
@click.pass_context
def check(context: click.Context, deep: bool, form: str) -> int:
    """Kiểm tra kho và chỉ mục; không tự ý sửa gì."""
    problems = opened(context).check(deep)
    if form == "table":
        for problem in problems:
            click.echo(problem)
        say([] if problems else ["không có vấn đề gì"])
    else:
        print_json(problems)
    return ERROR if problems else FOUND


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="chỉ địa chỉ của máy này")
@click.option("--port", type=int, default=8080, show_default=True)
@click.pass_context
def serve(context: click.Context, host: str, port: int) -> int:
    """Mở trang web tìm kiếm và HTTP/JSON trên máy này."""
    from searcher.web import serve as run  # noqa: PLC0415  the server's libraries are not needed elsewhere

    run(context.obj, host, port)
    return FOUND
