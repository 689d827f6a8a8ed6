"""Serve the sample: five news sites of two invented wards, laid out as five real platforms lay theirs out.

    python corpus/sample/serve.py [--port 8765] [--edition 1|2]

All sites are behind one address and told apart by the Host header; crawl them with

    searcher crawl http://lacchau.hauchau.example/ … --resolve '*.example=127.0.0.1:8765'

What makes collecting hard is here on purpose: print and save views, aliases, session ids, an endless calendar, a soft 404,
redirects, a page in windows-1258, one that names the wrong charset, one without a date, page clocks and visitor counters.
In the second edition one article has been edited and another has vanished.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import itertools
import json
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader

FOLDER = Path(__file__).parent
PER_PAGE = 5
WEEKDAYS = ("Thứ hai", "Thứ ba", "Thứ tư", "Thứ năm", "Thứ sáu", "Thứ bảy", "Chủ nhật")
#: windows-1258 writes the tones as marks of their own behind the vowel.
_TONES = "\u0300\u0301\u0309\u0303\u0323"

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the server sends."""

    body: bytes
    status: int = 200
    mime: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


class SampleSites:
    """The five sites: ``answer(host, target)`` gives what a browser would get."""

    def __init__(self, edition: int = 1) -> None:
        data = json.loads((FOLDER / "articles.json").read_text(encoding="utf-8"))
        self.sites: dict[str, Json] = {site["host"]: site | {"key": key} for key, site in data["sites"].items()}
        self.edition = edition
        self._templates = Environment(loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, trim_blocks=True)
        self._visits = itertools.count(18_407)
        self._articles: dict[str, list[Json]] = {key: [] for key in data["sites"]}
        for raw in data["articles"]:
            if edition > 1 and "vanishes" in raw.get("traits", ()):
                continue
            self._articles[raw["site"]].append(self._prepare(raw))
        for listed in self._articles.values():
            listed.sort(key=lambda article: article["published"] or "9999", reverse=True)

    def answer(self, host: str, target: str) -> Answer:
        """Answer a GET request for ``target`` (path and query) sent to ``host``."""
        site = self.sites.get(host)
        if site is None:
            return Answer(b"no such site", 404, "text/plain")
        path, query = urlsplit(target).path, {k: v[0] for k, v in parse_qs(urlsplit(target).query).items()}
        if path == "/robots.txt":
            lines = ["User-agent: *", "Disallow: /user/", "Disallow: /wp-login.php", "Disallow: /c/portal/", ""]
            return Answer("\n".join([*lines, f"Sitemap: http://{host}/sitemap.xml"]).encode(), mime="text/plain")
        name = path.rsplit("/", 1)[-1]
        if (FOLDER / "files" / name).is_file() and not name.endswith(".html"):
            mime = "application/pdf" if name.endswith(".pdf") else "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
            return Answer((FOLDER / "files" / name).read_bytes(), mime=mime)
        platform: Callable[[Json, str, dict[str, str]], Answer] = getattr(self, f"_{site['platform']}")
        return platform(site, path, query)

    # One method a platform: which address shows what

    def _drupal(self, site: Json, path: str, query: dict[str, str]) -> Answer:
        if path == "/sitemap.xml":
            parts = "".join(f"<sitemap><loc>http://{site['host']}/{part}</loc></sitemap>" for part in ("sitemap-1.xml", "sitemap-2.xml.gz"))
            return _xml(f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{parts}</sitemapindex>')
        if path in ("/sitemap-1.xml", "/sitemap-2.xml.gz"):
            articles = self._articles[site["key"]]
            half = articles[: len(articles) // 2] if "1" in path else articles[len(articles) // 2 :]
            urls = "".join(f"<url><loc>{a['url']}</loc><lastmod>{a['published']}</lastmod></url>" for a in half)
            found = _xml(f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>')
            return Answer(gzip.compress(found.body, mtime=0), mime="application/gzip") if path.endswith(".gz") else found
        path = path.removeprefix("/index.php")
        if path in ("/", "", "/tin-tuc"):
            return self._listing(site, "Tin tức", int(query.get("page", 0)), "/tin-tuc?page={}", first=0)
        if path == "/gioi-thieu":
            return self._page(site, heading="Giới thiệu", text="Phường Lạc Châu được thành lập ngày 01/7/2025, gồm 7 khóm và 6 ấp.")
        article = self._find(site, lambda a: path in (f"/tin-tuc/{a['slug']}", f"/node/{a['number']}"))
        return self._show(site, article) if article else self._missing(site)

    def _nukeviet(self, site: Json, path: str, query: dict[str, str]) -> Answer:
        if path == "/vi/news/rss/":
            items = "".join(
                f"<item><title>{a['title']}</title><link>http://{site['host']}{a['path']}</link></item>"
                for a in self._articles[site["key"]][:5]
            )
            return _xml(f'<rss version="2.0"><channel><title>{site["name"]}</title>{items}</channel></rss>')
        if path in ("/", "/vi/", "/vi/news/") or path.startswith("/vi/news/page-"):
            number = int(path.rstrip("/").rpartition("-")[2]) if "page-" in path else 1
            return self._listing(site, "Tin tức", number, "/vi/news/page-{}/", first=1)
        if path == "/vi/calendar/":
            year, month = map(int, query.get("month", "2025-01").split("-"))
            following = f"/vi/calendar/?month={year + month // 12}-{month % 12 + 1:02}"
            return self._page(site, heading=f"Lịch công tác tháng {month}/{year}", text="Chưa có lịch.", links=[(following, "Tháng sau")])
        if path == "/vi/about/":
            return self._page(site, heading="Giới thiệu", text="Phường Tân Lạc Đông nằm bên kênh Ông Cò.")
        view = next((name for name in ("print", "savefile") if f"/news/{name}/" in path), "full")
        plain = path.replace(f"/news/{view}/", "/news/")
        article = self._find(site, lambda a: a["path"] == plain)
        return self._show(site, article, view=view) if article else self._missing(site)

    def _wordpress(self, site: Json, path: str, query: dict[str, str]) -> Answer:
        newest = self._articles[site["key"]][0]
        redirects = {
            "/tin-cu": "/tin-cu-2",
            "/tin-cu-2": "/index.php?p=" + str(newest["number"]),
            "/index.php": f"/?p={query.get('p', newest['number'])}",
        }
        if path in redirects:
            return Answer(b"", 301, headers={"Location": redirects[path]})
        if "feed" in query:
            items = "".join(f"<item><title>{a['title']}</title><link>{a['url']}</link></item>" for a in self._articles[site["key"]][:5])
            return _xml(f'<rss version="2.0"><channel><title>{site["name"]}</title>{items}</channel></rss>')
        if "page_id" in query:
            return self._page(site, heading="Giới thiệu", text="Xã Vĩnh Lạc Tây có 6 ấp.")
        if path == "/" and "p" not in query:
            return self._listing(site, "Bài viết", int(query.get("paged", 1)), "/?paged={}", first=1)
        article = self._find(site, lambda a: path == "/" and query.get("p") == str(a["number"]))
        return self._show(site, article) if article else self._missing(site)

    def _liferay(self, site: Json, path: str, query: dict[str, str]) -> Answer:
        path = path.partition(";")[0]
        if path in ("/", "/tin-tuc"):
            soft = "/tin-tuc/-/asset_publisher/Qx7LcHauChau/content/bai-da-go-bo"
            return self._listing(site, "Tin tức", int(query.get("cur", 1)), "/tin-tuc?cur={}", first=1, links=[(soft, "Bài đã gỡ")])
        article = self._find(site, lambda a: a["path"] == path)
        if article:
            return self._show(site, article)
        return self._page(site, heading="Không tìm thấy trang", text="Nội dung bạn yêu cầu không tồn tại hoặc đã bị gỡ bỏ.")

    def _aspnet(self, site: Json, path: str, query: dict[str, str]) -> Answer:
        if path.startswith("/(S("):
            path = path[path.index("))") + 2 :]
        if path in ("/", "/default.aspx", "/tintuc.aspx"):
            return self._listing(site, "Tin tức", int(query.get("trang", 1)), "/tintuc.aspx?trang={}", first=1)
        if path == "/lienhe.aspx":
            return self._page(site, heading="Liên hệ", text="Điện thoại: 0000 000 000")
        article = self._find(site, lambda a: path == "/chitiettintuc.aspx" and query.get("ID") == str(a["number"]))
        return self._show(site, article) if article else self._missing(site)

    # What pages are made of

    def _prepare(self, raw: Json) -> Json:
        article = dict(raw)
        article["path"] = urlsplit(raw["url"]).path + (f"?{urlsplit(raw['url']).query}" if urlsplit(raw["url"]).query else "")
        if self.edition > 1 and "edited" in raw:
            before, after = raw["edited"]
            article["body"] = [paragraph.replace(before, after) for paragraph in raw["body"]]
        if raw["published"]:
            day = date.fromisoformat(raw["published"])
            article |= {"dmy": f"{day:%d/%m/%Y}", "weekday": WEEKDAYS[day.weekday()]}
        return article

    def _find(self, site: Json, wanted: Callable[[Json], bool]) -> Json | None:
        return next(filter(wanted, self._articles[site["key"]]), None)

    def _show(self, site: Json, article: Json, view: str = "full") -> Answer:
        traits = article.get("traits", ())
        section, _, leaf = article["path"].partition("/news/")
        answer = self._page(
            site,
            article=article,
            paragraphs=article["body"],
            dmy=article.get("dmy"),
            weekday=article.get("weekday"),
            view=view,
            print_url=f"{section}/news/print/{leaf}",
            save_url=f"{section}/news/savefile/{leaf}",
            declared="windows-1252" if "mislabelled" in traits else "windows-1258" if "windows-1258" in traits else "utf-8",
            json_ld=self._json_ld(site, article),
        )
        if "windows-1258" in traits:
            return Answer(_windows_1258(answer.body.decode("utf-8")), mime="text/html; charset=windows-1258")
        if "mislabelled" in traits:
            return Answer(answer.body, mime="text/html; charset=iso-8859-1", headers=answer.headers)
        return answer

    def _listing(
        self, site: Json, heading: str, number: int, pattern: str, *, first: int, links: list[tuple[str, str]] | None = None
    ) -> Answer:
        articles = self._articles[site["key"]]
        at = (number - first) * PER_PAGE
        following = pattern.format(number + 1) if at + PER_PAGE < len(articles) else None
        return self._page(site, heading=heading, listed=articles[at : at + PER_PAGE], next=following, links=links)

    def _missing(self, site: Json) -> Answer:
        answer = self._page(site, heading="Không tìm thấy trang", text="Trang bạn tìm không có.")
        return Answer(answer.body, 404)

    def _page(self, site: Json, **values: Any) -> Answer:
        visits = next(self._visits)
        counted = site["platform"] in ("drupal", "liferay", "aspnet")
        html = self._templates.get_template(f"{site['platform']}.html").render(
            {"declared": "utf-8", "view": "full", "links": []} | {k: v for k, v in values.items() if v is not None},
            site=site,
            recent=self._articles[site["key"]][:5],
            visitors=f"{visits:,}".replace(",", "."),
            clock=f"Hôm nay, ngày 05/01/2026 07:{visits % 60:02}",
            session=f"{visits:024x}",
        )
        body = unicodedata.normalize("NFC", html).encode()
        return Answer(body, headers={} if counted else {"ETag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'})

    def _json_ld(self, site: Json, article: Json) -> str:
        graph = [
            {"@type": "WebSite", "name": site["name"]},
            {
                "@type": "NewsArticle",
                "headline": article["title"],
                "datePublished": f"{article['published']}T{article['time']}:00+07:00",
                "articleSection": article["section"],
                "author": {"@type": "Person", "name": article["byline"]},
                "mainEntityOfPage": article["url"],
            },
        ]
        return json.dumps({"@context": "https://schema.org", "@graph": graph})  # ASCII, so that any charset holds it


def _xml(text: str) -> Answer:
    return Answer(f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(), mime="application/xml")


def _windows_1258(text: str) -> bytes:
    """Encode as windows-1258 does: base letters with circumflex, breve or horn as one byte, the tone as another."""
    pieces = []
    for character in text:
        tones = "".join(c for c in unicodedata.normalize("NFD", character) if c in _TONES)
        base = unicodedata.normalize("NFC", "".join(c for c in unicodedata.normalize("NFD", character) if c not in _TONES))
        pieces.append((base + tones).encode("cp1258", "xmlcharrefreplace"))
    return b"".join(pieces)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sites: SampleSites

    def do_GET(self) -> None:
        answer = self.sites.answer(self.headers.get("Host", ""), self.path)
        etag = answer.headers.get("ETag")
        unchanged = etag is not None and self.headers.get("If-None-Match") == etag
        self.send_response(304 if unchanged else answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if not unchanged:
            self.send_header("Content-Type", answer.mime)
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if not unchanged:
            self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Keep quiet: the crawler reports."""


class SampleServer(ThreadingHTTPServer):
    """The sample on a port of the loopback interface; 0 takes a free one. Use as a context manager to serve in a thread."""

    daemon_threads = True

    def __init__(self, port: int = 0, edition: int = 1) -> None:
        handler = type("Handler", (_Handler,), {"sites": SampleSites(edition)})
        super().__init__(("127.0.0.1", port), handler)
        self.sites: SampleSites = handler.sites  # type: ignore[attr-defined]  # set on the line above

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def resolve(self) -> str:
        """The ``--resolve`` rule that leads to this server."""
        return f"*.example=127.0.0.1:{self.server_address[1]}"

    @property
    def seeds(self) -> list[str]:
        """The home pages."""
        return [f"http://{host}/" for host in self.sites.sites]


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Serve the sample sites on loopback.")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--edition", type=int, choices=(1, 2), default=1)
    arguments = parser.parse_args()
    server = SampleServer(arguments.port, arguments.edition)
    print(f"serving {len(server.seeds)} sites; crawl with --resolve '{server.resolve}'", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
