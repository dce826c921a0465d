"""A certificate authority for tests: root, one between, and a signing certificate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from casemate.keys.ecdsa import EcdsaSigner

BEGIN = datetime.now(UTC) - timedelta(days=30)
END = BEGIN + timedelta(days=60)


@dataclass(frozen=True)
class Certified:
    """A key and its certificate."""

    private: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def signer(self) -> EcdsaSigner:
        return EcdsaSigner("example.org/release", self.private)


def certify(name: str, issuer: Certified | None, *, authority: bool = False, signs: bool = True) -> Certified:
    key = ec.generate_private_key(ec.SECP256R1())
    by = key if issuer is None else issuer.private
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=signs and not authority,
        content_commitment=False,
        key_encipherment=not authority and not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGIN)
        .not_valid_after(END)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    return Certified(key, made.sign(by, hashes.SHA256()))


ROOT = certify("example.org root", None, authority=True)
MIDDLE = certify("example.org middle", ROOT, authority=True)
LEAF = certify("example.org/release", MIDDLE)
CHAIN = (LEAF, MIDDLE)
