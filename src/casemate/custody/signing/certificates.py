"""Chains of certificates (RFC 5280) from a bundle's first certificate to a root that the verifier trusts.

Validation is that of the library ``cryptography``, with what model-signing asks of the first certificate: it may sign
(key usage) or sign code (extended key usage). model-signing takes the day the certificate began as the time of signing,
so that an expired one stays good for ever; here the time is that of the verification, or the one that the statement
gives where the policy accepts that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError

from casemate.core.errors import TamperedError, UnreadableError, UsageError
from casemate.keys.ecdsa import EcdsaVerifier, verifier_of

MOST_CHAIN = 8


def leaf_key(name: str, certificates: Sequence[bytes]) -> EcdsaVerifier:
    """The public key of a bundle's first certificate, before anything vouches for it.

    Raises:
        UnreadableError: it is not a certificate, or its key is of an unknown algorithm.
    """
    return verifier_of(name, _read(certificates)[0].public_key())


def check_chain(certificates: Sequence[bytes], roots: Sequence[bytes], at: datetime) -> str:
    """Whether a chain leads to one of the roots; returns the first certificate's subject (RFC 4514).

    Args:
        certificates: in DER, the signing one first.
        roots: trusted certificates, in DER.
        at: when every certificate must be valid, with its time zone.

    Raises:
        UnreadableError: one of them cannot be read.
        TamperedError: there is no chain to a root, or the first certificate must not sign.
    """
    leaf, *issuers = _read(certificates)
    store = Store(_read(roots))
    builder = PolicyBuilder().store(store).time(at).max_chain_depth(MOST_CHAIN)
    builder = builder.extension_policies(
        ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
    )
    try:
        builder.build_client_verifier().verify(leaf, issuers)
    except VerificationError as error:
        raise TamperedError(
            "the bundle's certificate is not trusted",
            cause=f"no chain to a root of the policy holds at {at:%Y-%m-%d} ({str(error)[:200]})",
        ) from None
    if not _may_sign(leaf):
        raise TamperedError("the bundle's certificate must not sign", cause="its key usage says so")
    return leaf.subject.rfc4514_string()


def read_pem_chain(data: bytes) -> list[bytes]:
    """The certificates of a PEM file, in DER.

    Raises:
        UsageError: there is none.
    """
    try:
        found = x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise UsageError("this is not a file of certificates in PEM", cause=str(error)[:200]) from None
    return [each.public_bytes(Encoding.DER) for each in found]


def _read(certificates: Sequence[bytes]) -> list[x509.Certificate]:
    if not 0 < len(certificates) <= MOST_CHAIN:
        raise UnreadableError("the chain of certificates is empty or too long")
    try:
        return [x509.load_der_x509_certificate(each) for each in certificates]
    except ValueError as error:
        raise UnreadableError("a certificate cannot be read", cause=str(error)[:200]) from None


def _may_sign(leaf: x509.Certificate) -> bool:
    try:
        if leaf.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
            return True
    except x509.ExtensionNotFound:
        pass
    try:
        return ExtendedKeyUsageOID.CODE_SIGNING in leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
