"""A query as somebody typed it comes in; ranked hits with snippets, facets and counts go out, and how it was understood.

Never silently rewrites a query, and never reads the corpus: what it shows comes from the index.
"""

from searcher.query.dates import parse_bound
from searcher.query.research import Frequency, KwicSort, Line, Unit, frequency, kwic
from searcher.query.search import PARAMETERS, Parameter, scan, search

__all__ = ["PARAMETERS", "Frequency", "KwicSort", "Line", "Parameter", "Unit", "frequency", "kwic", "parse_bound", "scan", "search"]
