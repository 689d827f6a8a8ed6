"""The web page and HTTP/JSON over one archive, for this machine only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

import anyio
import anyio.to_thread
import uvicorn
from jinja2 import Environment, PackageLoader
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from searcher.archive import Archive
from searcher.errors import ArchiveError, QueryError, SearcherError
from searcher.model import Article, Attribution, PartialDate, Query, Results
from searcher.query import PARAMETERS, Frequency, KwicSort, Unit
from searcher.references import bibtex, ris
from searcher.wire import article_json, frequency_json, kwic_json, results_json

T = TypeVar("T")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_FORMS: dict[str, tuple[Callable[[Article], str], str]] = {
    "txt": (lambda article: f"{article.title}\n\n{article.body}\n", "text/plain"),
    "ris": (ris, "application/x-research-info-systems"),
    "bibtex": (bibtex, "application/x-bibtex"),
}
#: Searches worked on at once: more only take turns, and the threads that answer requests wait for all of them.
_THREADS = 2
#: Requests worked on or waiting for a thread; one that came on top would wait for a tenth of a second and more.
_MOST_UNDER_WAY = 12
_PAGE_FACETS = ("year", "speaker", "source")


def serve(folder: Path, host: str, port: int) -> None:
    """Serve an archive until interrupted.

    Raises:
        SearcherError: ``host`` is not this machine itself, or the folder is no archive.
    """
    if host not in _LOOPBACK:
        raise SearcherError(f"{host} is not this machine itself; the page has no log-in yet, so it is served on 127.0.0.1 only")
    uvicorn.run(create_app(folder), host=host, port=port, log_level="warning")


def create_app(folder: Path) -> Starlette:
    """Return the ASGI application for an archive.

    Raises:
        ArchiveError: the folder is none.
    """
    door = _Door(Archive.open(folder))
    routes = [
        Route("/", door.page),
        Route("/bai/{article_id:path}", door.article_page),
        Route("/feed.atom", door.feed),
        Route("/api/v1/search", door.search),
        Route("/api/v1/frequency", door.frequency),
        Route("/api/v1/kwic", door.kwic),
        Route("/api/v1/articles/{article_id:path}", door.article),
        Route("/healthz", door.health),
        Mount("/static", StaticFiles(packages=[("searcher.web", "static")])),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])],
        exception_handlers={Busy: _problem(503), QueryError: _problem(400), ArchiveError: _problem(404), SearcherError: _problem(503)},
    )


class Busy(SearcherError):
    """The server has more to do than it can soon."""


class _Door:
    """The handlers. Each works in a thread; searches go on side by side, for each has its own snapshot of the index."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._under_way = 0
        self._threads = anyio.CapacityLimiter(_THREADS)
        self._templates = Environment(loader=PackageLoader("searcher.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
        self._templates.filters["vn"] = _vietnamese_date

    async def search(self, request: Request) -> Response:
        """GET /api/v1/search"""
        return JSONResponse(results_json(await self._answer(_query(request))))

    async def frequency(self, request: Request) -> Response:
        """GET /api/v1/frequency"""
        own, query = _own_parameters(request, ("unit",))
        unit = cast("Unit", own.get("unit", "year"))  # it is checked where it is used
        rows = await self._run(self._archive.frequency, query, unit)
        return JSONResponse(frequency_json(rows))

    async def kwic(self, request: Request) -> Response:
        """GET /api/v1/kwic"""
        own, query = _own_parameters(request, ("width", "order"))
        if not own.get("width", "60").isdecimal():
            raise QueryError(f"width {own['width']!r} is no number")
        width, order = int(own.get("width", "60")), cast("KwicSort", own.get("order", "date"))
        lines = await self._run(lambda: self._archive.kwic(query, width=width, order=order))
        return JSONResponse(kwic_json(lines))

    async def article(self, request: Request) -> Response:
        """GET /api/v1/articles/{id}; with ?format=txt, ris or bibtex in that form"""
        form = request.query_params.get("format", "json")
        if form not in ("json", *_FORMS):
            raise QueryError(f"format {form!r} is unknown; use one of json, {', '.join(_FORMS)}")
        article, people = await self._article(request)
        if form == "json":
            return JSONResponse(article_json(article, people))
        write, mime = _FORMS[form]
        return PlainTextResponse(write(article), media_type=mime)

    async def feed(self, request: Request) -> Response:
        """GET /feed.atom: the newest articles of a search"""
        query = replace(_query(request), sort="newest", limit=30)
        results = await self._answer(query)
        here = str(request.url)
        return self._render("feed.xml", "application/atom+xml", results=results, here=here, root=str(request.base_url).rstrip("/"))

    async def health(self, _request: Request) -> Response:
        """GET /healthz"""
        results = await self._answer(Query(limit=1, snippets=False))
        return JSONResponse({"status": "ok", "documents": results.index.documents, "generation": results.index.generation})

    async def page(self, request: Request) -> Response:
        """GET /"""
        results: Results | None = None
        problem = ""
        query = Query()
        try:
            query = _query(request, facets=_PAGE_FACETS)
            if query.text or query.speaker or query.source or query.since or query.until:
                results = await self._answer(query)
        except QueryError as error:
            problem = str(error)
        given = {k: v for k, v in request.query_params.items() if v and k != "cursor"}
        link = lambda **changes: "/?" + urlencode({k: v for k, v in (given | changes).items() if v})  # noqa: E731
        timeline = None
        if results is not None and results.total:
            timeline = _timeline(await self._run(self._archive.frequency, query, "year"))
        return self._html(
            "search.html",
            status=400 if problem else 200,
            query=query,
            given=given,
            results=results,
            problem=problem,
            link=link,
            timeline=timeline,
        )

    async def article_page(self, request: Request) -> Response:
        """GET /bai/{id}"""
        article, people = await self._article(request)
        archive = self._archive

        def work() -> dict[str, Any]:
            return {
                "presence": archive.presence(article.id),
                "citation": archive.cite(article.id),
                "versions": len(archive.versions(article.id)),
                "copies": [copy for copy in archive.copies(article.id) if copy[0] != article.id],
                "notes": {url: note for url, _, note in archive.documents(article.id) if note},
            }

        return self._html("article.html", article=article, people=people, **await self._run(work))

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do some work in a thread; refuse it at once where so much is waiting that nobody would wait for more.

        Raises:
            Busy: too much is under way.
        """
        if self._under_way >= _MOST_UNDER_WAY:
            raise Busy("too many searches at once; try again in a second")
        self._under_way += 1
        try:
            return await anyio.to_thread.run_sync(partial(work, *arguments), limiter=self._threads)
        finally:
            self._under_way -= 1

    async def _answer(self, query: Query) -> Results:
        return await self._run(self._archive.answer, query)

    async def _article(self, request: Request) -> tuple[Article, Attribution]:
        def work() -> tuple[Article, Attribution]:
            article_id = request.path_params["article_id"]
            return self._archive.get(article_id), self._archive.attribution(article_id)

        return await self._run(work)

    def _render(self, name: str, mime: str, **values: Any) -> Response:
        return Response(self._templates.get_template(name).render(**values), media_type=mime)

    def _html(self, name: str, status: int = 200, **values: Any) -> Response:
        return HTMLResponse(self._templates.get_template(name).render(**values), status_code=status, headers=_SECURITY)


@dataclass(frozen=True, slots=True)
class _Bar:
    """A year in the timeline: its count and the height of its bar in per cent; "documents" are all of that year."""

    period: str
    count: int
    documents: int
    height: float


def _vietnamese_date(date: PartialDate | str) -> str:
    """Write a date, or an ISO time, the way it is written here: 02/07/2025, 07/2025, 2025."""
    return "/".join(reversed(str(date)[:10].split("-")))


def _timeline(rows: Sequence[Frequency]) -> list[_Bar] | None:
    """Return the years as bars; None if there are less than two."""
    years = [row for row in rows if row.period]
    most = max((row.count for row in years), default=0)
    return [_Bar(r.period, r.count, r.documents, 100 * r.count / most if most else 0) for r in years] if len(years) > 1 else None


def _own_parameters(request: Request, names: tuple[str, ...]) -> tuple[dict[str, str], Query]:
    """Split the parameters into those of one address alone and the query."""
    own = {name: value for name, value in request.query_params.items() if name in names and value}
    return own, _query(request, ignored=names)


def _query(request: Request, facets: tuple[str, ...] = (), ignored: tuple[str, ...] = ()) -> Query:
    """Read a query from the address; the option names of the command line are accepted as well.

    Raises:
        QueryError: a parameter is unknown or no number where one is needed.
    """
    names = {p.option: p.name for p in PARAMETERS} | {p.name: p.name for p in PARAMETERS}
    values: dict[str, Any] = {}
    for key, value in request.query_params.items():
        if key in ("q", "facet", "facets", "snippets", *ignored):
            continue
        if key not in names:
            raise QueryError(f"parameter {key!r} is unknown; known are q, facet, {', '.join(sorted(p.option for p in PARAMETERS))}")
        if value:
            values[names[key]] = value
    if "limit" in values:
        if not str(values["limit"]).isdecimal():
            raise QueryError(f"limit {values['limit']!r} is no number")
        values["limit"] = int(values["limit"])
    asked = tuple(request.query_params.getlist("facet")) or facets
    snippets = request.query_params.get("snippets", "1") not in ("0", "false")
    return Query(request.query_params.get("q", ""), **values, facets=asked, snippets=snippets)


def _problem(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Answer an error as RFC 9457 says."""

    async def handle(_request: Request, error: Exception) -> Response:
        body = {"type": "about:blank", "title": type(error).__name__, "status": status, "detail": str(error)}
        if isinstance(error, QueryError) and error.position is not None:
            body["position"] = error.position
        headers = {"Retry-After": "1"} if isinstance(error, Busy) else None
        return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)

    return handle
