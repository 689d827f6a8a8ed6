"""All errors that this package raises on purpose.

    SearcherError
    ├── ArchiveError         a folder that is no archive, or one that must not be overwritten
    │   ├── ArchiveLocked    another process is writing to it
    │   └── StoreError       corpus/ is damaged or of another version
    ├── IndexMismatch        index/ was built by another version: rebuild it
    ├── IndexDamaged         index/ does not open or fails its checks: rebuild it
    ├── QueryError           a query or a parameter that cannot be understood (carries the position)
    ├── InputError           a file that cannot be imported (carries file and line)
    ├── FetchError           a page that could not be fetched (carries the URL and whether to try again)
    └── ModelError           the word segmenter's model is missing or damaged

Every message is one line, says what is wrong and what to do about it, and needs no traceback to be understood.
"""

from __future__ import annotations


class SearcherError(Exception):
    """Base of all errors of this package."""


class ArchiveError(SearcherError):
    """A folder that is no archive, or one that must not be overwritten."""


class ArchiveLocked(ArchiveError):
    """Another process is writing to the archive."""


class StoreError(ArchiveError):
    """The archive's corpus is damaged or was written by another version."""


class IndexMismatch(SearcherError):
    """The index was built by another version of schema, analysis or model."""


class IndexDamaged(SearcherError):
    """The index does not open or fails its checks."""


class QueryError(SearcherError):
    """A query or parameter that cannot be understood.

    Attributes:
        position: character offset in the query at which it stops making sense, or None.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class InputError(SearcherError):
    """A file, or one line of it, that cannot be imported.

    Attributes:
        path: the file.
        line: line number from 1, or None when the whole file is meant.
    """

    def __init__(self, path: str, reason: str, line: int | None = None) -> None:
        super().__init__(f"{path}:{line}: {reason}" if line else f"{path}: {reason}")
        self.path = path
        self.line = line


class FetchError(SearcherError):
    """A page that could not be fetched.

    Attributes:
        url: the address asked for.
        temporary: whether a later try may succeed.
    """

    def __init__(self, url: str, reason: str, *, temporary: bool) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.temporary = temporary


class ModelError(SearcherError):
    """The word segmenter's model is missing or damaged."""
