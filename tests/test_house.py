"""The house itself: which room may know which, how large a module may be, what is public."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import searcher

ROOT = Path(searcher.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
#: Rooms in the order data passes them, with the rooms each may import.
MAY_IMPORT = {
    "errors": set(),
    "files": set(),
    "model": set(),
    "vietnamese": {"model", "errors"},
    "html": {"model", "vietnamese", "errors"},
    "store": {"model", "vietnamese", "errors", "files"},
    "crawl": {"model", "store", "html", "vietnamese", "errors"},
    "extract": {"model", "vietnamese", "html", "errors"},
    "speakers": {"model", "vietnamese"},
    "engine": {"model", "vietnamese", "errors", "files"},
    "query": {"model", "vietnamese", "engine", "errors"},
    "importing": {"model", "vietnamese", "html", "store", "extract", "errors"},
    "reading": {"model", "store", "extract", "speakers", "errors"},
    "archive": {
        "model",
        "vietnamese",
        "html",
        "store",
        "crawl",
        "extract",
        "engine",
        "query",
        "importing",
        "reading",
        "wire",
        "errors",
        "files",
    },
    "references": {"model"},
    "wire": {"model", "query", "references", "errors"},
    "cli": {"archive", "model", "errors", "wire", "query", "crawl", "web"},
    "web": {"archive", "references", "model", "errors", "wire", "query"},
}


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", [p for p in MODULES if room_of(p) not in ("__init__", "__main__")], ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows_point_downward(path: Path) -> None:
    room = room_of(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else []
        )
        for name in names:
            if name.startswith("searcher."):
                other = name.split(".")[1]
                assert other == room or other in MAY_IMPORT[room], f"{room} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_are_short_and_say_what_they_do(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 500
    assert ast.get_docstring(ast.parse(text))


def test_public_names() -> None:
    assert sorted(searcher.__all__) == sorted(set(searcher.__all__))
    for name in searcher.__all__:
        assert hasattr(searcher, name)


def test_errors_are_drawn_as_a_tree() -> None:
    from searcher import errors

    assert errors.__doc__ is not None
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, Exception):
            assert name in errors.__doc__
