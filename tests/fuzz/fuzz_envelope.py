"""Fuzz target: whatever a sealed file's header, a safetensors header, a key file or a key's text holds, it is read or
refused. ``one_input`` takes any bytes; only `CasemateError` may come of them, and it ends.

The first byte says what the rest is. As a header it is either taken as it is, or mended: commitment and HMACs are made
right with the data key, so that mutations reach the code behind them, as a malicious sealer could.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

from casemate.core.errors import CasemateError
from casemate.custody.envelope import open_encrypted
from casemate.custody.envelope.layout import HEAD, SLOTS, parse_head
from casemate.custody.envelope.opening import unlock
from casemate.custody.envelope.slots import Slot, encode_slot, parse_entry, parse_slot
from casemate.custody.envelope.tensors import parse_layout
from casemate.keys.hpke import parse_recipient
from casemate.keys.kek_file import FileKey
from casemate.keys.services import DEK_SIZE, Context, Wrap, wrong_key
from casemate.keys.uri import parse_service

VECTORS = json.loads((Path(__file__).parents[1] / "custody" / "envelope" / "vectors.json").read_text())["vectors"]
SEALED = [zlib.decompress(base64.b64decode(each["sealed"])) for each in VECTORS]
HEADER = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"k":"v"}}'
KEY_FILE = b'{"casemate":"kek/1","id":"0123456789abcdef","versions":"' + base64.b64encode(bytes(32)) + b'"}'


class AnyKey:
    """Opens every wrap: the data key is zero."""

    kind = "file"
    name = "file:any"

    def opens(self, wrap: Wrap) -> bool:
        return wrap.kind == self.kind

    def wrap(self, dek: bytes, context: Context) -> Wrap:
        return Wrap(self.kind, "any", dek)

    def unwrap(self, wrap: Wrap, context: Context) -> bytes:
        if not wrap.data:
            raise wrong_key(self.name)
        return bytes(DEK_SIZE)

    def rewrap(self, wrap: Wrap, context: Context) -> Wrap:
        return self.wrap(self.unwrap(wrap, context), context)


def whole(data: bytes) -> None:
    """A sealed file as it is."""
    with tempfile.NamedTemporaryFile() as stream:
        stream.write(data)
        stream.flush()
        with open_encrypted(stream.name, [AnyKey()]) as opened:
            opened.read(0, min(opened.size, 1 << 20))


def mended(data: bytes) -> None:
    """A header with the right commitment, and slots with the right HMACs, whatever else they say."""
    head = parse_head(data)
    keys = head.derive(bytes(DEK_SIZE))
    data = data[:72] + keys.commitment + data[104:]
    head = parse_head(data)
    with contextlib.suppress(CasemateError):
        parse_entry(data[HEAD:SLOTS].ljust(SLOTS - HEAD, b"\0"))
    region = data[: head.body].ljust(head.body, b"\0")
    slot = parse_slot(region[SLOTS : SLOTS + head.slot], 0, head.policy)
    slots = b"".join(encode_slot(index, Slot(*slot), head.slot, keys.slots) for index in (0, 1))
    unlock(region[:SLOTS] + slots, head, [AnyKey()])


def tensors(data: bytes) -> None:
    """A safetensors header."""
    parse_layout(data[1:], data[0] if data else 0)


def key_file(data: bytes) -> None:
    """A key file. Passphrases would take long: files that want one are refused without."""
    with tempfile.TemporaryDirectory() as folder:
        descriptor = os.open(f"{folder}/k", os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(descriptor, data)
        os.close(descriptor)
        FileKey(Path(folder) / "k")


def recipient(data: bytes) -> None:
    """A recipient's text, and the name of a service."""
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(CasemateError):
        parse_service(text).halves()
    parse_recipient(text)


KINDS: tuple[Callable[[bytes], None], ...] = (whole, mended, tensors, key_file, recipient)
SEEDS = (
    *(bytes([kind]) + data for kind in (0, 1) for data in SEALED),
    b"\2\x08" + HEADER,
    b"\3" + KEY_FILE,
    b"\4casemate-recipient-1+0123456789abcdef+AAAA",
    b"\4transit:transit/models",
)


def seeds() -> list[bytes]:
    """Inputs to start from."""
    return list(SEEDS)


def one_input(data: bytes) -> None:
    """Read one input; anything but a `CasemateError` is a bug."""
    if not data:
        return
    with contextlib.suppress(CasemateError):
        KINDS[data[0] % len(KINDS)](data[1:])
