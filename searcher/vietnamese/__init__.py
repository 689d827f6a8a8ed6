"""Vietnamese text: comes in as it was written, goes out as syllables, words and folded forms with offsets.

Never changes the text it was given, and never reads an archive.
"""

from searcher.vietnamese.segmenter import Segmenter

__all__ = ["Segmenter"]
