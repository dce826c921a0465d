"""DSSE envelopes as the in-toto world reads them: ECDSA signatures in DER, one envelope for several keys, in order.

``casemate.keys.dsse`` makes the ledger's records, whose signatures have the lengths that signed notes ask for. Here the
readers are cosign, model-signing and others, and the number and order of signatures are part of what is verified.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import msgspec

from casemate.core.errors import UnreadableError
from casemate.keys.dsse import IN_TOTO, Envelope, Signature, pae
from casemate.keys.ecdsa import EcdsaVerifier
from casemate.keys.signing import Signer, Verifier, decode_base64, key_id


def key_name(key: Verifier) -> str:
    """How an envelope names a key: ECDSA by its hint, whatever a verifier calls it; others by name and id."""
    return key.hint if isinstance(key, EcdsaVerifier) else f"{key.name}+{key_id(key).hex()}"


def sign_payload(payload: bytes, signers: Sequence[Signer]) -> Envelope:
    """Sign a payload with every key, in order."""
    message = pae(IN_TOTO, payload)
    return Envelope(base64.b64encode(payload).decode(), IN_TOTO, [_signed(message, signer) for signer in signers])


def _signed(message: bytes, signer: Signer) -> Signature:
    key, value = signer.verifier, signer.sign(message)
    if isinstance(key, EcdsaVerifier):
        value = key.to_der(value)
    return Signature(key_name(key), base64.b64encode(value).decode())


def encode_envelope(envelope: Envelope) -> bytes:
    """The one spelling of an envelope."""
    return msgspec.json.encode(envelope)


def payload_of(envelope: Envelope) -> bytes:
    """The payload, its signatures not yet checked.

    Raises:
        UnreadableError: it is not canonical base64.
    """
    return decode_base64(envelope.payload, "the payload")


def verifies(key: Verifier, payload: bytes, signature: bytes) -> bool:
    """Whether this signature over a payload of in-toto is this key's, and spelled in the one way it can be."""
    if isinstance(key, EcdsaVerifier):
        try:
            signature = key.from_der(signature)
        except UnreadableError:
            return False
    return key.verify(pae(IN_TOTO, payload), signature)
