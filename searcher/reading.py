"""From captures to articles and statements: what ``Archive.extract`` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from searcher.errors import InputError
from searcher.extract import EXTRACTOR_VERSION, extract, read_document
from searcher.model import Article, Attribution, Capture
from searcher.speakers import attribution
from searcher.store import Store

_BATCH = 100


@dataclass(frozen=True, slots=True)
class ExtractReport:
    """What extraction made of captures."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    duplicates: int = 0
    documents: int = 0
    passed_over: int = 0
    statements: int = 0
    problems: tuple[str, ...] = ()

    @property
    def articles(self) -> int:
        """Captures that gave an article of their own."""
        return self.new + self.changed + self.unchanged


def read_captures(store: Store, progress: Callable[[str, int, int | None], None]) -> ExtractReport:
    """Read all captures that this version has not read yet; safe to interrupt.

    Raises:
        ArchiveLocked: another process is writing to the archive.
    """
    report = ExtractReport()
    total = store.counts()["to_extract"]
    done = 0
    with store.lock:
        while batch := store.to_extract(EXTRACTOR_VERSION, _BATCH):
            read = [(capture, *_read(store, capture, key)) for capture, key in batch]
            with store.transaction():
                for capture, found, people, problem in read:
                    if isinstance(found, tuple):
                        store.put_document(capture, *found)
                        store.set_outcome(capture, EXTRACTOR_VERSION, found[1] or "document")
                        report = replace(report, documents=report.documents + 1)
                    else:
                        report = _keep(store, capture, found, people, problem, report)
            done += len(batch)
            progress("extract", done, max(total, done))
    return report


def _read(store: Store, capture: Capture, key: str | None) -> tuple[Article | tuple[str, str] | None, Attribution, str]:
    """Read one capture; return the article (or a linked document's text and note), who did what in it, and what went wrong."""
    try:
        content = store.payload(capture).content
        document = read_document(capture, content) if key is None else None
        if document is not None:
            return document, Attribution(), ""
        article = extract(capture, content, key)
    except InputError as error:
        return None, Attribution(), str(error)
    return article, attribution(article.body, article.published) if article else Attribution(), ""


def _keep(
    store: Store, capture: Capture, article: Article | None, people: Attribution, problem: str, report: ExtractReport
) -> ExtractReport:
    if article is None:
        if store.article_of_url(capture.url) is not None and capture.status == 200 and not problem:
            store.mark_missing(capture.url)  # where the article was, there is something else now
        store.set_outcome(capture, EXTRACTOR_VERSION, problem or "not an article")
        return replace(report, passed_over=report.passed_over + 1, problems=(*report.problems, problem) if problem else report.problems)
    outcome = store.put_article(article, people, capture)
    store.set_outcome(capture, EXTRACTOR_VERSION, outcome)
    if outcome == "duplicate":
        return replace(report, duplicates=report.duplicates + 1)
    count = {"new": report.new, "changed": report.changed, "unchanged": report.unchanged}
    count[outcome] += 1
    return replace(report, **count, statements=report.statements + len(people.statements))  # type: ignore[arg-type]
