"""Checkpoints: a tree's size and root, signed (C2SP tlog-checkpoint in a signed-note).

origin                      who keeps the log
1234                        number of leaves
base64(root)                MTH of those leaves
                            an empty line ends what is signed
— name base64(key id || signature)
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

import msgspec

from casemate.core.errors import TamperedError, UnreadableError
from casemate.keys.signing import Signer, Verifier, decode_base64, key_id
from casemate.ledger.merkle import HASH_SIZE

NOTE_LIMIT = 1 << 20
SIGNATURE_LIMIT = 64
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class Checkpoint(msgspec.Struct, frozen=True):
    """The head of a log.

    Attributes:
        origin: the log's name.
        size: number of leaves.
        root: 32-byte Merkle tree hash over them.
    """

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def sign_checkpoint(checkpoint: Checkpoint, signers: Sequence[Signer]) -> str:
    """The signed note, ready to publish."""
    lines = [checkpoint.text, "\n"]
    for signer in signers:
        key = signer.verifier
        signature = key_id(key) + signer.sign(checkpoint.text.encode())
        lines.append(f"— {key.name} {base64.b64encode(signature).decode()}\n")
    return "".join(lines)


def parse_checkpoint(note: str | bytes) -> tuple[Checkpoint, list[tuple[str, bytes]]]:
    """The checkpoint in a note and its signatures as (key name, key id || signature), none of them checked.

    Every byte counts: extension lines, spare base64 bits and trailing text are refused.

    Raises:
        UnreadableError: it is not a checkpoint.
    """
    try:
        text = note if isinstance(note, str) else note.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError("the checkpoint is not text", cause=str(error)) from None
    lines = text.split("\n")
    if len(text) > NOTE_LIMIT or len(lines) < 6 or lines[3] or lines[-1] or len(lines) - 5 > SIGNATURE_LIMIT:
        raise UnreadableError(
            "this is not a checkpoint", cause="it is not three lines, an empty line and lines of signatures"
        )
    if not _SIZE.fullmatch(lines[1]):
        raise UnreadableError("the checkpoint's size is not a number")
    root = decode_base64(lines[2], "the checkpoint's root")
    if len(root) != HASH_SIZE or not lines[0] or any(ord(character) < 0x20 for character in lines[0]):
        raise UnreadableError("the checkpoint's origin or root is malformed")
    signatures = []
    for line in lines[4:-1]:
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—" or not parts[1] or "+" in parts[1]:
            raise UnreadableError("a signature line of the checkpoint is malformed")
        signatures.append((parts[1], decode_base64(parts[2], "a signature of the checkpoint")))
    return Checkpoint(lines[0], int(lines[1]), root), signatures


def open_checkpoint(note: str | bytes, verifiers: Sequence[Verifier], *, strict: bool = False) -> Checkpoint:
    """The checkpoint in a note that at least one of ``verifiers`` has signed.

    Args:
        note: the signed note.
        verifiers: the trusted keys.
        strict: also refuse signatures by keys not given (witnesses), whose bytes nobody here can check.

    Raises:
        UnreadableError: it is not a checkpoint.
        TamperedError: no trusted key signed it, or a signature in a trusted key's name does not verify.
    """
    checkpoint, signatures = parse_checkpoint(note)
    message = checkpoint.text.encode()
    known = {(key.name, key_id(key)): key for key in verifiers}
    trusted = False
    for name, value in signatures:
        key = known.pop((name, value[:4]), None)
        if key is None:
            if strict:
                raise TamperedError(f"the checkpoint carries a signature by {name!r} that no given key can check")
            continue
        if not key.verify(message, value[4:]):
            raise TamperedError(f"the checkpoint's signature by {name!r} does not verify")
        trusted = True
    if not trusted:
        raise TamperedError(
            "the checkpoint is not signed by a trusted key", next_step="check that the key belongs to this ledger"
        )
    return checkpoint
