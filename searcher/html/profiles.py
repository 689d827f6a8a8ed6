"""Site profiles: what is known of a publishing platform, as data files, so that its pages are read exactly."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from cssselect import SelectorError

from searcher.errors import InputError
from searcher.html.page import Page, compiled
from searcher.html.urls import canonical

_FIELDS = ("title", "date", "updated", "lead", "body", "byline", "source", "section", "caption", "attachment", "remove")


@dataclass(frozen=True, slots=True)
class Profile:
    """How one platform marks up an article.

    ``detect`` are CSS selectors that all match on every page of the platform; ``article`` those that all match on articles
    alone. ``fields`` maps a field to its selector. ``rewrite`` turns other views' addresses into the article's (pattern,
    replacement); addresses that match ``skip`` are never fetched. A byline may stand as the body's last line.
    """

    name: str
    detect: tuple[str, ...]
    article: tuple[str, ...]
    fields: dict[str, str]
    rewrite: tuple[tuple[re.Pattern[str], str], ...]
    skip: tuple[re.Pattern[str], ...]
    byline_last: bool
    byline_prefix: str

    def address(self, url: str) -> str | None:
        """Return the address to use in place of ``url``; None if it is not to be fetched."""
        parts = urlsplit(url)
        local = parts.path + (f"?{parts.query}" if parts.query else "")
        for pattern, replacement in self.rewrite:
            local = pattern.sub(replacement, local)
        if any(pattern.search(local) for pattern in self.skip):
            return None
        return canonical(local, url)

    def is_article(self, page: Page) -> bool:
        """Whether ``page`` is marked up as an article."""
        return all(page.select_one(selector) is not None for selector in self.article)


@cache
def profiles() -> tuple[Profile, ...]:
    """Return the profiles that come with the package, by name."""
    folder = files("searcher.html") / "platforms"
    found = [_read(entry.name, entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".toml")]
    return tuple(sorted(found, key=lambda profile: profile.name))


#: Profiles of an archive of its own; they come before the package's.
_own: list[Profile] = []


def use_profiles(folder: Path) -> None:
    """Read the profiles (``*.toml``) of a folder, to be tried before the package's own.

    Raises:
        InputError: one of them is no profile.
    """
    _own[:] = [_read(str(path), path.read_text("utf-8")) for path in sorted(folder.glob("*.toml"))]


def profile_of(page: Page) -> Profile | None:
    """Return the profile of the platform that made ``page``."""
    return next((p for p in (*_own, *profiles()) if all(page.select_one(selector) is not None for selector in p.detect)), None)


def _read(name: str, text: str) -> Profile:
    try:
        data = tomllib.loads(text)
        for selector in (*data["detect"], *data["article"], *data["fields"].values()):
            compiled(selector)
        unknown = data.get("fields", {}).keys() - set(_FIELDS)
        if unknown:
            raise InputError(name, f"unknown field {sorted(unknown)[0]!r}; known are {', '.join(_FIELDS)}")
        return Profile(
            name=name.rpartition("/")[2].removesuffix(".toml"),
            detect=tuple(data["detect"]),
            article=tuple(data["article"]),
            fields=data["fields"],
            rewrite=tuple((re.compile(rule["from"]), rule["to"]) for rule in data.get("rewrite", ())),
            skip=tuple(re.compile(pattern) for pattern in data.get("skip", ())),
            byline_last=data.get("byline_last", False),
            byline_prefix=data.get("byline_prefix", ""),
        )
    except (tomllib.TOMLDecodeError, KeyError, AttributeError, re.error, SelectorError) as error:
        raise InputError(name, f"not a site profile: {error}") from error
