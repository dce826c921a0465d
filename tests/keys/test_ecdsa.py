"""ECDSA: one length, one spelling, keys from seeds and from PEM."""

from __future__ import annotations

import contextlib
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import UnreadableError
from casemate.keys.ecdsa import (
    P256_ORDER,
    EcdsaSigner,
    EcdsaVerifier,
    p256_signer,
    p256_verifier,
    read_pem_private,
    read_pem_public,
)
from casemate.keys.text import algorithm_of, make_signer

CURVES = (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())
SIGNER = p256_signer("example.org/a", b"a" * 32)


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_signatures_are_those_of_the_library(curve: ec.EllipticCurve) -> None:
    private = ec.generate_private_key(curve)
    signer = EcdsaSigner("example.org/a", private)
    key, made = signer.verifier, signer.sign(b"message")
    assert len(made) == key.signature_size
    hash = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[curve.key_size]
    private.public_key().verify(key.to_der(made), b"message", ec.ECDSA(hash))
    assert key.verify(b"message", key.from_der(private.sign(b"message", ec.ECDSA(hash))))
    assert key.from_der(key.to_der(made)) == made
    assert algorithm_of(key) == f"ecdsa-p{curve.key_size}"


def test_a_seed_gives_always_the_same_key() -> None:
    assert p256_signer("a", bytes(32)).verifier == p256_signer("a", bytes(32)).verifier
    assert p256_signer("a", bytes(32)).verifier != p256_signer("a", b"\xff" * 32).verifier
    for wrong in (b"", bytes(31), bytes(33)):
        with pytest.raises(UnreadableError):
            p256_signer("a", wrong)


def test_only_one_spelling_of_a_signature_is_read() -> None:
    key = SIGNER.verifier
    der = key.to_der(SIGNER.sign(b"message"))
    longer = b"\x30\x81" + der[1:]
    zero = bytes([der[0], der[1] + 1, der[2], der[3] + 1, 0]) + der[4:]
    for other in (longer, zero, der + b"\0", der[:-1], b"", b"\x30\x00"):
        with pytest.raises(UnreadableError):
            key.from_der(other)
    too_large = key.to_der((P256_ORDER + 1).to_bytes(32, "big") * 2)
    assert not key.verify(b"message", key.from_der(too_large))
    assert not key.verify(b"message", bytes(64))


@given(st.binary(max_size=80))
def test_any_bytes_are_a_signature_or_a_clear_error(data: bytes) -> None:
    key = SIGNER.verifier
    assert not key.verify(b"message", data)
    with contextlib.suppress(UnreadableError):
        assert key.to_der(key.from_der(data)) == data


def test_keys_in_pem() -> None:
    encoding, private = serialization.Encoding.PEM, ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    signer = read_pem_private("example.org/a", pem)
    assert read_pem_public("example.org/a", signer.verifier.pem) == signer.verifier
    assert len(signer.verifier.hint) == 64
    locked = private.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    koblitz = ec.generate_private_key(ec.SECP256K1()).private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for wrong in (b"", b"-----BEGIN PRIVATE KEY-----", locked, other, koblitz, signer.verifier.pem):
        with pytest.raises(UnreadableError):
            read_pem_private("example.org/a", wrong)
    with pytest.raises(UnreadableError):
        read_pem_public("example.org/a", pem)


def test_points_of_other_curves_are_no_p256_keys() -> None:
    big = EcdsaSigner("a", ec.generate_private_key(ec.SECP384R1())).verifier
    with pytest.raises(UnreadableError):
        p256_verifier("a", big.public)
    for wrong in (b"", b"\x04" + bytes(64), SIGNER.verifier.public[:-1]):
        with pytest.raises(UnreadableError):
            EcdsaVerifier("a", wrong)


def test_openssl_knows_the_key() -> None:
    signer = make_signer("example.org/a", bytes(32), "ecdsa-p256")
    assert isinstance(signer.verifier, EcdsaVerifier)
    try:
        done = subprocess.run(
            ["openssl", "pkey", "-pubin", "-noout", "-text"],
            input=signer.verifier.pem,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("needs openssl")
    assert b"prime256v1" in done.stdout
