"""``python -m searcher``: the command line."""

from searcher.cli import main

main()
