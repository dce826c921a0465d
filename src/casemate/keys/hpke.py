"""Recipients with post-quantum keys: HPKE (RFC 9180) with the hybrid KEM MLKEM768-X25519.

Whoever has a recipient's public key can seal for them; only the private key opens. What is sealed today stays secret
from a quantum computer of tomorrow, and from a flaw in ML-KEM alone. HPKE's base mode says nothing about who sealed:
signatures do.

A recipient is one line of text, ``casemate-recipient-1+ID+base64(ML-KEM-768 public key | X25519 public key)``, and the
private key is the like, ``PRIVATE+KEY+casemate-recipient-1+ID+base64(ML-KEM-768 seed | X25519 private key)``. ID is
the beginning of SHA-256 of the public key.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from casemate.core.errors import MissingPartError, UnreadableError, UsageError
from casemate.keys.files import LIMIT, create_private_file, open_private_file
from casemate.keys.services import Context, Wrap, check_dek, denied, encode_context, wrong_key
from casemate.keys.signing import decode_base64

KIND: Final = "hpke"
LABEL: Final = "casemate-recipient-1"
PRIVATE: Final = "PRIVATE+KEY+"
MLKEM_PUBLIC: Final = 1184
MLKEM_SEED: Final = 64


def _suite() -> hpke.Suite:
    """HPKE with MLKEM768-X25519, HKDF-SHA256 and AES-256-GCM, when the OpenSSL behind ``cryptography`` has it."""
    try:
        return hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    except (UnsupportedAlgorithm, AttributeError) as error:
        raise MissingPartError(
            "this build of the package 'cryptography' has no MLKEM768-X25519",
            cause=str(error),
            next_step="pip install 'cryptography>=50'",
        ) from error


@dataclass(frozen=True)
class Recipient:
    """Someone's public key. ``public`` has 1,216 bytes: ML-KEM-768, then X25519."""

    public: bytes

    def __post_init__(self) -> None:
        if len(self.public) != MLKEM_PUBLIC + 32:
            raise UnreadableError("not an MLKEM768-X25519 public key", cause="it has a wrong length")

    @property
    def id(self) -> str:
        """The first 16 hexadecimal characters of SHA-256 of the public key: a name, not a proof."""
        return hashlib.sha256(self.public).hexdigest()[:16]

    def text(self) -> str:
        """The recipient as one line."""
        return f"{LABEL}+{self.id}+{base64.b64encode(self.public).decode()}"

    def key(self) -> hpke.MLKEM768X25519PublicKey:
        """The key as ``cryptography`` has it."""
        try:
            return hpke.MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(self.public[:MLKEM_PUBLIC]),
                X25519PublicKey.from_public_bytes(self.public[MLKEM_PUBLIC:]),
            )
        except (ValueError, TypeError) as error:
            raise UnreadableError("not an MLKEM768-X25519 public key", cause=str(error)) from None


class HpkeKey:
    """The key service ``hpke:PATH``: a recipient, with the private key when it is ours to open.

    Args:
        recipient: the public key.
        secret: the private key, 96 bytes: ML-KEM-768 seed (FIPS 203, d | z), then X25519.
    """

    kind = KIND

    def __init__(self, recipient: Recipient, secret: bytes | None = None) -> None:
        self._recipient = recipient
        self._suite = _suite()
        self._public = recipient.key()
        self._private = None if secret is None else _private(secret)
        if secret is not None and _public(secret) != recipient.public:
            raise UnreadableError("the private key is damaged", cause="it is not the one of its public key")

    @property
    def name(self) -> str:
        """``hpke:`` and the recipient's id."""
        return f"{KIND}:{self._recipient.id}"

    def __repr__(self) -> str:
        return f"<HpkeKey {self.name}>"

    def opens(self, wrap: Wrap) -> bool:
        """Whether ``wrap`` names this recipient."""
        return wrap.kind == KIND and wrap.key == self._recipient.id

    def wrap(self, dek: bytes, context: Context) -> Wrap:
        """Encrypt a data key for the recipient; the context is HPKE's info."""
        payload, info = check_dek(dek), encode_context(context)
        try:
            sealed = self._suite.encrypt(payload, self._public, info)
        except ValueError:  # a point of small order, for example
            raise UnreadableError(
                f"nobody can seal for {self.name}", cause="it is no usable public key", next_step="ask for another"
            ) from None
        return Wrap(KIND, self._recipient.id, sealed)

    def unwrap(self, wrap: Wrap, context: Context) -> bytes:
        """The data key; needs the private key."""
        if self._private is None:
            raise denied(
                self.name, "this is only the public key, which seals but does not open", "give the private key's file"
            )
        try:
            return check_dek(self._suite.decrypt(wrap.data, self._private, encode_context(context)))
        except (InvalidTag, ValueError):
            raise wrong_key(self.name) from None

    def rewrap(self, wrap: Wrap, context: Context) -> Wrap:
        """The same data key, encapsulated anew; a recipient's key has no versions."""
        return self.wrap(self.unwrap(wrap, context), context)


def create_recipient(path: Path) -> HpkeKey:
    """Make a key pair: the private half at ``path`` (0600), the public half at ``path`` + ".pub".

    Raises:
        UsageError: a file is there already, or the folder can be written by others.
        MissingPartError: this build of ``cryptography`` has no MLKEM768-X25519.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     key = create_recipient(Path(folder) / "alice")
        ...     wrap = read_recipient(Path(folder) / "alice.pub").wrap(bytes(32), {"name": "m"})
        ...     key.unwrap(wrap, {"name": "m"}) == bytes(32)
        True
    """
    _suite()
    secret = MLKEM768PrivateKey.generate().private_bytes_raw() + X25519PrivateKey.generate().private_bytes_raw()
    recipient = Recipient(_public(secret))
    line = f"{PRIVATE}{LABEL}+{recipient.id}+{base64.b64encode(secret).decode()}\n"
    create_private_file(path, line.encode())
    path.with_name(path.name + ".pub").write_text(recipient.text() + "\n", "utf-8")
    return HpkeKey(recipient, secret)


def read_recipient(path: Path) -> HpkeKey:
    """A recipient from a file: a public key, or a private one, which must be 0600.

    Raises:
        UsageError: the file is missing, or a private key that others can read.
        UnreadableError: it holds no recipient.
    """
    try:
        with path.open("rb") as stream:
            secret = stream.read(len(PRIVATE)) == PRIVATE.encode()
        with os.fdopen(open_private_file(path), "rb") if secret else path.open("rb") as stream:
            text = stream.read(LIMIT).decode("ascii").strip()
    except UnicodeDecodeError:
        raise UnreadableError(f"{path} holds no recipient", cause="it is not text") from None
    except OSError as error:
        raise UsageError(
            f"the recipient's file {path} cannot be read",
            cause=error.strerror or str(error),
            next_step="check the path",
        ) from None
    return parse_recipient(text)


def parse_recipient(text: str) -> HpkeKey:
    """A recipient from its line of text, public or private; the id must match.

    Raises:
        UnreadableError: the text is no recipient, or is damaged. The message carries nothing of a private key.
    """
    secret = text.startswith(PRIVATE)
    label, _, rest = text.removeprefix(PRIVATE).partition("+")
    identity, sign, encoded = rest.partition("+")
    if label != LABEL or not sign:
        raise UnreadableError(
            "this is not a recipient",
            cause=f"it does not read {LABEL}+ID+base64",
            next_step="make one: casemate key create hpke:PATH",
        )
    data = decode_base64(encoded, "the recipient's key")
    if secret and len(data) != MLKEM_SEED + 32:
        raise UnreadableError("the private key is damaged", cause="it has a wrong length")
    recipient = Recipient(_public(data) if secret else data)
    if recipient.id != identity:
        raise UnreadableError("the recipient is damaged", cause=f"its id says {identity[:16]}, it has {recipient.id}")
    return HpkeKey(recipient, data if secret else None)


def _halves(secret: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    return (
        MLKEM768PrivateKey.from_seed_bytes(secret[:MLKEM_SEED]),
        X25519PrivateKey.from_private_bytes(secret[MLKEM_SEED:]),
    )


def _private(secret: bytes) -> hpke.MLKEM768X25519PrivateKey:
    return hpke.MLKEM768X25519PrivateKey(*_halves(secret))


def _public(secret: bytes) -> bytes:
    mlkem, x25519 = _halves(secret)
    return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
