"""DSSE envelopes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import CasemateError, TamperedError, UnreadableError
from casemate.keys import dsse
from casemate.keys.ed25519 import Ed25519Signer
from casemate.keys.ml_dsa import MlDsa65Signer

SIGNER = Ed25519Signer("example.org/a", bytes(32))
OTHER = MlDsa65Signer("example.org/b", bytes(32))


def test_the_form_of_the_specification() -> None:
    """https://github.com/secure-systems-lab/dsse/blob/master/envelope.md"""
    envelope = json.loads(dsse.sign(b"{}", [SIGNER]))
    assert set(envelope) == {"payload", "payloadType", "signatures"}
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert set(envelope["signatures"][0]) == {"keyid", "sig"}


def test_one_trusted_signature_is_enough() -> None:
    envelope = dsse.sign(b"payload", [SIGNER, OTHER])
    assert dsse.verify(envelope, [SIGNER.verifier]) == dsse.verify(envelope, [OTHER.verifier]) == b"payload"
    with pytest.raises(TamperedError):
        dsse.verify(envelope, [Ed25519Signer("example.org/a", b"x" * 32).verifier])
    with pytest.raises(TamperedError):
        dsse.verify(envelope, [])


@given(st.binary(max_size=60), st.data())
def test_every_changed_byte_is_seen_or_harmless(payload: bytes, data: st.DataObject) -> None:
    """Whatever byte of the envelope changes, the payload that comes out is the one that was signed, or nothing."""
    envelope = dsse.sign(payload, [SIGNER])
    at = data.draw(st.integers(0, len(envelope) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != envelope[at]))
    changed = envelope[:at] + bytes([value]) + envelope[at + 1 :]
    try:
        found = dsse.verify(changed, [SIGNER.verifier])
    except CasemateError:
        return
    assert found == payload  # only the key id, a hint outside the signature, can change unseen here


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_an_envelope_or_a_clear_error(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        dsse.verify(data, [SIGNER.verifier])


def test_payload_type_is_signed() -> None:
    envelope = dsse.sign(b"x", [SIGNER], "text/plain")
    with pytest.raises(UnreadableError, match="was expected"):
        dsse.read(envelope)
    renamed = envelope.replace(b"text/plain", b"text/plaim")
    with pytest.raises(TamperedError):
        dsse.verify(renamed, [SIGNER.verifier], "text/plaim")


def test_deep_json_is_refused() -> None:
    with pytest.raises(UnreadableError):
        dsse.read(b'{"payload":' + b"[" * 100_000)
