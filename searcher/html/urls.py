"""Addresses: one canonical form for all the ways a page is linked to, and the pattern that similar pages share."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

_NOISE = re.compile(
    r"(?:utm_\w+|fbclid|gclid|zarsrc|sid|sessionid|session_id|phpsessid|jsessionid|aspsessionid\w*|_ga|ref|share|from_social)",
    re.IGNORECASE,
)
_SESSION_PATH = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/?#]*|/\(S\([a-z0-9]+\)\)", re.IGNORECASE)
_DEFAULT_PORT = {"http": ":80", "https": ":443"}
#: Characters that RFC 3986 lets stand as they are in a path.
_PATH_SAFE = "/:@!$&'()*+,;=~-._"


def canonical(url: str, base: str = "") -> str | None:
    """Return the canonical form of ``url`` (joined to ``base``); None if it is no http(s) address.

    Host in lower case without default port, no fragment, session id or tracking parameter, parameters sorted, dots of the
    path resolved, percent escapes only where needed. Canonical forms map to themselves.
    """
    try:
        parts = urlsplit(urljoin(base, url.encode("utf-8", "replace").decode().strip()))  # lone surrogates have no bytes
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORT or not host or any(c.isspace() for c in host):
        return None
    try:
        host = host.encode("idna").decode("ascii") if not host.isascii() else host
    except UnicodeError:
        return None
    netloc = host if port is None or f":{port}" == _DEFAULT_PORT[parts.scheme] else f"{host}:{port}"
    path = re.sub("/{2,}", "/", _SESSION_PATH.sub("", parts.path))  # two slashes would be read as a host below
    path = urlsplit(urljoin(f"http://{host}/", path or "/")).path if "." in path or not path else path
    path = quote(unquote(path, errors="surrogateescape"), safe=_PATH_SAFE, errors="surrogateescape") or "/"
    pairs = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape") if not _NOISE.fullmatch(k)]
    query = urlencode(sorted(pairs), errors="surrogateescape", safe="/:,")
    return urlunsplit(SplitResult(parts.scheme, netloc, re.sub("/{2,}", "/", path), query, ""))


def host_of(url: str) -> str:
    """Return host and port of ``url``."""
    return urlsplit(url).netloc


def same_site(host: str, other: str) -> bool:
    """Whether two hosts differ by no more than ``www.``."""
    return host.removeprefix("www.") == other.removeprefix("www.")


def pattern_of(url: str) -> str:
    """Return what similar pages' addresses share: digits collapsed, the last path segment's words dropped."""
    parts = urlsplit(url)
    folder, _, leaf = parts.path.rpartition("/")
    leaf = leaf if "." in leaf and not re.search(r"\.html?$", leaf) else "*" if leaf else ""
    names = "&".join(k for k, _ in parse_qsl(parts.query, keep_blank_values=True))
    return re.sub(r"\d+", "#", f"{folder}/{leaf}?{names}")
