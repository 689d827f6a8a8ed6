"""robots.txt (RFC 9309): what a site allows, read as leniently as the large search engines read it."""

from __future__ import annotations

import re

from protego import Protego

_MOST_BYTES = 500 << 10
_FIELD = re.compile(
    r"^[ \t]*(?:(?P<agent>user[ -]?agent)|(?P<disallow>d(?:is|isa|ias)?s?al{1,2}[ao]w|disallow|dissallow|dissalow|disalow|diasllow|disallaw)|(?P<allow>allow)"
    r"|(?P<sitemap>site-?map)|(?P<delay>crawl-?delay))(?P<between>[ \t]*:[ \t]*|[ \t]+)(?P<value>[^\r\n]*)",
    re.IGNORECASE,
)
_NAMES = {"agent": "User-agent", "disallow": "Disallow", "allow": "Allow", "sitemap": "Sitemap", "delay": "Crawl-delay"}


def read_rules(content: bytes, status: int) -> str:
    """Return the text of a robots.txt that was answered with ``status``: nothing is forbidden where there is none (4xx).

    A byte-order mark is dropped, and what lies beyond 500 KiB.
    """
    if status != 200:
        return ""
    text = content[:_MOST_BYTES].decode("utf-8", "replace")
    if len(content) > _MOST_BYTES:
        text = text.rpartition("\n")[0]  # half a rule might say more than the whole
    return text.lstrip("\ufeff")


def parse_rules(text: str) -> Protego:
    """Return the rules in a robots.txt. Frequent misspellings and a missing colon are read as what they mean."""
    return Protego.parse("\n".join(map(_corrected, re.split(r"\r\n|\r|\n", text))))


def _corrected(line: str) -> str:
    match = _FIELD.match(line.replace("\x00", ""))
    if match is None or match.lastgroup is None:
        return line
    if ":" not in match["between"] and len(match["value"].split("#")[0].split()) != 1:
        return line
    name = next(name for name in _NAMES if match[name] is not None)
    return f"{_NAMES[name]}: {match['value']}"
