"""DSSE envelopes: a payload, its type, and signatures over both (secure-systems-lab/dsse, protocol 1.0.2).

What is signed is the pre-authentication encoding (PAE), never the JSON around it, so no canonical JSON is needed.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import msgspec

from casemate.core.errors import TamperedError, UnreadableError
from casemate.keys.signing import Signer, Verifier, decode_base64, key_id

IN_TOTO = "application/vnd.in-toto+json"
"""The payload type of in-toto statements."""


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signature: base64, and the id of the key ("name+hex"), which is only a hint."""

    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The JSON form of an envelope. ``payload`` is base64."""

    payload: str
    payload_type: str
    signatures: list[Signature]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: "DSSEv1" SP len(type) SP type SP len(payload) SP payload.

    Example:
        >>> pae("http://example.com/HelloWorld", b"hello world")
        b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, signers: Sequence[Signer], payload_type: str = IN_TOTO) -> bytes:
    """Wrap and sign a payload; returns the envelope as JSON without spaces."""
    message = pae(payload_type, payload)
    signatures = [
        Signature(
            f"{signer.verifier.name}+{key_id(signer.verifier).hex()}", base64.b64encode(signer.sign(message)).decode()
        )
        for signer in signers
    ]
    return _encoder.encode(Envelope(base64.b64encode(payload).decode(), payload_type, signatures))


def read(envelope: bytes, payload_type: str = IN_TOTO) -> tuple[bytes, Envelope]:
    """The payload of an envelope, its signatures not yet checked.

    Raises:
        UnreadableError: this is not an envelope, or not one of ``payload_type``.
    """
    try:
        parsed = _decoder.decode(envelope)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableError("this is not a DSSE envelope", cause=str(error)) from None
    if parsed.payload_type != payload_type:
        raise UnreadableError(
            f"the envelope holds {parsed.payload_type[:80]!r}", cause=f"{payload_type!r} was expected"
        )
    return decode_base64(parsed.payload, "the payload"), parsed


def verify(envelope: bytes, verifiers: Sequence[Verifier], payload_type: str = IN_TOTO) -> bytes:
    """The payload, when at least one signature is by one of ``verifiers``.

    Raises:
        UnreadableError: this is not an envelope.
        TamperedError: no signature verifies.
    """
    payload, parsed = read(envelope, payload_type)
    message = pae(payload_type, payload)
    for signature in parsed.signatures:
        value = decode_base64(signature.sig, "the signature")
        if any(key.verify(message, value) for key in verifiers):
            return payload
    raise TamperedError("the envelope is not signed by a trusted key")
