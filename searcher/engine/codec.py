"""How segments are written: Whoosh's own codec, less what costs time and serves nothing here."""

from __future__ import annotations

from whoosh.codec.whoosh3 import W3Codec


class ArchiveCodec(W3Codec):  # type: ignore[misc]
    """Whoosh's third codec without per-field lengths.

    Lengths are a column here (``schema``); Whoosh would look for its own once for every posting, a file system call each.
    The table of contents names this class: its import path is part of the index's format.
    """

    length_stats = False
