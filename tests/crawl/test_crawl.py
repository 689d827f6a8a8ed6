"""Crawling real servers on loopback: what is asked for, what is kept, what is left alone."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from serve import SampleServer

from searcher import Archive
from searcher.crawl import Fetcher, parse_resolve
from searcher.crawl.discover import wanted, xml_links
from searcher.crawl.fetch import public_address
from searcher.errors import FetchError, QueryError
from searcher.html import canonical, pattern_of

Reply = tuple[int, dict[str, str], bytes]


@contextmanager
def server(reply: Callable[[str], Reply]) -> Iterator[tuple[str, list[str]]]:
    """A server that answers with ``reply(path)``; yields the --resolve rule and the paths asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            status, headers, body = reply(self.path)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body)), "Content-Type": "text/html"} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield f"*=127.0.0.1:{listening.server_address[1]}", asked
    finally:
        listening.shutdown()
        listening.server_close()


def test_the_sample_is_collected_once(crawled: Archive, facts: list[dict[str, Any]]) -> None:
    assert crawled.status()["articles"] == len(facts) == 63
    assert {hit.url for hit in crawled.scan("")} == {fact["url"] for fact in facts}
    assert crawled.check(deep=True) == []
    states = crawled.status()["crawl"]
    assert isinstance(states, dict)
    assert sum(states.values()) - len(facts) < 75  # listings, sitemaps, feeds, attachments and what the traps cost


def test_recrawl_finds_what_changed_and_what_is_gone(archive: Archive) -> None:
    with SampleServer() as first:
        archive.crawl(first.seeds, delay=0, resolve=parse_resolve([first.resolve]))
        archive.index()
        again = archive.crawl(first.seeds, delay=0, resolve=parse_resolve([first.resolve]))
        assert again.new == 0
        assert archive.index().indexed == 0
    with SampleServer(edition=2) as second:
        archive.crawl(second.seeds, delay=0, resolve=parse_resolve([second.resolve]))
    assert archive.index().indexed == 1
    (edited,) = archive.search('"xuống còn 5 hộ"')
    assert len(archive.versions(edited.id)) == 2
    assert archive.search('"xuống còn 3 hộ"').total == 0
    assert archive.status()["missing"] == 1
    (vanished,) = archive.search("cảnh giác thủ đoạn giả danh công an", match="all")
    assert archive.presence(vanished.id)["missing_since"] is not None  # kept and still found


def test_robots_are_obeyed_and_limits_end_a_run_for_a_while(archive: Archive) -> None:
    pages = {"/robots.txt": b"User-agent: *\nDisallow: /khong", "/": b'<a href="/khong">x</a><a href="/a">a</a><a href="/b">b</a>'}
    with server(lambda path: (200, {}, pages.get(path, b"<p>x</p>"))) as (rule, asked):
        first = archive.crawl(["http://x.example/"], delay=0, limit=2, resolve=parse_resolve([rule]))
        second = archive.crawl(["http://x.example/"], delay=0, resolve=parse_resolve([rule]))
    assert (first.finished, second.finished) == (False, True)
    assert asked == ["/robots.txt", "/", "/a", "/b"]
    assert first.refused + second.refused == 1


@pytest.mark.parametrize("status", [500, 503])
def test_a_failing_robots_txt_forbids_everything(archive: Archive, status: int) -> None:
    with server(lambda path: (status, {}, b"")) as (rule, asked):
        report = archive.crawl(["http://x.example/"], delay=0, resolve=parse_resolve([rule]), sleep=lambda _: None)
    assert set(asked) == {"/robots.txt"}
    assert report.failed == 1


def test_an_unreachable_host_is_reported(archive: Archive) -> None:
    report = archive.crawl(["http://x.example/"], delay=0, resolve=parse_resolve(["*=127.0.0.1:9"]), sleep=lambda _: None)
    assert report.fetched == 0
    assert "x.example: cannot be reached" in report.problems[0]


def test_endless_pages_of_no_use_are_given_up(archive: Archive) -> None:
    def calendar(path: str) -> Reply:
        number = int(path.rpartition("=")[2]) if "=" in path else 0
        return (404, {}, b"") if path == "/robots.txt" else (200, {}, f'<a href="/lich?thang={number + 1}">sau</a>'.encode())

    with server(calendar) as (rule, asked):
        archive.crawl(["http://x.example/"], delay=0, resolve=parse_resolve([rule]))
    assert len(asked) < 20


def test_redirects_loops_and_bombs(archive: Archive) -> None:
    bomb = gzip.compress(b"0" * (11 << 20))
    replies: dict[str, Reply] = {
        "/": (200, {}, b'<a href="/chuyen">1</a><a href="/vong">2</a><a href="/bom">3</a><a href="/hong">4</a>'),
        "/chuyen": (301, {"Location": "/den"}, b""),
        "/den": (200, {}, b"<p>den</p>"),
        "/vong": (302, {"Location": "/vong"}, b""),
        "/bom": (200, {"Content-Encoding": "gzip"}, bomb),
        "/hong": (200, {"Content-Encoding": "gzip"}, b"no gzip"),
    }
    with server(lambda path: replies.get(path, (404, {}, b""))) as (rule, asked):
        report = archive.crawl(["http://x.example/"], delay=0, resolve=parse_resolve([rule]), sleep=lambda _: None)
    assert asked.count("/vong") == 1
    assert "/den" in asked
    assert report.failed == 2
    assert any("decompresses to more than" in problem for problem in report.problems)


def test_the_pause_between_requests_is_kept(archive: Archive) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    pages = {"/robots.txt": b"User-agent: *\nCrawl-delay: 0.4", "/": b'<a href="/a">a</a>'}
    with server(lambda path: (200, {}, pages.get(path, b"x"))) as (rule, _):
        archive.crawl(["http://x.example/"], delay=0.1, resolve=parse_resolve([rule]), sleep=sleep)
    assert len(slept) == 2  # before "/a", and before it shows that nothing is left
    assert 0.3 < slept[0] <= 0.4


def test_addresses_inside_are_refused() -> None:
    for host in ("127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "0.0.0.0"):
        with pytest.raises(FetchError, match=r"not a public address|no such host"):
            public_address(host.strip("[]"), 80)
    with pytest.raises(FetchError, match="not a public address"):
        Fetcher("test").get("http://127.0.0.1:1/")
    with pytest.raises(QueryError, match="expected HOST=ADDRESS"):
        parse_resolve(["nonsense"])


def test_seeds_must_be_addresses(archive: Archive) -> None:
    with pytest.raises(QueryError, match="not an http"):
        archive.crawl(["ftp://x.example/"])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://X.Example:80/a/../b?b=2&a=1#top", "http://x.example/b?a=1&b=2"),
        ("http://x.example", "http://x.example/"),
        ("/tin;jsessionid=7F0A?utm_source=fb&id=3", "http://base.example/tin?id=3"),
        ("http://x.example/(S(abc123))/tin.aspx?ID=4", "http://x.example/tin.aspx?ID=4"),
        ("http://x.example/tin-t%E1%BB%A9c", "http://x.example/tin-t%E1%BB%A9c"),
        ("http://x.example/tin-tức", "http://x.example/tin-t%E1%BB%A9c"),
        ("http://phường.example/", "http://xn--phng-rib8295b.example/"),
        ("mailto:a@b.vn", None),
        ("javascript:void(0)", None),
        ("http://[::1", None),
        ("http://x.example:99999/", None),
    ],
)
def test_canonical(url: str, expected: str | None) -> None:
    assert canonical(url, "http://base.example/x/y") == expected


@given(st.text(max_size=60) | st.text(st.sampled_from("abc/.?&=;#%20é:@[]()~ \ud800"), max_size=40).map(lambda t: "http://x.example/" + t))
@example("HTTP://0//.[")  # two slashes and a dot: no host
def test_canonical_forms_stay_as_they_are(url: str) -> None:
    once = canonical(url)
    assert once is None or canonical(once) == once


def test_patterns_and_what_is_not_wanted() -> None:
    assert pattern_of("http://x/lich?month=2025-01") == pattern_of("http://x/lich?month=2025-02")
    assert pattern_of("http://x/tin-tuc/mot-bai") == pattern_of("http://x/tin-tuc/bai-khac")
    assert wanted(["http://x/a.jpg", "http://x/a.PDF", "http://x/sitemap.xml.gz", "http://x/a/a/a/a", "http://x/b", "http://x/b"]) == [
        "http://x/a.PDF",
        "http://x/sitemap.xml.gz",
        "http://x/b",
    ]


def test_sitemaps_with_entities_are_harmless() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><urlset><url><loc>http://x/&a;</loc></url><url><loc>http://x/b</loc></url></urlset>'
    assert "http://x/b" in xml_links("http://x/", bomb)
    assert not any("root" in url for url in xml_links("http://x/", bomb))
    assert xml_links("http://x/", b"\0\xff no xml") == []


def test_create_never_wipes(tmp_path: Path) -> None:
    (tmp_path / "keep.txt").write_text("x", encoding="utf-8")
    from searcher.errors import ArchiveError

    with pytest.raises(ArchiveError, match="not empty and not an archive; nothing was changed"):
        Archive.create(tmp_path)
    with pytest.raises(ArchiveError, match="is a file"):
        Archive.create(tmp_path / "keep.txt")
    Archive.create(tmp_path / "new").close()
    with pytest.raises(ArchiveError, match="is an archive already"):
        Archive.create(tmp_path / "new")
    assert (tmp_path / "keep.txt").read_text(encoding="utf-8") == "x"
