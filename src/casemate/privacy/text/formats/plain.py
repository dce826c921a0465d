"""Text: bytes that are no UTF-8 stay what they are, and memory does not grow with the length of lines."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO, Final

from casemate.core.errors import UnreadableError
from casemate.privacy.text.editor import Editor

CHUNK: Final = 1 << 20
_MARKS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_OTHERS: Final = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"PK\x03\x04", b"%PDF-", b"\x1f\x8b", b"\x7fELF", b"BZh", b"\xfd7zXZ",
    b"PAR1", b"\x28\xb5\x2f\xfd", b"SQLite format 3\0", b"\xd0\xcf\x11\xe0",
)  # fmt: skip


def rewrite(source: BinaryIO, goal: BinaryIO, editor: Editor) -> None:
    """Redact a text.

    Raises:
        UnreadableError: this is no text.
    """
    first = source.read(CHUNK)
    name = encoding(first)
    encoder = codecs.getincrementalencoder(name)("surrogateescape" if name != "utf-16" else "surrogatepass")
    for piece in editor.stream(_chunks(first, source, name)):
        goal.write(encoder.encode(piece))


def encoding(first: bytes) -> str:
    """How the text that begins so is encoded.

    Raises:
        UnreadableError: this is no text.
    """
    for mark, name in _MARKS.items():
        if first.startswith(mark):
            return name
    if first.startswith(_OTHERS) or first.count(0) * 10 > len(first):
        raise UnreadableError("this is no text", cause="it begins as other files do", next_step="extract its text")
    return "utf-8"


def decoded(data: bytes) -> tuple[str, str]:
    """All of a text, and its encoding; bytes that are none become lone surrogates, and come back by `encoded`."""
    name = encoding(data)
    return data.decode(name, "surrogateescape" if name != "utf-16" else "replace"), name


def encoded(text: str, name: str) -> bytes:
    """The bytes of a text that `decoded` read."""
    return text.encode(name, "surrogateescape" if name != "utf-16" else "surrogatepass")


def _chunks(first: bytes, source: BinaryIO, name: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(name)("surrogateescape" if name != "utf-16" else "replace")
    chunk = first
    while chunk:
        yield decoder.decode(chunk)
        chunk = source.read(CHUNK)
    yield decoder.decode(b"", final=True)
