"""Articles as entries for reference managers: RIS and BibTeX."""

from __future__ import annotations

import re

from searcher.model import Article, content_id

_SPECIAL = re.compile(r"[\\{}$&#%_^~]")
_BIBTEX = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}


def ris(article: Article, seen: str = "") -> str:
    """Return an article as a RIS entry; ``seen`` is when it was captured (ISO time)."""
    date = article.date
    fields = [
        ("TY", "NEWS"),
        ("ID", article.id),
        ("TI", article.title),
        ("AU", article.byline),
        ("T2", article.source),
        ("PY", str(date.year) if date else ""),
        ("DA", str(date).replace("-", "/") if date else ""),
        ("UR", article.url),
        ("Y2", seen[:10].replace("-", "/")),
        ("LA", "vi"),
        ("AB", article.lead),
    ]
    lines = [f"{tag}  - {' '.join(value.split())}" for tag, value in fields if value]
    return "\r\n".join([*lines, "ER  - ", ""]) + "\r\n"


def bibtex(article: Article, seen: str = "") -> str:
    """Return an article as a BibTeX entry; ``seen`` is when it was captured (ISO time)."""
    date = article.date
    fields = [
        ("title", f"{{{_escaped(article.title)}}}"),
        ("author", f"{{{_escaped(article.byline)}}}" if article.byline else ""),
        ("journal", _escaped(article.source)),
        ("date", str(date) if date else ""),
        ("year", str(date.year) if date else ""),
        ("url", article.url.replace("%", r"\%") if article.url else ""),
        ("urldate", seen[:10]),
        ("langid", "vietnamese"),
    ]
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields if value)
    return f"@article{{searcher-{content_id(article.id)},\n{body}\n}}\n"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda match: _BIBTEX.get(match[0], "\\" + match[0]), " ".join(text.split()))
