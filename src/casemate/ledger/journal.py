"""The journal: what makes an append durable with one fdatasync, and a crash harmless.

A frame is ``mark(8) | length(4) | crc32(4) | payload``. The first frame holds the edge of the log when the journal was
begun, so that nothing but finished tiles is needed to replay it. Every other frame is one batch: its entries and the
checkpoint signed over them, so that recovery accepts nothing that the key has not signed. Only the last frame can be
torn, because each is synced before the next is written; anything else that does not read was tampered with.

The mark is random for each journal: no entry can look like a frame.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence

import msgspec

from casemate.core.errors import TamperedError, UnreadableError
from casemate.ledger.edge import Edge
from casemate.ledger.layout import pack, unpack

_FRAME = struct.Struct(">8sII")
_NOTE = struct.Struct(">I")


class Head(msgspec.Struct, frozen=True):
    """The first frame: who writes, the checkpoint and the edge that the batches build on."""

    pid: int
    note: str
    edge: Edge


class Batch(msgspec.Struct, frozen=True):
    """One durable append: entries and the signed checkpoint after them."""

    note: str
    entries: list[bytes]


class Replay(msgspec.Struct, frozen=True):
    """A journal read back."""

    head: Head
    batches: list[Batch]
    torn: int
    """Bytes of the last frame that power or a signal cut short; they were never acknowledged."""


def new_mark() -> bytes:
    """The mark of a new journal."""
    return os.urandom(8)


def _frame(mark: bytes, payload: bytes) -> bytes:
    return _FRAME.pack(mark, len(payload), zlib.crc32(payload)) + payload


def head_frame(mark: bytes, note: str, edge: Edge) -> bytes:
    """The first frame."""
    return _frame(mark, msgspec.msgpack.encode(Head(os.getpid(), note, edge)))


def batch_frame(mark: bytes, note: str, entries: Sequence[bytes]) -> bytes:
    """The frame of one batch."""
    text = note.encode()
    return _frame(mark, _NOTE.pack(len(text)) + text + pack(entries))


def _read_frame(data: bytes, at: int) -> bytes | None:
    if at + _FRAME.size > len(data):
        return None
    mark, length, crc = _FRAME.unpack_from(data, at)
    payload = data[at + _FRAME.size : at + _FRAME.size + length]
    return payload if mark == data[:8] and len(payload) == length and zlib.crc32(payload) == crc else None


def _read_batch(payload: bytes) -> Batch:
    try:
        end = _NOTE.size + _NOTE.unpack_from(payload)[0]
        return Batch(payload[_NOTE.size : end].decode(), unpack(payload[end:], "the journal"))
    except (struct.error, UnicodeDecodeError) as error:
        raise UnreadableError("the ledger's journal is damaged", cause=str(error)) from None


def read_head(data: bytes) -> Head:
    """The first frame of a journal.

    Raises:
        UnreadableError: it is damaged. It was synced before the journal got its name, so this is no crash.
    """
    payload = _read_frame(data, 0)
    try:
        return msgspec.msgpack.decode(payload or b"", type=Head)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableError("the ledger's journal is damaged", cause=str(error)) from None


def replay(data: bytes) -> Replay:
    """Read a journal. Signatures and roots are not checked here.

    Raises:
        UnreadableError: the first frame is damaged.
        TamperedError: a frame before the last is damaged.
    """
    head = read_head(data)
    mark, at, batches = data[:8], _FRAME.size + _FRAME.unpack_from(data)[1], []
    while (payload := _read_frame(data, at)) is not None:
        batches.append(_read_batch(payload))
        at += _FRAME.size + len(payload)
    later = at
    while (later := data.find(mark, later + 1)) != -1:
        if _read_frame(data, later) is not None:
            raise TamperedError(
                f"the ledger's journal is damaged after {len(batches)} batches",
                cause="a complete batch follows a damaged one, which no crash does",
                next_step="restore the ledger folder from a copy",
            )
    return Replay(head, batches, len(data) - at)
