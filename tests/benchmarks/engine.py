"""The engine against tantivy, SQLite FTS5, bm25s and stock Whoosh on the same text and fields, in one process.

    python tests/benchmarks/engine.py DATA.jsonl[.xz] [--documents 35407] [--queries 200] [--peers tantivy,fts5,bm25s,whoosh]

More documents than the file has are its articles again under other ids. Every engine gets the same tokens. Queries are cut
from titles; times are of one thread, warm, with exact totals: median and mean in milliseconds, and their ratio to tantivy's.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import lzma
import platform
import random
import resource
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from searcher.engine import And, DateRange, Or, Phrase, Plan, Scored, Term, Variants, WhooshEngine
from searcher.model import Article, Attribution, PartialDate, Query, Record
from searcher.query import search
from searcher.vietnamese.analysis import TITLE_WEIGHT, Analyser, Token, pair_term
from searcher.vietnamese.names import Names
from searcher.vietnamese.normalise import fold

ANALYSER = Analyser()
CLASSES = (1, 2, 3, 5, 12)
FIRST_DAY = dt.date(2015, 1, 1)
fold_cached = lru_cache(1_000_000)(fold)


def articles(path: Path, wanted: int) -> Iterator[tuple[str, str, str, dt.date]]:
    """Yield (id, title, body, day); days are spread over ten years in the order of the file."""
    number = 0
    while number < wanted:
        opener = lzma.open if path.suffix == ".xz" else open
        with opener(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                data = json.loads(line)
                day = FIRST_DAY + dt.timedelta(days=3650 * number // wanted)
                yield f"{data['id']}-{number}", data.get("title") or "", data.get("body") or "", day
                number += 1
                if number == wanted:
                    return


def tokens(text: str) -> list[str]:
    """The accented tokens of a text, in a form that splits at white space."""
    return [token.accented for token in ANALYSER.tokens(text)]


def fields_of(title: str, body: str) -> tuple[str, str, str, str]:
    """Syllables, pairs, folded syllables, folded pairs, each a text that splits at white space; the title as often as it counts."""
    paragraphs = [tokens(title)] * TITLE_WEIGHT + [tokens(p) for p in body.split("\n")]
    folded = [[fold_cached(t) for t in p] for p in paragraphs]

    def joined(parts: list[list[str]]) -> tuple[str, str]:
        return " ".join(t for p in parts for t in p), " ".join(f"{a}_{b}" for p in parts for a, b in pairwise(p))

    return *joined(paragraphs), *joined(folded)


def cut(titles: list[str], words: int, count: int, rng: random.Random, *, scattered: bool = False) -> list[list[Token]]:
    """Cut queries of some syllables from titles."""
    found: list[list[Token]] = []
    while len(found) < count:
        title = list(ANALYSER.tokens(rng.choice(titles)))
        if len(title) >= words:
            at = rng.randrange(len(title) - words + 1)
            found.append([title[i] for i in sorted(rng.sample(range(len(title)), words))] if scattered else title[at : at + words])
    return found


def ranking(query: list[Token]) -> Plan:
    """The ranking query: four fields, any of it matches."""
    leaves: dict[Any, float] = {}
    for token in query:
        leaves[Term("syllables", token.term)] = 1.0
        leaves[Variants("syllables", token.folded)] = 0.5
    for first, second in pairwise(query):
        leaves[Term("pairs", pair_term(first.term, second.term))] = 0.4
        leaves[Variants("pairs", f"{first.folded} {second.folded}")] = 0.2
    return Plan(Or(tuple(leaves)), tuple(Scored(node, boost) for node, boost in leaves.items()), limit=10)


def terms(query: list[Token]) -> tuple[Term, ...]:
    """The syllables of a query."""
    return tuple(dict.fromkeys(Term("syllables", token.term) for token in query))


def clocked(name: str, questions: list[Any], ask: Callable[[Any], object]) -> tuple[float, float]:
    """Ask every question twice; return median and mean of the second time, in milliseconds."""
    for question in questions[:20]:
        ask(question)
    times = []
    for question in questions:
        began = time.perf_counter()
        ask(question)
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times), statistics.fmean(times)


class Ours:
    """This project's engine."""

    def __init__(self, path: Path, wanted: int, folder: Path) -> None:
        self.engine = WhooshEngine(folder)
        began, cpu = time.perf_counter(), time.process_time()
        batch: list[Record] = []
        for number, (name, title, body, day) in enumerate(articles(path, wanted)):
            record = Record(Article(name, "", title, body, published=PartialDate(day.year, day.month, day.day)), Attribution(), number + 1)
            batch.append(record)
            if len(batch) == 500:
                self.engine.add(batch)
                batch = []
            if number % 50_000 == 49_999:
                self.engine.commit()
        self.engine.add(batch)
        self.engine.commit()
        self.engine.settle()
        self.seconds, self.cpu = time.perf_counter() - began, time.process_time() - cpu
        self.size = sum(p.stat().st_size for p in self.engine._storage.files(self.engine._current()[0]))
        self.stored = sum(
            sum(count for name, (_, _, count, _) in segment.source._sections.items() if ".stored" in name)
            for segment in self.engine._current()[1].segments
        )

    def ask(self, plan: Plan) -> object:
        """Answer a plan."""
        return self.engine.snapshot().search(plan)


class Tantivy:
    """tantivy with the same four fields, a date, and the body stored for its snippets."""

    def __init__(self, path: Path, wanted: int, folder: Path) -> None:
        import tantivy

        self.t = tantivy
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
        for name, option in (("syllables", "position"), ("pairs", "freq"), ("folded", "position"), ("folded_pairs", "freq")):
            builder.add_text_field(name, tokenizer_name="whitespace", index_option=option)
        builder.add_integer_field("day", indexed=True, fast=True)
        self.schema = builder.build()
        folder.mkdir()
        self.index = tantivy.Index(self.schema, path=str(folder))
        writer = self.index.writer(500_000_000, 1)
        self.cpu = self.seconds = 0.0
        for name, title, body, day in articles(path, wanted):
            s, p, fs, fp = fields_of(title, body)
            began, cpu = time.perf_counter(), time.process_time()
            writer.add_document(
                tantivy.Document(id=[name], syllables=[s], pairs=[p], folded=[fs], folded_pairs=[fp], day=[day.toordinal()])
            )
            self.cpu += time.process_time() - cpu
            self.seconds += time.perf_counter() - began
        began, cpu = time.perf_counter(), time.process_time()
        writer.commit()
        writer.wait_merging_threads()
        self.cpu += time.process_time() - cpu
        self.seconds += time.perf_counter() - began
        self.index.reload()
        self.searcher = self.index.searcher()
        self.size = sum(p.stat().st_size for p in folder.iterdir())

    def term(self, field: str, text: str) -> Any:
        """A term query."""
        return self.t.Query.term_query(self.schema, field, text)

    def ranking(self, query: list[Token]) -> Any:
        """The ranking query."""
        leaves = {}
        for token in query:
            leaves["syllables", token.accented] = 1.0
            leaves["folded", token.folded] = 0.5
        for a, b in pairwise(query):
            leaves["pairs", f"{a.accented}_{b.accented}"] = 0.4
            leaves["folded_pairs", f"{a.folded}_{b.folded}"] = 0.2
        parts = [(self.t.Occur.Should, self.t.Query.boost_query(self.term(*leaf), boost)) for leaf, boost in leaves.items()]
        return self.t.Query.boolean_query(parts)

    def all(self, query: list[Token]) -> Any:
        """All syllables."""
        return self.t.Query.boolean_query([(self.t.Occur.Must, self.term("syllables", name)) for name in {t.accented for t in query}])

    def phrase(self, query: list[Token]) -> Any:
        """The syllables one behind the other."""
        return self.t.Query.phrase_query(self.schema, "syllables", [t.accented for t in query])

    def dated(self, query: list[Token], first: dt.date, last: dt.date) -> Any:
        """All syllables within a range of dates."""
        within = self.t.Query.range_query(self.schema, "day", self.t.FieldType.Integer, first.toordinal(), last.toordinal())
        return self.t.Query.boolean_query([(self.t.Occur.Must, self.all(query)), (self.t.Occur.Must, within)])

    def ask(self, query: Any) -> object:
        """Answer a query with its exact total."""
        return self.searcher.search(query, 10, count=True)

    def newest(self, query: Any) -> object:
        """The newest first."""
        return self.searcher.search(query, 10, count=True, order_by_field="day", order=self.t.Order.Desc)


def row(name: str, ours: tuple[float, float], theirs: tuple[float, float], peer: str = "tantivy") -> None:
    """Print one line of the table."""
    print(
        f"{name:<34}{ours[0]:9.3f}{ours[1]:9.3f}   {peer:<8}{theirs[0]:9.3f}{theirs[1]:9.3f}   ratio {ours[0] / theirs[0]:6.2f}{ours[1] / theirs[1]:6.2f}",
        flush=True,
    )


def against_tantivy(ours: Ours, tantivy: Tantivy, titles: list[str], count: int) -> None:
    """Compare classes of queries."""
    rng = random.Random(1)
    half, end = FIRST_DAY + dt.timedelta(days=1500), FIRST_DAY + dt.timedelta(days=1900)
    for words in CLASSES:
        queries = cut(titles, words, count, rng)
        row(
            f"ranking, {words} syllables",
            clocked("", [ranking(q) for q in queries], ours.ask),
            clocked("", [tantivy.ranking(q) for q in queries], tantivy.ask),
        )
    queries = cut(titles, 5, count, rng, scattered=True)
    row(
        "ranking, 5 scattered",
        clocked("", [ranking(q) for q in queries], ours.ask),
        clocked("", [tantivy.ranking(q) for q in queries], tantivy.ask),
    )
    singles = cut(titles, 1, count, rng)
    plan = lambda node, scored, **k: Plan(node, tuple(map(Scored, scored)), limit=10, **k)  # noqa: E731
    row(
        "single term",
        clocked("", [plan(terms(q)[0], terms(q)) for q in singles], ours.ask),
        clocked("", [tantivy.term("syllables", q[0].accented) for q in singles], tantivy.ask),
    )
    snapshot = ours.engine.snapshot()
    rare = [q for q in cut(titles, 1, 20 * count, rng) if 0 < snapshot.term_statistics("syllables", [q[0].term])[0][0] < 200][:count]
    row(
        "rare term",
        clocked("", [plan(terms(q)[0], terms(q)) for q in rare], ours.ask),
        clocked("", [tantivy.term("syllables", q[0].accented) for q in rare], tantivy.ask),
    )
    for words in (2, 3, 5):
        queries = cut(titles, words, count, rng)
        row(
            f"AND, {words}",
            clocked("", [plan(And(terms(q)), terms(q)) for q in queries], ours.ask),
            clocked("", [tantivy.all(q) for q in queries], tantivy.ask),
        )
    queries = cut(titles, 2, count, rng)
    row(
        "AND 2 + date range",
        clocked("", [plan(And((*terms(q), DateRange(half, end))), terms(q)) for q in queries], ours.ask),
        clocked("", [tantivy.dated(q, half, end) for q in queries], tantivy.ask),
    )
    row(
        "AND 2, newest first",
        clocked("", [plan(And(terms(q)), (), sort="newest") for q in queries], ours.ask),
        clocked("", [tantivy.all(q) for q in queries], tantivy.newest),
    )
    for words in (2, 3, 5):
        queries = cut(titles, words, count, rng)
        phrases = [Phrase(tuple(Term("syllables", t.term) for t in q)) for q in queries]
        row(
            f"phrase, {words}",
            clocked("", [plan(p, (p,)) for p in phrases], ours.ask),
            clocked("", [tantivy.phrase(q) for q in queries], tantivy.ask),
        )


def end_to_end(ours: Ours, titles: list[str], path: Path, wanted: int, folder: Path, count: int) -> None:
    """A search with ten snippets against tantivy with its own snippet generator on the same plain text."""
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", stored=True, tokenizer_name="default", index_option="position")
    schema = builder.build()
    folder.mkdir()
    index = tantivy.Index(schema, path=str(folder))
    writer = index.writer(500_000_000, 1)
    for _, title, body, _ in articles(path, wanted):
        writer.add_document(tantivy.Document(text=[f"{title}\n{body}"]))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def theirs(text: str) -> object:
        query = index.parse_query(text, ["text"])
        generator = tantivy.SnippetGenerator.create(searcher, query, schema, "text")
        return [generator.snippet_from_doc(searcher.doc(at)).to_html() for _, at in searcher.search(query, 10, count=True).hits]

    analyser, names = Analyser(), Names()
    rng = random.Random(2)
    for words in (1, 2, 3, 5, 12):
        texts = [" ".join(t.accented for t in q if t.accented.isalpha()) or "hội" for q in cut(titles, words, count, rng)]
        mine = clocked("", texts, lambda text: search(ours.engine, Query(text), analyser, names, clock=lambda: dt.datetime.now(dt.UTC)))
        row(f"end to end, {words} syllables", mine, clocked("", texts, theirs))


def against_fts5(ours: Ours, titles: list[str], path: Path, wanted: int, count: int) -> None:
    """SQLite's full-text index over the syllables."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE t USING fts5(s, tokenize=\"unicode61 remove_diacritics 0 tokenchars '-_/.,@:'\", content='')")
    db.executemany(
        "INSERT INTO t(rowid, s) VALUES (?, ?)", ((i, fields_of(t, b)[0]) for i, (_, t, b, _) in enumerate(articles(path, wanted)))
    )

    def theirs(text: str) -> object:
        return db.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY bm25(t) LIMIT 10", (text,)).fetchall(), db.execute(
            "SELECT count(*) FROM t WHERE t MATCH ?", (text,)
        ).fetchone()

    for words, operator in ((1, " OR "), (5, " OR "), (2, " AND ")):
        queries = cut(titles, words, max(20, count // 5), random.Random(3))
        node = And if operator == " AND " else Or
        mine = clocked("", [Plan(node(terms(q)), tuple(map(Scored, terms(q)))) for q in queries], ours.ask)
        row(
            f"{operator.strip() if words > 1 else 'term'}, {words}",
            mine,
            clocked("", [operator.join(f'"{t.accented}"' for t in q) for q in queries], theirs),
            "fts5",
        )


def against_bm25s(ours: Ours, titles: list[str], path: Path, wanted: int, count: int) -> None:
    """bm25s over the syllables; it knows neither totals nor filters."""
    import bm25s

    retriever = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    retriever.index([fields_of(t, b)[0].split(" ") for _, t, b, _ in articles(path, wanted)], show_progress=False)
    for words in (1, 5, 12):
        queries = cut(titles, words, max(20, count // 5), random.Random(4))
        mine = clocked("", [Plan(Or(terms(q)), tuple(map(Scored, terms(q)))) for q in queries], ours.ask)
        theirs = clocked("", [[t.accented for t in q] for q in queries], lambda q: retriever.retrieve([q], k=10, show_progress=False))
        row(f"OR, {words}", mine, theirs, "bm25s")


def against_whoosh(titles: list[str], path: Path, wanted: int, folder: Path, count: int) -> None:
    """Stock Whoosh over the syllables of a part of the articles."""
    from whoosh import analysis, fields, index, query

    schema = fields.Schema(s=fields.TEXT(analyzer=analysis.SpaceSeparatedTokenizer(), phrase=True))
    folder.mkdir()
    stock = index.create_in(folder, schema)
    began = time.process_time()
    writer = stock.writer(limitmb=256)
    for _, title, body, _ in articles(path, wanted):
        writer.add_document(s=fields_of(title, body)[0])
    writer.commit()
    print(f"{'Whoosh indexes':<34}{wanted / (time.process_time() - began):9.0f} articles a second of CPU, {wanted} articles")
    ours = Ours(path, wanted, folder / "ours")
    few = max(10, count // 20)
    with stock.searcher() as searcher:
        for name, words in (("OR", 5), ("AND", 2), ("phrase", 2)):
            queries = cut(titles, words, few, random.Random(5))
            if name == "phrase":
                phrases = [Phrase(tuple(Term("syllables", t.term) for t in q)) for q in queries]
                plans = [Plan(p, (Scored(p),)) for p in phrases]
                theirs: list[Any] = [query.Phrase("s", [t.accented for t in q]) for q in queries]
            else:
                node, kind = (Or, query.Or) if name == "OR" else (And, query.And)
                plans = [Plan(node(terms(q)), tuple(map(Scored, terms(q)))) for q in queries]
                theirs = [kind([query.Term("s", t.accented) for t in q]) for q in queries]
            mine = clocked("", plans, ours.ask)
            row(f"{name}, {words}", mine, clocked("", theirs, lambda q: len(searcher.search(q, limit=10))), "whoosh")


def peak() -> float:
    """Peak resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Run the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--documents", type=int, default=35_407)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--peers", default="tantivy,snippets,fts5,bm25s,whoosh")
    arguments = parser.parse_args()
    peers = arguments.peers.split(",")
    folder = Path(tempfile.mkdtemp(prefix="searcher-bench-"))
    try:
        print(f"{platform.platform()}, Python {sys.version.split()[0]}, {arguments.documents} articles")
        ours = Ours(arguments.data, arguments.documents, folder / "ours")
        print(f"{'indexed from text':<34}{arguments.documents / ours.cpu:9.0f} articles a second of CPU, peak {peak():.0f} MiB")
        print(f"{'size':<34}{ours.size / 2**20:9.0f} MiB, of which {ours.stored / 2**20:.0f} MiB stored text")
        titles = [title for _, title, _, _ in articles(arguments.data, min(arguments.documents, 35_407)) if len(title.split()) >= 5]
        if "tantivy" in peers:
            tantivy = Tantivy(arguments.data, arguments.documents, folder / "tantivy")
            print(f"{'tantivy, tokens given':<34}{arguments.documents / tantivy.cpu:9.0f} articles a second of CPU")
            print(
                f"{'tantivy, size of four fields':<34}{tantivy.size / 2**20:9.0f} MiB; ours less stored text {(ours.size - ours.stored) / tantivy.size:.2f} times"
            )
            print(f"{'':<34}{'median':>9}{'mean':>9}   {'':<8}{'median':>9}{'mean':>9}")
            against_tantivy(ours, tantivy, titles, arguments.queries)
        if "snippets" in peers:
            end_to_end(ours, titles, arguments.data, arguments.documents, folder / "snippets", arguments.queries)
        if "fts5" in peers:
            against_fts5(ours, titles, arguments.data, arguments.documents, arguments.queries)
        if "bm25s" in peers:
            against_bm25s(ours, titles, arguments.data, arguments.documents, arguments.queries)
        if "whoosh" in peers:
            against_whoosh(titles, arguments.data, min(arguments.documents, 10_000), folder / "whoosh", arguments.queries)
        print(f"peak memory {peak():.0f} MiB")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
