"""Crawl the sample sites over real HTTP, index what was found, search it: the whole path, as one would type it.

The archive is the repository itself: what is collected goes to corpus/, the index to index/. Run again, it updates both.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from serve import SampleServer

ROOT = Path(__file__).parent.parent.parent


def run(*words: str) -> None:
    """Show a command as one would type it, and run it."""
    print(f"\n$ searcher {shlex.join(words)}", flush=True)
    done = subprocess.run([sys.executable, "-m", "searcher", "--archive", str(ROOT), *words], check=False)
    if done.returncode not in (0, 1):
        sys.exit(done.returncode)


def main() -> None:
    """Run the demonstration."""
    if not (ROOT / "corpus" / "archive.db").exists():
        run("create")
    with SampleServer() as server:
        print(f"{len(server.seeds)} sample sites are served on 127.0.0.1:{server.server_address[1]}")
        run("crawl", *server.seeds, "--resolve", server.resolve, "--delay", "0")
    run("index")
    run("search", "ngập úng mùa mưa", "--limit", "3", "--facet", "year")
    run("search", "ngap ung kenh ong co", "--limit", "3")
    run("search", "bảo hiểm y tế", "--from", "2023", "--to", "2025-12-31", "--sort", "newest", "--limit", "3")
    run("search", "ngập úng", "--speaker", "huynh van tan loc", "--limit", "3", "--facet", "speaker")
    run("search", "cống ngăn triều", "--scope", "statements", "--limit", "3")
    run("speakers", "--limit", "5")
    run("status")


if __name__ == "__main__":
    main()
