"""Servers that mean harm or are broken: every request ends within its limits, says what was wrong, and the crawl goes on."""

from __future__ import annotations

import datetime as dt
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from test_crawl import server

from searcher import Archive
from searcher.crawl import Fetcher, parse_resolve
from searcher.crawl.fetch import is_public, public_address
from searcher.crawl.robots import parse_rules, read_rules
from searcher.errors import FetchError
from searcher.extract import extract
from searcher.model import Capture

NOW = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that answers each connection with ``talk``; yields the --resolve rule."""
    listening = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def one(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65536)
                talk(connection)
            except OSError:
                pass  # the client has hung up, as it should

    def serve() -> None:
        threads = []
        while not stop.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                break
            threads.append(threading.Thread(target=one, args=(connection,)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"*=127.0.0.1:{listening.getsockname()[1]}"
    finally:
        stop.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def drip_body(connection: socket.socket) -> None:
    connection.sendall(OK + b"Content-Length: 1000000\r\n\r\n")
    for _ in range(200):
        connection.sendall(b"x")
        time.sleep(0.05)


def drip_headers(connection: socket.socket) -> None:
    connection.sendall(OK)
    for number in range(200):
        connection.sendall(f"X-{number}: y\r\n".encode())
        time.sleep(0.05)


def silence(connection: socket.socket) -> None:
    time.sleep(4)


def endless_body(connection: socket.socket) -> None:
    connection.sendall(OK + b"\r\n")
    while True:
        connection.sendall(b"y" * 65536)


def bad_chunks(connection: socket.socket) -> None:
    connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nno length\r\n")


def torn_chunks(connection: socket.socket) -> None:
    connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\nonly this")


def no_http(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example ESMTP\r\n")


def endless_headers(connection: socket.socket) -> None:
    connection.sendall(OK)
    while True:
        connection.sendall(b"X: " + b"y" * 1000 + b"\r\n")


@pytest.mark.parametrize(
    ("talk", "message"),
    [
        (drip_body, "took longer than 1 s"),
        (drip_headers, "took longer than 1 s|cannot be reached"),
        (silence, "took longer than 1 s|cannot be reached"),
        (endless_body, "longer than 1000000 bytes"),
        (bad_chunks, "cannot be reached"),
        (torn_chunks, "cannot be reached"),
        (no_http, "cannot be reached"),
        (endless_headers, "cannot be reached"),
    ],
)
def test_broken_answers_end_in_time(talk: Callable[[socket.socket], None], message: str) -> None:
    with raw_server(talk) as rule:
        fetcher = Fetcher("test", parse_resolve([rule]), max_bytes=1_000_000, max_seconds=1)
        began = time.monotonic()
        with pytest.raises(FetchError, match=message):
            fetcher.get("http://x.example/")
        assert time.monotonic() - began < 3
        fetcher.close()


def test_a_host_that_asks_to_wait_is_waited_for(archive: Archive) -> None:
    answers = iter([(429, {"Retry-After": "7"}, b""), (503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b""), (200, {}, b"<p>x</p>")])
    slept: list[float] = []
    with server(lambda path: (404, {}, b"") if path == "/robots.txt" else next(answers)) as (rule, asked):
        report = archive.crawl(["http://x.example/"], delay=0, resolve=parse_resolve([rule]), sleep=slept.append)
    assert asked == ["/robots.txt", "/", "/", "/"]
    assert slept[:2] == [7, 4]
    assert (report.fetched, report.failed) == (1, 0)


def test_redirects_lead_neither_inside_nor_on_forever(archive: Archive) -> None:
    def reply(path: str) -> tuple[int, dict[str, str], bytes]:
        inside = {"/a": "http://127.0.0.1:1/", "/b": "http://169.254.169.254/latest/", "/c": "/c", "/d": "/e", "/e": "/d"}
        if path in inside:
            return 302, {"Location": inside[path]}, b""
        if path.startswith("/n"):
            return 302, {"Location": f"/n?x={int(path.partition('=')[2] or 0) + 1}"}, b""
        links = "".join(f"<a href='/{name}'>x</a>" for name in "abcden")
        return (404, {}, b"") if path == "/robots.txt" else (200, {}, links.encode())

    with server(reply) as (rule, asked):
        report = archive.crawl(["http://x.example/"], delay=0, resolve=parse_resolve([rule]))
    assert report.finished
    assert not report.failed
    assert [asked.count(f"/{name}") for name in "abcde"] == [1] * 5
    assert sum(path.startswith("/n") for path in asked) < 20


def test_a_crawl_goes_on_after_everything(archive: Archive) -> None:
    replies = {
        "/": (200, {}, "".join(f"<a href='/{n}'>x</a>" for n in ("bomb", "png", "deep", "lie", "ok")).encode()),
        "/bomb": (200, {"Content-Encoding": "gzip"}, gzip.compress(b"0" * (20 << 20))),
        "/png": (200, {"Content-Type": "text/html"}, b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 50),
        "/deep": (200, {}, b"<div>" * 400_000 + b"x"),
        "/lie": (200, {"Content-Type": "application/pdf"}, b"<html><p>no pdf</p></html>"),
        "/ok": (200, {}, b"<p>ok</p>"),
    }
    with server(lambda path: replies.get(path, (404, {}, b""))) as (rule, asked):
        report = archive.crawl(["http://x.example/"], delay=0, resolve=parse_resolve([rule]))
    assert set(asked) == {"/robots.txt", *replies}
    assert report.failed == 1
    assert report.fetched == 5
    assert archive.index().extracted.articles == 0


def test_deeply_nested_pages_take_little_time() -> None:
    began = time.process_time()
    page = b"<div>" * 1_900_000 + b"x"  # 9.5 MB, the largest a page may be
    assert extract(Capture(1, "http://x.example/", 200, "text/html", None, NOW, "", "", 0), page) is None
    assert time.process_time() - began < 60


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("::ffff:8.8.8.8", True), ("64:ff9b::808:808", True), ("127.0.0.1", False), ("10.1.2.3", False),
        ("172.16.0.1", False), ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False),
        ("255.255.255.255", False), ("240.0.0.1", False), ("192.0.2.1", False), ("::1", False), ("::", False), ("fe80::1", False), ("fc00::1", False),
        ("ff02::1", False), ("::ffff:127.0.0.1", False), ("::ffff:10.0.0.1", False), ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False),
    ],
)  # fmt: skip
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) == public


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "0177.0.0.1", "127.1", "localhost"])
def test_other_spellings_of_inside_addresses_are_refused(host: str) -> None:
    with pytest.raises(FetchError, match=r"not a public address|no such host"):
        public_address(host, 80)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("User-agent: *\nDisallow: /x", False),
        ("\ufeffUser-agent: *\nDisallow: /x", False),
        ("user agent: *\ndissallow: /x", False),
        ("useragent : *\nDisalow /x", False),
        ("User-agent: *\rDisallow: /x", False),
        ("User-agent: other\nDisallow: /", True),
        ("User-agent: *\nDisallow:", True),
        ("User-agent: *\nDisallow: /\nAllow: /x", True),
        ("User-agent: searcher\nDisallow: /x\n\nUser-agent: *\nAllow: /", False),
        ("User-agent: *\nDisallow the page /x", True),
        ("<html>no robots</html>", True),
        ("", True),
    ],
)
def test_rules_are_read_leniently(text: str, allowed: bool) -> None:
    assert parse_rules(read_rules(text.encode(), 200)).can_fetch("http://x.example/x", "searcher") == allowed
    assert parse_rules(read_rules(text.encode(), 404)).can_fetch("http://x.example/x", "searcher")


def test_long_rules_are_cut_between_lines() -> None:
    text = b"User-agent: *\n" + b"Disallow: /tai-lieu-rat-dai\n" * 20_000
    assert read_rules(text, 200).endswith("/tai-lieu-rat-dai")
