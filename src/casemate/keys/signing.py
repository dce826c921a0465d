"""Two small interfaces, `Signer` and `Verifier`, and the key ids and key texts of C2SP signed-note.

Nothing above this room knows which algorithm signs. A key is named ("example.org/audits"), so that a reader of a note
sees whose signature it carries; its id binds name, algorithm and public key together.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Protocol

from casemate.core.errors import UnreadableError, UsageError


class Verifier(Protocol):
    """The public half of a key."""

    @property
    def name(self) -> str:
        """Whose key it is: no spaces, no plus sign."""

    @property
    def public(self) -> bytes:
        """The public key, as its algorithm encodes it."""

    @property
    def signature_type(self) -> bytes:
        """What C2SP signed-note calls the algorithm: one byte, or 0xff and a longer identifier."""

    @property
    def signature_size(self) -> int:
        """Length of every signature in bytes."""

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` was made over ``message`` with the private half."""


class Signer(Protocol):
    """The private half of a key."""

    @property
    def verifier(self) -> Verifier:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """The signature over ``message``; it verifies with ``self.verifier``."""


def key_id(key: Verifier) -> bytes:
    """The 4-byte key id: SHA-256(name || 0x0A || signature type || public key)[:4] (C2SP signed-note, "Signatures").

    It is a name, not a proof: whoever trusts a key compares the whole public key.
    """
    return hashlib.sha256(key.name.encode() + b"\n" + key.signature_type + key.public).digest()[:4]


def vkey(key: Verifier) -> str:
    """The public key as one line of text, ``name+id+base64(signature type || public key)``, as Go's sumdb/note does.

    Example:
        >>> from casemate.keys.ed25519 import Ed25519Verifier
        >>> vkey(Ed25519Verifier("example.org/a", bytes(32)))
        'example.org/a+0a4f49c4+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    """
    return f"{key.name}+{key_id(key).hex()}+{base64.b64encode(key.signature_type + key.public).decode()}"


def check_name(name: str) -> str:
    """Return a key name that signed notes can carry.

    Raises:
        UsageError: it is empty, or has spaces, control characters or a plus sign.
    """
    if not name or "+" in name or any(character.isspace() or not character.isprintable() for character in name):
        raise UsageError(
            f"{name[:80]!r} cannot name a key",
            cause="a key name is not empty and has no spaces, control characters or plus signs",
            next_step="use something like example.org/audits",
        )
    return name


def decode_base64(text: str, what: str) -> bytes:
    """Decode standard base64 that has exactly one spelling: padded, no spare bits, no foreign characters.

    A lenient decoder would let a byte of a signed file change without anyone seeing it.

    Raises:
        UnreadableError: the text is not the canonical encoding of anything; the message names ``what``.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableError(f"{what} is not base64", cause=str(error)) from None
    if base64.b64encode(data).decode() != text:
        raise UnreadableError(f"{what} is not canonical base64")
    return data
