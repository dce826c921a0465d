"""Key services behind one small interface: something that keeps a key-encryption key and wraps data keys with it.

A service never gives its key away; it turns a data key into a `Wrap` and back. Every wrap is bound to a context, the
names and digests of what the data key protects, so that a wrap moved to another file does not open there.

kek_file   a key in a local file           hpke      post-quantum recipients        transit   OpenBao and Vault
aws_kms    AWS KMS                         pkcs11    a hardware security module     uri       which service a text names
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from casemate.core.digests import canonical_json
from casemate.core.errors import CasemateError

DEK_SIZE: Final = 32
"""Bytes of a data key."""
TIMEOUT: Final = 10.0
"""Seconds after which a service that does not answer counts as unreachable."""

Context = Mapping[str, str]
"""What a wrap is bound to: short names and values, not secret, the same when it is opened."""


class KeyServiceError(CasemateError):
    """A key service could not do what it was asked."""


class UnreachableServiceError(KeyServiceError):
    """The service did not answer in time, or its answer made no sense. Trying again later may help."""


class DeniedServiceError(KeyServiceError):
    """The service answered no: a wrong credential, or a policy that forbids the operation."""


class WrongKeyError(KeyServiceError):
    """The wrap does not open with this key and this context: another key, another file, or changed bytes."""


class Wrap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A data key, encrypted by one key service.

    Attributes:
        kind: the kind of service: "file", "hpke", "transit", "awskms" or "pkcs11".
        key: which key of the service, as it calls it; not secret.
        data: the encrypted data key.
    """

    kind: str
    key: str
    data: bytes


class KeyService(Protocol):
    """A key-encryption key, wherever it is kept. Services are safe to use from one thread at a time."""

    @property
    def kind(self) -> str:
        """The kind of service, as in ``Wrap.kind``."""

    @property
    def name(self) -> str:
        """Kind and key, for people and for `opens`: "transit:transit/models". No credentials."""

    def opens(self, wrap: Wrap) -> bool:
        """Whether ``wrap`` says that it was made with this key. Asks nobody."""

    def wrap(self, dek: bytes, context: Context) -> Wrap:
        """Encrypt a data key of 32 bytes, bound to ``context``.

        Raises:
            KeyServiceError: the service cannot be reached, or refuses.
        """

    def unwrap(self, wrap: Wrap, context: Context) -> bytes:
        """The data key in ``wrap``.

        Raises:
            WrongKeyError: the wrap was made with another key or another context, or was changed.
            KeyServiceError: the service cannot be reached, or refuses.
        """

    def rewrap(self, wrap: Wrap, context: Context) -> Wrap:
        """The same data key under the newest version of this key; inside the service where it can do that.

        Raises:
            WrongKeyError: the wrap was made with another key or another context, or was changed.
            KeyServiceError: the service cannot be reached, or refuses.
        """


def encode_context(context: Context) -> bytes:
    """A context as canonical JSON: the bytes that authenticated encryption binds.

    Example:
        >>> encode_context({"name": "model", "file": "ab"})
        b'{"file":"ab","name":"model"}'
    """
    return canonical_json(dict(context))


def bound(dek: bytes, context: Context) -> bytes:
    """A data key followed by SHA-256 of its context, for services that encrypt but bind nothing.

    The whole is encrypted with integrity, so the context cannot be exchanged without the key.
    """
    return check_dek(dek) + hashlib.sha256(encode_context(context)).digest()


def unbound(payload: bytes, context: Context, name: str) -> bytes:
    """The data key in what `bound` made, when it is bound to this context.

    Raises:
        WrongKeyError: it is not.
    """
    if len(payload) != DEK_SIZE + 32 or payload[DEK_SIZE:] != hashlib.sha256(encode_context(context)).digest():
        raise wrong_key(name, "it was made for another file, or for another name")
    return payload[:DEK_SIZE]


def check_dek(dek: bytes) -> bytes:
    """The data key, when it has 32 bytes; anything else is a mistake in the program."""
    if len(dek) != DEK_SIZE:
        raise ValueError("a data key has 32 bytes")
    return bytes(dek)


def wrong_key(
    name: str, cause: str = "it was made with another key or for another file, or was changed"
) -> WrongKeyError:
    """The error for a wrap that ``name`` cannot open."""
    return WrongKeyError(
        f"the key {name} does not open this wrap", cause=cause, next_step="give the key that the file was sealed for"
    )


def unreachable(name: str, cause: str) -> UnreachableServiceError:
    """The error for a service that did not answer."""
    return UnreachableServiceError(
        f"the key service {name} cannot be reached",
        cause=cause,
        next_step="check that it runs, its address and the network; then try again",
    )


def denied(name: str, cause: str, next_step: str) -> DeniedServiceError:
    """The error for a service that said no."""
    return DeniedServiceError(f"the key service {name} refuses", cause=cause, next_step=next_step)
