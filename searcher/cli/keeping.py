"""Commands that prove, keep and withhold what was captured."""

from __future__ import annotations

import difflib
import sys
from dataclasses import asdict
from pathlib import Path

import click

from searcher.archive import Archive
from searcher.cli.output import FOUND, NOTHING, opened, output_options, print_json, print_rows, say, style
from searcher.errors import ArchiveError


@click.command()
@click.argument("article_id")
@output_options
@click.pass_context
def cite(context: click.Context, article_id: str, form: str) -> int:
    """Trích dẫn một bài: địa chỉ, lúc tải về, SHA-256, tệp WARC và vị trí."""
    citation = asdict(opened(context).cite(article_id))
    if form == "json":
        print_json(citation)
    elif form == "table":
        for name, value in citation.items():
            click.echo(f"{name:<12} {value}")
    else:
        print_rows([citation], form)
    return FOUND


@click.command()
@click.argument("article_id")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="ghi vào tệp này thay vì in ra")
@click.pass_context
def replay(context: click.Context, article_id: str, output: Path | None) -> int:
    """In nguyên văn trang đã tải về, từng byte."""
    capture, content = opened(context).replay(article_id)
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        output.write_bytes(content)
        say([f"{capture.url}: {len(content)} byte, {capture.mime}, {capture.fetched_at:%Y-%m-%d %H:%M} UTC"])
    return FOUND


@click.command()
@click.pass_context
def cdxj(context: click.Context) -> int:
    """In mục lục CDXJ của các tệp WARC, cho pywb và các công cụ phát lại."""
    count = 0
    for line in opened(context).cdxj():
        click.echo(line, nl=False)
        count += 1
    return FOUND if count else NOTHING


@click.command()
@click.argument("article_id")
@output_options
@click.pass_context
def versions(context: click.Context, article_id: str, form: str) -> int:
    """Các phiên bản của một bài và những từ đã thay đổi."""
    archive = opened(context)
    archive.get(article_id)
    found = archive.versions(article_id)
    presence = archive.presence(article_id)
    if form != "table":
        rows = [{"seen": seen, "title": article.title, "body": article.body} for seen, article in found]
        print_json(dict(presence) | {"versions": rows}) if form == "json" else print_rows(rows, form)
        return FOUND
    click.echo(f"thấy lần đầu {presence['first_seen']}, lần cuối {presence['last_seen']}")
    if presence["missing_since"]:
        click.echo(f"không còn thấy từ {presence['missing_since']}")
    before = ""
    for number, (seen, article) in enumerate(found, start=1):
        text = f"{article.title}\n{article.body}"
        click.echo(f"\nPhiên bản {number}, {seen}: {len(text.split())} từ")
        if number > 1:
            for line in changed_words(before, text):
                click.echo("  " + line)
        before = text
    return FOUND


def changed_words(before: str, after: str) -> list[str]:
    """Return the changes between two texts, a line each, with three words around: […] is gone, {…} is new."""
    old, new = before.split(), after.split()
    lines = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        gone = style(f"[{' '.join(old[a:b])}]", fg="red") if b > a else ""
        come = style(f"{{{' '.join(new[c:d])}}}", fg="green") if d > c else ""
        lines.append(" ".join(filter(None, ["…", *old[max(0, a - 3) : a], gone, come, *old[b : b + 3], "…"])))
    return lines


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.pass_context
def backup(context: click.Context, folder: Path) -> int:
    """Sao lưu cả kho vào một thư mục mới; dùng được cả khi kho đang hoạt động."""
    opened(context).backup(folder)
    say([f"đã sao lưu vào {folder}"])
    return FOUND


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.pass_context
def restore(context: click.Context, folder: Path) -> int:
    """Khôi phục kho (--archive, phải là thư mục mới hoặc trống) từ một bản sao lưu."""
    Archive.restore(folder, context.obj)
    say([f"đã khôi phục vào {context.obj}"])
    return FOUND


@click.command()
@click.argument("article_id", required=False)
@click.option("--why", help="lý do, ví dụ yêu cầu của ai, ngày nào")
@click.option("--list", "listed", is_flag=True, help="liệt kê những bài đang được giữ lại")
@output_options
@click.pass_context
def withhold(context: click.Context, article_id: str | None, why: str | None, listed: bool, form: str) -> int:
    """Không cho bài này hiện ra ở bất cứ đâu; bản gốc vẫn được giữ. Hoàn tác: release."""
    archive = opened(context)
    if listed:
        rows = [{"id": name, "why": reason, "since": since} for name, reason, since in archive.withheld()]
        print_rows(rows, form)
        return FOUND if rows else NOTHING
    if not article_id or not why:
        raise ArchiveError('name the article and the reason: searcher withhold ID --why "…"; those withheld: searcher withhold --list')
    archive.withhold(article_id, why)
    say([f"{article_id}: đã giữ lại"])
    return FOUND


@click.command()
@click.argument("article_id")
@click.pass_context
def release(context: click.Context, article_id: str) -> int:
    """Cho một bài đang bị giữ lại hiện ra như trước."""
    opened(context).release(article_id)
    say([f"{article_id}: đã hiện lại"])
    return FOUND


@click.command()
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.pass_context
def profile(context: click.Context, urls: tuple[str, ...]) -> int:
    """Đề xuất hồ sơ trang (TOML) từ vài bài đã tải của một trang; lưu vào thư mục profiles/ của kho."""
    click.echo(opened(context).propose_profile(urls), nl=False)
    return FOUND


COMMANDS = (profile, cite, replay, cdxj, versions, backup, restore, withhold, release)
