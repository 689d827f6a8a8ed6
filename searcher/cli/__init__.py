"""Words on a command line come in; tables or JSON go to stdout, talk to stderr, an exit code to the shell.

Holds no logic that ``Archive`` lacks.
"""

from searcher.cli.main import main

__all__ = ["main"]
