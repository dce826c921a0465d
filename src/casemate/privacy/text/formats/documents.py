"""PDF and Word: their text, redacted; what is written is text, because layers below a black box can be read.

Whatever is not text on a page (deleted words, targets of links, properties, pictures) is not written at all.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from casemate.core.errors import CasemateError, UnreadableError
from casemate.core.optional import require
from casemate.privacy.text.editor import Editor
from casemate.privacy.text.formats.word import word_texts

MOST_PAGES: Final = 20_000
MOST_TEXT: Final = 1 << 28
"""Code points of one document."""
SAME_LINE: Final = 2.0
"""Points by which the base lines of two fragments of one line differ at most."""


def rewrite_pdf(source: BinaryIO, goal: BinaryIO, editor: Editor) -> None:
    """The redacted text of a PDF; pages without any are noted: they are pictures."""
    _write(pdf_pages(source, editor), goal, editor)


def rewrite_docx(source: BinaryIO, goal: BinaryIO, editor: Editor) -> None:
    """The redacted text of a Word document: see `casemate.privacy.text.formats.word`."""
    _write(word_texts(source, editor), goal, editor)


def pdf_pages(source: BinaryIO, editor: Editor) -> Iterator[str]:
    """The text of each page, with its annotations and the values of its forms.

    Raises:
        UnreadableError: it is no PDF, encrypted, or far larger than documents are.
        MissingPartError: pypdf is not installed.
    """
    reader: Any = require("pypdf", extra="documents")
    try:
        pages = reader.PdfReader(source).pages
        if len(pages) > MOST_PAGES:
            raise UnreadableError(
                f"{len(pages):,} pages are too many", cause=f"at most {MOST_PAGES:,} are read", next_step="split it"
            )
        for number in range(len(pages)):
            text = _page(pages[number])
            if not text.strip():
                editor.notes.append(f"page {number + 1} has no text: what a picture shows is not seen")
            yield text + "\n"
            yield from (each + "\n" for each in _annotations(pages[number]))
    except CasemateError:
        raise
    except Exception as error:  # pypdf raises whatever its parsers run into
        raise UnreadableError(
            "this PDF cannot be read", cause=type(error).__name__, next_step="check it, or decrypt it first"
        ) from error


def _page(page: Any) -> str:
    """Text in the order in which it was drawn, which is that of reading; or else in the order of places on the page.

    What is drawn to the left of what was drawn before, on one line, was not drawn in the order of reading: the parts of
    a number would stand apart.
    """
    reached: dict[int, float] = {}
    jumbled = False

    def see(text: str, _: Any, matrix: list[float], *__: Any) -> None:
        nonlocal jumbled
        if text.strip() and not _right_to_left(text):
            line, at = round(matrix[5] / SAME_LINE), float(matrix[4])
            jumbled |= any(at < reached.get(each, at) - SAME_LINE for each in (line - 1, line, line + 1))
            reached[line] = max(reached.get(line, at), at)

    text = str(page.extract_text(visitor_text=see))
    return str(page.extract_text(extraction_mode="layout")) if jumbled else text


def _right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text)


def _annotations(page: Any) -> Iterator[str]:
    for each in page.get("/Annots") or ():
        note = each.get_object()
        yield from (str(note[key]) for key in ("/Contents", "/V") if isinstance(note.get(key), str))


def _write(texts: Iterator[str], goal: BinaryIO, editor: Editor) -> None:
    for piece in editor.stream(_bounded(texts)):
        goal.write(piece.encode("utf-8", "replace"))


def _bounded(texts: Iterator[str]) -> Iterator[str]:
    total = 0
    for each in texts:
        total += len(each)
        if total > MOST_TEXT:
            raise UnreadableError("this document is too long", cause="it may be made to be", next_step="split it")
        yield each
