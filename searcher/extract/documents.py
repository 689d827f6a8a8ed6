"""Documents as offices send them: plain text, Word, PDF."""

from __future__ import annotations

import io
import re
import zipfile

import docx
import pypdf
from docx.opc.exceptions import PackageNotFoundError
from lxml.etree import XMLSyntaxError
from pypdf.errors import PyPdfError

from searcher.html.decode import decode
from searcher.model import Article

#: What Word leaves behind when a document is saved as text.
_RESIDUE = re.compile(r"\[(?:bookmark|if|endif)[^\]\n]*\]|\[Image:[^\]\n]*\]")
_LONGEST_TITLE = 250


def read_text(content: bytes) -> Article:
    """Read plain text: the first line is the title, the others are paragraphs."""
    return _article(decode(content).text.splitlines())


def read_docx(content: bytes) -> Article:
    """Read a Word document, tables included.

    Raises:
        ValueError: it is none.
    """
    try:
        document = docx.Document(io.BytesIO(content))
    except (zipfile.BadZipFile, PackageNotFoundError, XMLSyntaxError, KeyError) as error:
        raise ValueError("not a Word document (.docx); open it in a word processor and save it again as .docx") from error
    lines: list[str] = []
    for block in document.iter_inner_content():
        if isinstance(block, docx.table.Table):
            lines += [" | ".join(cell.text.replace("\n", " ") for cell in row.cells) for row in block.rows]
        else:
            lines += block.text.split("\n")
    return _article(lines, byline=document.core_properties.author or "")


def read_pdf(content: bytes) -> Article:
    """Read the text layer of a PDF.

    Raises:
        ValueError: it is no PDF, is encrypted, or holds pictures of text only.
    """
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("an encrypted PDF; save it without a password")
        lines = [line for page in reader.pages for line in page.extract_text().splitlines()]
    except (PyPdfError, RecursionError) as error:
        raise ValueError(f"not a readable PDF ({error})") from error
    if not any(line.strip() for line in lines):
        raise ValueError("a scanned PDF without text; run text recognition (OCR) on it first")
    return _article(lines)


def _article(lines: list[str], byline: str = "") -> Article:
    clean = [text for line in lines if (text := " ".join(_RESIDUE.sub("", line).split()))]
    if not clean:
        raise ValueError("holds no text")
    title, body = (clean[0], clean[1:]) if len(clean[0]) <= _LONGEST_TITLE else ("", clean)
    origins = {"body": "text"} | ({"title": "text"} if title else {}) | ({"byline": "document"} if byline else {})
    return Article(id="", url="", title=title, body="\n".join(body), byline=byline, origins=origins)
