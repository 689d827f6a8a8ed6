"""One HTTP request: bounded in size and time, to an address that was checked before."""

from __future__ import annotations

import fnmatch
import ipaddress
import socket
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from searcher.errors import FetchError, QueryError

Resolver = Callable[[str, int], tuple[str, int]]
Headers = list[tuple[str, str]]

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: ``content`` as received, ``decoded`` without its content encoding, both complete."""

    url: str
    status: int
    reason: str
    headers: Headers
    content: bytes
    decoded: bytes
    request: tuple[str, Headers]
    mime: str
    charset: str | None

    def header(self, name: str) -> str | None:
        """Return the first header of this name."""
        return next((value for key, value in self.headers if key.lower() == name), None)


class Fetcher:
    """Fetches pages. ``resolve`` maps host and port to the address to connect to.

    ``max_bytes`` bounds a body before and after decompression, ``max_seconds`` a whole request.
    """

    def __init__(self, user_agent: str, resolve: Resolver | None = None, *, max_bytes: int = 10 << 20, max_seconds: float = 60.0) -> None:
        self._user_agent = user_agent
        self._resolve = resolve or public_address
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._pools: dict[tuple[str, str, int], urllib3.HTTPConnectionPool] = {}

    def get(self, url: str, *, etag: str | None = None, last_modified: str | None = None) -> Fetched:
        """Fetch ``url``; redirects are returned, not followed.

        Raises:
            FetchError: no complete answer within the limits.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {
            "Host": parts.netloc,
            "User-Agent": self._user_agent,
            "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.5",
            "Accept-Encoding": "gzip",
            "Accept-Language": "vi,en;q=0.5",
        }
        if etag:
            headers["If-None-Match"] = etag
        if last_modified:
            headers["If-Modified-Since"] = last_modified
        deadline = time.monotonic() + self._max_seconds
        try:
            response = self._pool(parts.scheme, host, parts.port).urlopen(
                "GET",
                target,
                headers=headers,
                preload_content=False,
                decode_content=False,
                redirect=False,
                retries=False,
                assert_same_host=False,
            )
            try:
                content = self._read(url, response, deadline)
            finally:
                response.release_conn()
        except (HTTPError, OSError) as error:
            raise FetchError(url, _reason(error), temporary=True) from error
        received = [(k, v) for k, v in response.headers.items()]
        mime, charset = _content_type(response.headers.get("Content-Type", ""))
        return Fetched(
            url, response.status, response.reason or "", received, content,
            self._decompress(url, content, response.headers.get("Content-Encoding", "")),
            (f"GET {target} HTTP/1.1", list(headers.items())), mime, charset,
        )  # fmt: skip

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def _pool(self, scheme: str, host: str, port: int | None) -> urllib3.HTTPConnectionPool:
        default = 443 if scheme == "https" else 80
        key = (scheme, host, port or default)
        if key not in self._pools:
            address, actual = self._resolve(host, port or default)
            timeout = Timeout(connect=10, read=min(30.0, self._max_seconds))
            if scheme == "https":
                self._pools[key] = urllib3.HTTPSConnectionPool(
                    address, actual, maxsize=1, timeout=timeout, server_hostname=host, assert_hostname=host
                )
            else:
                self._pools[key] = urllib3.HTTPConnectionPool(address, actual, maxsize=1, timeout=timeout)
        return self._pools[key]

    def _read(self, url: str, response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while piece := response.read(_CHUNK, decode_content=False):
            pieces.append(piece)
            size += len(piece)
            if size > self._max_bytes:
                response.close()
                raise FetchError(url, f"longer than {self._max_bytes} bytes; raise the limit to keep it", temporary=False)
            if time.monotonic() > deadline:
                response.close()
                raise FetchError(url, f"took longer than {self._max_seconds:g} s", temporary=True)
        return b"".join(pieces)

    def _decompress(self, url: str, content: bytes, encoding: str) -> bytes:
        if encoding.lower() not in ("gzip", "x-gzip", "deflate") or not content:
            return content
        return inflate(url, content, self._max_bytes)


def inflate(url: str, content: bytes, max_bytes: int) -> bytes:
    """Decompress gzip or zlib data of ``url`` to at most ``max_bytes``.

    Raises:
        FetchError: it is damaged or would grow beyond the limit.
    """
    reader = zlib.decompressobj(wbits=47)
    try:
        plain = reader.decompress(content, max_bytes + 1)
    except zlib.error as error:
        raise FetchError(url, f"damaged compression ({error})", temporary=True) from error
    if len(plain) > max_bytes:
        raise FetchError(url, f"decompresses to more than {max_bytes} bytes", temporary=False)
    if not reader.eof:
        raise FetchError(url, "compressed data ends too early", temporary=True)
    return plain


def public_address(host: str, port: int) -> tuple[str, int]:
    """Resolve ``host`` and refuse addresses that are not on the public Internet: a page must not lead us inside.

    Raises:
        FetchError: it does not resolve, or to such an address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError(host, f"no such host ({error})", temporary=True) from error
    address = str(found[0][4][0])
    ip = ipaddress.ip_address(address.partition("%")[0])
    if not ip.is_global or ip.is_multicast:
        raise FetchError(
            host, f"resolves to {address}, which is not a public address; name it with --resolve if it is meant", temporary=False
        )
    return address, port


def parse_resolve(rules: Sequence[str]) -> Resolver:
    """Return a resolver for rules ``HOST=ADDRESS[:PORT]`` (HOST may hold ``*``); other hosts resolve as usual.

    Raises:
        QueryError: a rule is not of this form.
    """
    parsed: list[tuple[str, str, int | None]] = []
    for rule in rules:
        pattern, _, target = rule.partition("=")
        address, _, port = target.partition(":")
        if not pattern or not address or (port and not port.isdigit()):
            raise QueryError(f"--resolve {rule}: expected HOST=ADDRESS or HOST=ADDRESS:PORT, such as '*.example=127.0.0.1:8765'")
        parsed.append((pattern, address, int(port) if port else None))

    def resolve(host: str, port: int) -> tuple[str, int]:
        for pattern, address, actual in parsed:
            if fnmatch.fnmatchcase(host, pattern):
                return address, actual or port
        return public_address(host, port)

    return resolve


def _content_type(value: str) -> tuple[str, str | None]:
    message = Message()
    message["Content-Type"] = value or "application/octet-stream"
    charset = message.get_param("charset")
    return message.get_content_type(), charset if isinstance(charset, str) else None


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error
    text = str(getattr(error, "reason", None) or cause)
    for prefix in ("Failed to establish a new connection:",):
        _, found, tail = text.partition(prefix)
        text = tail.strip() if found else text
    return f"cannot be reached ({text.split('(Caused by')[0].strip()[:160] or type(error).__name__})"
