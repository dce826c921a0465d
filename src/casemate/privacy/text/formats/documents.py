"""PDF and Word: their text, redacted; what is written is text, because layers below a black box can be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from casemate.core.errors import CasemateError, UnreadableError
from casemate.core.optional import require
from casemate.privacy.text.editor import Editor


def rewrite_pdf(source: BinaryIO, goal: BinaryIO, editor: Editor) -> None:
    """The redacted text of a PDF; pages without any are noted: they are pictures."""
    _write(pdf_pages(source, editor), goal, editor)


def rewrite_docx(source: BinaryIO, goal: BinaryIO, editor: Editor) -> None:
    """The redacted text of a Word document: paragraphs, tables, headers and footers."""
    _write(docx_texts(source), goal, editor)


def pdf_pages(source: BinaryIO, editor: Editor) -> Iterator[str]:
    """The text of each page.

    Raises:
        UnreadableError: it is no PDF, or encrypted.
        MissingPartError: pypdf is not installed.
    """
    reader: Any = require("pypdf", extra="documents")
    try:
        pages = reader.PdfReader(source).pages
        for number in range(len(pages)):
            text = pages[number].extract_text()
            if not text.strip():
                editor.notes.append(f"page {number + 1} has no text: what a picture shows is not seen")
            yield text + "\n"
    except CasemateError:
        raise
    except Exception as error:  # pypdf raises whatever its parsers run into
        raise UnreadableError(
            "this PDF cannot be read", cause=type(error).__name__, next_step="check it, or decrypt it first"
        ) from error


def docx_texts(source: BinaryIO) -> Iterator[str]:
    """The text of each paragraph and row.

    Raises:
        UnreadableError: it is no Word document.
        MissingPartError: python-docx is not installed.
    """
    docx: Any = require("docx", extra="documents")
    try:
        yield from _paragraphs(docx.Document(source))
    except CasemateError:
        raise
    except Exception as error:  # zip, XML and key errors, whatever is wrong with it
        raise UnreadableError("this is no Word document", cause=type(error).__name__, next_step="check it") from error


def _paragraphs(document: Any) -> Iterator[str]:
    margins = [each for section in document.sections for each in (section.header, section.footer)]
    for holder in (document, *margins):
        for each in holder.iter_inner_content():
            rows = getattr(each, "rows", None)
            if rows is None:
                yield each.text + "\n"
            else:
                for row in rows:
                    yield "\t".join(cell.text for cell in row.cells) + "\n"


def _write(texts: Iterator[str], goal: BinaryIO, editor: Editor) -> None:
    for piece in editor.stream(texts):
        goal.write(piece.encode("utf-8", "replace"))
