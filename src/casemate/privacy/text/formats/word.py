"""The text of Word documents: body, text boxes, headers and footers, footnotes, endnotes, comments.

Tables are rows of cells between tabs, and tables within cells follow their row. Words that were deleted while changes
were tracked are left out. Sizes are checked before anything is unpacked (see ``MOST_*``).
Source: ECMA-376, part 1 (Office Open XML), sections 17.3, 17.4, 17.10, 17.11 and 17.13.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from casemate.core.errors import CasemateError, UnreadableError
from casemate.core.optional import require
from casemate.privacy.text.editor import Editor

MOST_PARTS: Final = 5_000
MOST_BYTES: Final = 1 << 28
"""Of all parts, unpacked."""
MOST_XML: Final = 1 << 26
"""Bytes of one part that is parsed."""
MOST_DEEP: Final = 40
"""Tables within tables."""

_W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_KINDS: Final = ("document.main", "header", "footer", "footnotes", "endnotes", "comments")
_KIND: Final = re.compile(r"wordprocessingml\.([a-z.]+)\+xml|(?<=macroEnabled\.)(main)\+xml")
_SIGNS: Final = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}


def word_texts(source: BinaryIO, editor: Editor) -> Iterator[str]:
    """The text of each paragraph and row, part by part.

    Raises:
        UnreadableError: it is no Word document, or far larger than documents are.
        MissingPartError: python-docx is not installed.
    """
    docx: Any = require("docx", extra="documents")
    try:
        _check(source)
        source.seek(0)
        yield from _parts(docx.Document(source).part.package, editor)
    except CasemateError:
        raise
    except Exception as error:  # zip, XML and key errors, whatever is wrong with it
        raise UnreadableError("this is no Word document", cause=type(error).__name__, next_step="check it") from error


def _check(source: BinaryIO) -> None:
    """Refuse what would not fit in memory; zipfile never unpacks more of a part than it is said to hold."""
    with zipfile.ZipFile(source) as archive:
        parts = archive.infolist()
    sizes = [each.file_size for each in parts]
    large = max((each.file_size for each in parts if each.filename.endswith((".xml", ".rels"))), default=0)
    if len(parts) > MOST_PARTS or sum(sizes) > MOST_BYTES or large > MOST_XML:
        raise UnreadableError(
            "this document is far larger than documents are",
            cause=f"{len(parts):,} parts, {sum(sizes):,} bytes unpacked, {large:,} of them in one part of XML",
            next_step="check where it comes from",
        )


def _parts(package: Any, editor: Editor) -> Iterator[str]:
    etree: Any = require("lxml.etree", extra="documents")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    found: dict[str, list[Any]] = {}
    for part in package.iter_parts():
        match = _KIND.search(part.content_type)
        kind = "document.main" if match and match[2] else match[1] if match else ""
        found.setdefault(kind, []).append(part)
        if part.content_type.startswith("image/"):
            editor.notes.append("what pictures show is not seen")
        elif "/embeddings/" in str(part.partname):
            editor.notes.append("embedded files were left out")
    for kind in _KINDS:
        for part in found.get(kind, ()):
            root = part.element if hasattr(part, "element") else etree.fromstring(part.blob, parser)
            for line in _lines(root, 0):
                yield line + "\n"


def _lines(element: Any, depth: int) -> Iterator[str]:
    """Paragraphs and rows below an element, in order."""
    if depth > MOST_DEEP:
        raise UnreadableError(
            f"more than {MOST_DEEP} tables within tables", cause="it may be made to be slow", next_step="check it"
        )
    for child in element:
        if child.tag == f"{_W}p":
            yield _text(child)
            yield from _boxes(child, depth)
        elif child.tag == f"{_W}tbl":
            for row in child.iter(f"{_W}tr"):
                if _table(row) is child:
                    yield from _row(row, depth)
        elif child.tag != _FALLBACK and isinstance(child.tag, str):
            yield from _lines(child, depth)


def _table(row: Any) -> Any:
    return next(row.iterancestors(f"{_W}tbl"), None)


def _row(row: Any, depth: int) -> Iterator[str]:
    cells, below = [], list[str]()
    for cell in row.iter(f"{_W}tc"):
        if next(cell.iterancestors(f"{_W}tr"), None) is not row:
            continue
        said = [each for each in cell.iter(f"{_W}p") if next(each.iterancestors(f"{_W}tc"), None) is cell]
        cells.append(" ".join(map(_text, said)))
        for each in said:
            below += _boxes(each, depth)
        for table in cell.iter(f"{_W}tbl"):
            if next(table.iterancestors(f"{_W}tc"), None) is cell:
                for inner in table.iter(f"{_W}tr"):
                    if _table(inner) is table:
                        below += _deeper(inner, depth)
    yield "\t".join(cells)
    yield from below


def _deeper(row: Any, depth: int) -> Iterator[str]:
    if depth >= MOST_DEEP:
        raise UnreadableError(
            f"more than {MOST_DEEP} tables within tables", cause="it may be made to be slow", next_step="check it"
        )
    yield from _row(row, depth + 1)


def _boxes(paragraph: Any, depth: int) -> Iterator[str]:
    """Text boxes that hang on a paragraph; the copies for old programs are left out."""
    for box in paragraph.iter(f"{_W}txbxContent"):
        if next(box.iterancestors(_FALLBACK), None) is None and next(box.iterancestors(f"{_W}p"), None) is paragraph:
            yield from _lines(box, depth + 1)


def _text(paragraph: Any) -> str:
    """What a paragraph says, without its text boxes."""
    parts = []
    for each in paragraph.iter():
        says = each.tag == f"{_W}t" or each.tag in _SIGNS
        if says and next(each.iterancestors(f"{_W}p"), None) is paragraph:
            parts.append(_SIGNS.get(each.tag) or each.text or "")
    return "".join(parts)
