"""Sigstore bundles v0.3 as model-signing 1.1 writes and reads them: a DSSE envelope, and what its first key is called.

    https://docs.sigstore.dev/about/bundle/

Nothing outside the payload is signed, so a bundle has one spelling only, that of model-signing 1.1. Bundles with
entries of a transparency log (keyless signing) are not read: checking them needs sigstore's own root of trust.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

import msgspec

from casemate.core.errors import UnreadableError
from casemate.custody.signing.strict import read_canonical
from casemate.keys.dsse import IN_TOTO, Envelope
from casemate.keys.signing import decode_base64

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"


class _Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A signature as model-signing orders its fields."""

    sig: str
    keyid: str


class _Envelope(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    payload: str
    payload_type: str
    signatures: list[_Text]


class _PublicKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hint: str


class _Certificate(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    raw_bytes: str


class _Chain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    certificates: list[_Certificate]


class _KeyMaterial(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    public_key: _PublicKey
    tlog_entries: list[None]


class _ChainMaterial(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    x509_certificate_chain: _Chain
    tlog_entries: list[None]


class _KeyBundle(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    media_type: str
    verification_material: _KeyMaterial
    dsse_envelope: _Envelope


class _ChainBundle(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    media_type: str
    verification_material: _ChainMaterial
    dsse_envelope: _Envelope


class Bundle(msgspec.Struct, frozen=True):
    """A bundle.

    Attributes:
        envelope: payload and signatures; model-signing reads the first signature only.
        hint: SHA-256 of the first key in PEM, or "" where certificates say it.
        certificates: the first key's certificate and its issuers, in DER; empty where a hint says it.
    """

    envelope: Envelope
    hint: str = ""
    certificates: tuple[bytes, ...] = ()


def write_bundle(envelope: Envelope, *, hint: str = "", certificates: Sequence[bytes] = ()) -> bytes:
    """The bytes of a bundle."""
    inner = _Envelope(
        envelope.payload, envelope.payload_type, [_Text(each.sig, each.keyid) for each in envelope.signatures]
    )
    if certificates:
        chain = _Chain([_Certificate(base64.b64encode(each).decode()) for each in certificates])
        return msgspec.json.encode(_ChainBundle(MEDIA_TYPE, _ChainMaterial(chain, []), inner))
    return msgspec.json.encode(_KeyBundle(MEDIA_TYPE, _KeyMaterial(_PublicKey(hint), []), inner))


def read_bundle(data: bytes) -> Bundle:
    """Read a bundle; its signatures are not yet checked.

    Raises:
        UnreadableError: it is no such bundle, or is spelled in another way.
    """
    found: _KeyBundle | _ChainBundle
    if b'"x509CertificateChain"' in data[:256]:
        found = read_canonical(data, _ChainBundle, "the bundle")
    else:
        found = read_canonical(data, _KeyBundle, "the bundle")
    if found.media_type != MEDIA_TYPE:
        raise UnreadableError("the bundle is of another version", cause=f"its type is {found.media_type[:80]!r}")
    if found.verification_material.tlog_entries:
        raise UnreadableError("the bundle has entries of a transparency log, which are not read")
    inner = found.dsse_envelope
    if inner.payload_type != IN_TOTO or not inner.signatures:
        raise UnreadableError("the bundle holds no signed in-toto statement")
    envelope = msgspec.convert(msgspec.to_builtins(inner), Envelope)
    if isinstance(found.verification_material, _KeyMaterial):
        return Bundle(envelope, hint=found.verification_material.public_key.hint)
    certificates = found.verification_material.x509_certificate_chain.certificates
    if not certificates:
        raise UnreadableError("the bundle's chain of certificates is empty")
    return Bundle(envelope, certificates=tuple(decode_base64(each.raw_bytes, "a certificate") for each in certificates))
