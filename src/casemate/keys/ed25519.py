"""Ed25519 (RFC 8032): 38 us a signature, 64 bytes each; the signature every transparency-log verifier knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from casemate.core.errors import UnreadableError
from casemate.keys.signing import check_name


@dataclass(frozen=True)
class Ed25519Verifier:
    """Checks Ed25519 signatures. ``public`` is the 32-byte key of RFC 8032."""

    name: str
    public: bytes
    signature_type: ClassVar[bytes] = b"\x01"
    signature_size: ClassVar[int] = 64
    _key: Ed25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        try:
            object.__setattr__(self, "_key", Ed25519PublicKey.from_public_bytes(self.public))
        except ValueError as error:
            raise UnreadableError("not an Ed25519 public key", cause=str(error)) from None

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Ed25519Signer:
    """Signs with an Ed25519 private key held in memory.

    Args:
        name: whose key it is.
        seed: the 32-byte private key of RFC 8032.

    Example:
        >>> signer = Ed25519Signer("example.org/a", bytes(32))
        >>> signer.verifier.verify(b"text", signer.sign(b"text"))
        True
    """

    def __init__(self, name: str, seed: bytes) -> None:
        try:
            self._key = Ed25519PrivateKey.from_private_bytes(seed)
        except ValueError as error:
            raise UnreadableError("not an Ed25519 private key", cause=str(error)) from None
        self.verifier = Ed25519Verifier(name, self._key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """64 bytes, the same for the same message."""
        return self._key.sign(message)
