"""Where everything lies in a sealed file, and the public header, which never changes (docs/reference/envelope.md).

    0                 public header: what is sealed and how, zero-padded
    3584              journal of rotation: zero when the file is at rest
    4096              header slot 0: the wraps of the data key
    4096 + S          header slot 1: the same again
    4096 + 2 S        segments, each of ``segment`` bytes and a 16-byte tag; the last may be shorter

Every byte of the public header is authenticated twice: its digest is part of the context of each wrap and of every
derived key, and the digest of all of it is the associated data of each segment.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from casemate.core.digests import canonical_json
from casemate.core.errors import TamperedError, UnreadableError, UsageError
from casemate.keys.services import DEK_SIZE

MAGIC: Final = b"\xcaCMENV\r\n"
VERSION: Final = 1
SUITE: Final = 1
"""AES-256-GCM in the STREAM construction, keys by HKDF-SHA256. There is no other yet."""
HEAD: Final = 3584
JOURNAL: Final = 512
SLOTS: Final = HEAD + JOURNAL
SEGMENT: Final = 1 << 20
"""Bytes of plaintext in a segment, unless the caller chooses otherwise."""
SLOT: Final = 16 << 10
"""Bytes of a header slot, unless more wraps need more room."""
PAGE: Final = 4096
TAG: Final = 16
MOST_SEGMENTS: Final = 1 << 32
MOST_NAME: Final = 1024
MOST_WRAPS: Final = 64
_FIXED: Final = struct.Struct(">8sHHIIIQ32s7sx")
_COMMITMENT: Final = slice(_FIXED.size, _FIXED.size + 32)
_DESCRIPTION: Final = _COMMITMENT.stop


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for a sealed file as long as it lives; every reader enforces it, and rotation cannot loosen it.

    Attributes:
        kinds: kinds of key services that may wrap the data key; empty means any. With ("awskms", "pkcs11"), nobody can
            add a passphrase later.
        most: how many wraps there may be, at most 64.
    """

    kinds: tuple[str, ...] = ()
    most: int = MOST_WRAPS


ANY_KEYS: Final = Policy()
"""The policy that forbids no kind of key."""


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The readable part of the public header."""

    name: str
    policy: Policy


class Keys(NamedTuple):
    """What is derived from a data key for one file: a key for segments, one for slots, and the commitment to both."""

    segments: bytes
    slots: bytes
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The public header.

    Attributes:
        name: what the file is called, for its readers; a path when it is part of a folder.
        size: bytes of plaintext.
        segment: bytes of plaintext in each segment but the last.
        slot: bytes of a header slot.
        salt: 32 random bytes.
        prefix: 7 random bytes that begin every nonce.
        policy: what holds for the file.
        commitment: HKDF-SHA256 of the data key; 32 bytes. All zero while the header is being made.
    """

    name: str
    size: int
    segment: int
    slot: int
    salt: bytes
    prefix: bytes
    policy: Policy
    commitment: bytes = bytes(32)

    @property
    def count(self) -> int:
        """How many segments there are; an empty file has one, which is empty."""
        return max(1, -(-self.size // self.segment))

    @property
    def body(self) -> int:
        """Offset of the first segment."""
        return SLOTS + 2 * self.slot

    @property
    def total(self) -> int:
        """Bytes of the sealed file."""
        return self.body + self.size + TAG * self.count

    def length(self, index: int) -> int:
        """Bytes of plaintext in segment ``index``."""
        return min(self.segment, self.size - index * self.segment)

    def offset(self, index: int) -> int:
        """Where segment ``index`` begins in the sealed file."""
        return self.body + index * (self.segment + TAG)

    def encode(self) -> bytes:
        """The 3,584 bytes of the public header.

        Raises:
            UsageError: the name or the policy needs more room than there is, or a size is out of bounds.
        """
        if problem := _problem(self):
            raise UsageError("the file cannot be sealed like this", cause=problem)
        text = canonical_json(Description(self.name, self.policy))
        fixed = _FIXED.pack(
            MAGIC, VERSION, SUITE, self.segment, self.slot, len(text), self.size, self.salt, self.prefix
        )
        return (fixed + self.commitment + text).ljust(HEAD, b"\0")

    def digest(self) -> bytes:
        """SHA-256 of the public header without the commitment: what wraps and derived keys are bound to."""
        data = self.encode()
        return hashlib.sha256(data[: _COMMITMENT.start] + data[_DESCRIPTION:]).digest()

    def context(self) -> dict[str, str]:
        """What each wrap of the data key is bound to."""
        return {"casemate": "envelope/1", "name": self.name or "-", "header": self.digest().hex()}

    def associated(self) -> bytes:
        """SHA-256 of the whole public header: the associated data of every segment."""
        return hashlib.sha256(self.encode()).digest()

    def derive(self, dek: bytes) -> Keys:
        """The keys of this file, and the commitment: HKDF-SHA256(dek, salt, "casemate/envelope/1/..." | digest)."""
        if len(dek) != DEK_SIZE:
            raise TamperedError("a wrap holds no data key", cause="it has a wrong length")
        digest = self.digest()
        return Keys(*(_expand(dek, self.salt, b"casemate/envelope/1/" + use + digest) for use in _USES))

    def unlock(self, dek: bytes) -> Keys:
        """The keys of this file, when ``dek`` is the data key that the header commits to.

        Raises:
            TamperedError: it is another one. Nothing was decrypted with it.
        """
        keys = self.derive(dek)
        if not hmac.compare_digest(keys.commitment, self.commitment):
            raise TamperedError(
                "the data key is not the one that the header commits to",
                cause="a wrap or the header was changed, or the sealer gave recipients different keys",
            )
        return keys


_USES: Final = (b"segments\0", b"slots\0", b"commitment\0")


def _expand(dek: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(dek)


def parse_head(data: bytes) -> Head:
    """The public header in the first 3,584 bytes of a file; nothing in it is authenticated yet.

    Every field has one encoding, and every byte is part of a field or zero.

    Raises:
        UnreadableError: this is no sealed file, or one of a later version.
        TamperedError: it is one, and is damaged.
    """
    if len(data) < HEAD or not data.startswith(MAGIC):
        raise UnreadableError(
            "this is not a sealed file", cause="it does not begin as one", next_step="give a file made by casemate seal"
        )
    _, version, suite, segment, slot, length, size, salt, prefix = _FIXED.unpack_from(data)
    if (version, suite) != (VERSION, SUITE):
        raise UnreadableError(
            f"the sealed file is of version {version}, suite {suite}",
            cause=f"this casemate reads version {VERSION}, suite {SUITE}",
            next_step="use the casemate that sealed it, if it was not damaged",
        )
    text = bytes(data[_DESCRIPTION : _DESCRIPTION + length])
    try:
        found = msgspec.json.decode(text, type=Description)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise damaged("its description does not read") from None
    head = Head(found.name, size, segment, slot, salt, prefix, found.policy, bytes(data[_COMMITMENT]))
    if problem := _problem(head):
        raise damaged(problem)
    if head.encode() != data[:HEAD]:
        raise damaged("it is not in canonical form")
    return head


def damaged(cause: str) -> TamperedError:
    """The error for a header that no sealer wrote."""
    return TamperedError("the header of the sealed file was changed", cause=cause, next_step="get the file again")


def _problem(head: Head) -> str:
    """Why no sealed file has this header, or an empty string."""
    if head.segment & (head.segment - 1) or not 1 << 10 <= head.segment <= 1 << 24:
        return "a segment has a power of two of bytes from 1 KiB to 16 MiB"
    if head.slot % PAGE or not PAGE <= head.slot <= 1 << 20:
        return "a header slot has a multiple of 4 KiB, at most 1 MiB"
    if head.size < 0 or head.count > MOST_SEGMENTS:
        return "there are more than 2^32 segments"
    if not head.name.isprintable() or len(head.name.encode()) > MOST_NAME:
        return f"a name has at most {MOST_NAME} bytes and no control characters"
    if len(canonical_json(Description(head.name, head.policy))) > HEAD - _DESCRIPTION:
        return "name and policy need more room than the header has"
    if not "".join(head.policy.kinds).isprintable():
        return "a policy names kinds without control characters"
    if not 1 <= head.policy.most <= MOST_WRAPS:
        return f"a policy allows 1 to {MOST_WRAPS} wraps"
    return ""
