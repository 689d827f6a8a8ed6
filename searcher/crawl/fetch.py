"""One HTTP request: bounded in size and time, to an address that was checked before."""

from __future__ import annotations

import fnmatch
import ipaddress
import socket
import threading
import zlib
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from ssl import SSLCertVerificationError
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from searcher.errors import FetchError, QueryError

Resolver = Callable[[str, int], tuple[str, int]]
Headers = list[tuple[str, str]]

_CHUNK = 1 << 14
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


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


class _Watched:
    """Connections that can be cut off from outside, whatever they are waiting for."""

    def __init__(self) -> None:
        self._open: list[Any] = []

    def classes(self) -> tuple[type[HTTPConnection], type[HTTPSConnection]]:
        """Return classes of connections that are known here once they are open."""
        opened = self._open

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                opened[:] = [self]

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                opened[:] = [self]

        return Plain, Secure

    def cut(self) -> None:
        """Cut the connection off; whoever reads from it gets an error."""
        for connection in self._open:
            if connection.sock is not None:
                with suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)


class Fetcher:
    """Fetches pages. ``resolve`` maps host and port to the address to connect to.

    ``max_bytes`` bounds a body before and after decompression, ``max_seconds`` a whole request, from the first byte sent to the
    last received. Hosts in ``unverified`` are believed without a valid certificate. Threads may fetch from different hosts at once.
    """

    def __init__(
        self,
        user_agent: str,
        resolve: Resolver | None = None,
        *,
        max_bytes: int = 10 << 20,
        max_seconds: float = 60.0,
        unverified: Collection[str] = (),
    ) -> None:
        self._user_agent = user_agent
        self._unverified = frozenset(unverified)
        self._watched: dict[tuple[str, str, int], _Watched] = {}
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
        pool, watched = self._pool(parts.scheme, host, parts.port)
        overdue = threading.Event()

        def cut() -> None:
            overdue.set()
            watched.cut()

        timer = threading.Timer(self._max_seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            response = pool.urlopen(
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
                content = self._read(url, response)
            finally:
                response.release_conn()
        except (HTTPError, OSError, HTTPException, ValueError) as error:
            pool.close()
            self._pools.pop((parts.scheme, host, parts.port or _PORTS[parts.scheme]), None)
            if overdue.is_set():
                raise FetchError(url, f"took longer than {self._max_seconds:g} s", temporary=True) from error
            raise FetchError(url, _reason(error), temporary=not isinstance(error.__cause__ or error, SSLCertVerificationError)) from error
        finally:
            timer.cancel()
        if overdue.is_set():  # cut off between two headers, an answer looks complete
            raise FetchError(url, f"took longer than {self._max_seconds:g} s", temporary=True)
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

    def _pool(self, scheme: str, host: str, port: int | None) -> tuple[urllib3.HTTPConnectionPool, _Watched]:
        default = _PORTS[scheme]
        key = (scheme, host, port or default)
        if key not in self._pools:
            address, actual = self._resolve(host, port or default)
            timeout = Timeout(connect=min(10.0, self._max_seconds), read=min(30.0, self._max_seconds))
            watched = self._watched[key] = _Watched()
            plain, secure = watched.classes()
            pool: urllib3.HTTPConnectionPool
            if scheme == "https":
                trusted = {"cert_reqs": "CERT_NONE", "assert_hostname": False} if host in self._unverified else {"assert_hostname": host}
                pool = urllib3.HTTPSConnectionPool(address, actual, maxsize=1, timeout=timeout, server_hostname=host, **trusted)
                pool.ConnectionCls = secure
            else:
                pool = urllib3.HTTPConnectionPool(address, actual, maxsize=1, timeout=timeout)
                pool.ConnectionCls = plain
            self._pools[key] = pool
        return self._pools[key], self._watched[key]

    def _read(self, url: str, response: urllib3.BaseHTTPResponse) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while piece := response.read(_CHUNK, decode_content=False):
            pieces.append(piece)
            size += len(piece)
            if size > self._max_bytes:
                response.close()
                raise FetchError(url, f"longer than {self._max_bytes} bytes; raise the limit to keep it", temporary=False)
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
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    for address in addresses:  # one among several is enough to lead inside
        if not is_public(address):
            raise FetchError(
                host,
                f"resolves to {address}, which is not a public address; name it with --resolve or allow all with --allow-private if it is meant",
                temporary=False,
            )
    return addresses[0], port


def any_address(host: str, port: int) -> tuple[str, int]:
    """Resolve ``host`` to whatever address it has: for test sites and an office's own network.

    Raises:
        FetchError: it does not resolve.
    """
    try:
        return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]), port
    except (OSError, UnicodeError) as error:
        raise FetchError(host, f"no such host ({error})", temporary=True) from error


def is_public(address: str) -> bool:
    """Whether an address, and the IPv4 address it may carry within, belong to the public Internet."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def parse_resolve(rules: Sequence[str], otherwise: Resolver = public_address) -> Resolver:
    """Return a resolver for rules ``HOST=ADDRESS[:PORT]`` (HOST may hold ``*``); other hosts resolve by ``otherwise``.

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
        return otherwise(host, port)

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
