"""HTTP requests come in; a web page for people and JSON for programs go out.

Holds no logic that ``Archive`` lacks, and never writes to the archive.
"""

from searcher.web.app import create_app, serve

__all__ = ["create_app", "serve"]
