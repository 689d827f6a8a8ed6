"""Addresses: one canonical form for all the ways a page is linked to, and the pattern that similar pages share."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import ada_url

_NOISE = re.compile(
    r"(?:utm_\w+|fbclid|gclid|zarsrc|sid|sessionid|session_id|phpsessid|jsessionid|aspsessionid\w*|_ga|ref|share|from_social)",
    re.IGNORECASE,
)
_SESSION_PATH = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/?#]*|/\(S\([a-z0-9]+\)\)", re.IGNORECASE)
#: Characters that RFC 3986 lets stand as they are in a path.
_PATH_SAFE = "/:@!$&'()*+,;=~-._"


def parse(url: str, base: str = "") -> str | None:
    """Return the absolute address that a browser would make of ``url`` on a page at ``base``; None if there is none."""
    text = url.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # lone surrogates have no bytes
    try:
        found = ada_url.URL(text, base or None)
        for label in found.hostname.split("."):
            if label.startswith("xn--") and not label[4:].encode("ascii").decode("punycode"):
                return None
        return str(found.href)
    except (ValueError, UnicodeError):
        return None


def canonical(url: str, base: str = "") -> str | None:
    """Return the canonical form of ``url`` (joined to ``base``); None if it is no http(s) address.

    As browsers read it, then: no fragment, user, session id or tracking parameter, parameters sorted, slashes single, percent
    escapes only where needed. Canonical forms map to themselves.
    """
    href = parse(url, base)
    if href is None or not href.startswith(("http://", "https://")):
        return None
    parts = urlsplit(href)
    netloc = parts.netloc.rpartition("@")[2].replace(".:", ":").rstrip(".")
    if not netloc or netloc.startswith(":"):
        return None
    path = re.sub("/{2,}", "/", _SESSION_PATH.sub("", parts.path)) or "/"
    path = quote(unquote(path, errors="surrogateescape"), safe=_PATH_SAFE, errors="surrogateescape")
    pairs = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape") if not _NOISE.fullmatch(k)]
    query = urlencode(sorted(pairs), errors="surrogateescape", safe="/:,")
    found = parse(urlunsplit(SplitResult(parts.scheme, netloc, path, query, "")))
    return (
        None
        if found is None or not urlsplit(found).netloc
        else re.sub("(?<!:)/{2,}", "/", found.partition("?")[0]) + (f"?{query}" if query else "")
    )


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
