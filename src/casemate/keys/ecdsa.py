"""ECDSA over the NIST curves (FIPS 186-5): what model-signing bundles and most hardware can do.

Inside casemate a signature is ``r || s`` (IEEE P1363), one length and one spelling. Envelopes that others read carry
the DER form (``to_der``); reading one accepts its canonical spelling only, because a lenient reader would let bytes of
a signed file change without anyone seeing it.

C2SP signed-note has no byte for it that names curve and hash, so the type is 0xff and a longer identifier.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from casemate.core.errors import UnreadableError
from casemate.keys.signing import check_name

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order n of the curve P-256 (SP 800-186, section 3.2.1.3)."""


class _Curve(NamedTuple):
    curve: ec.EllipticCurve
    hash: hashes.HashAlgorithm
    size: int
    algorithm: str


_CURVES = {
    "secp256r1": _Curve(ec.SECP256R1(), hashes.SHA256(), 32, "ecdsa-p256"),
    "secp384r1": _Curve(ec.SECP384R1(), hashes.SHA384(), 48, "ecdsa-p384"),
    "secp521r1": _Curve(ec.SECP521R1(), hashes.SHA512(), 66, "ecdsa-p521"),
}
_BY_POINT = {1 + 2 * each.size: each for each in _CURVES.values()}


@dataclass(frozen=True)
class EcdsaVerifier:
    """Checks ECDSA signatures over P-256 with SHA-256, P-384 with SHA-384 or P-521 with SHA-512.

    ``public`` is the uncompressed point of SEC 1, section 2.3.3; its length (65, 97 or 133 bytes) tells the curve.
    """

    name: str
    public: bytes
    _key: ec.EllipticCurvePublicKey = field(init=False, repr=False, compare=False)
    _curve: _Curve = field(init=False, repr=False, compare=False)
    P256: ClassVar[bytes] = b"\xffecdsa-p256:"

    def __post_init__(self) -> None:
        check_name(self.name)
        try:
            curve = _BY_POINT[len(self.public)]
            key = ec.EllipticCurvePublicKey.from_encoded_point(curve.curve, self.public)
        except (KeyError, ValueError) as error:
            raise UnreadableError("not an ECDSA public key", cause=str(error)) from None
        object.__setattr__(self, "_curve", curve)
        object.__setattr__(self, "_key", key)

    @property
    def algorithm(self) -> str:
        """The algorithm: "ecdsa-p256", "ecdsa-p384" or "ecdsa-p521"."""
        return self._curve.algorithm

    @property
    def signature_type(self) -> bytes:
        """0xff, the algorithm, a colon."""
        return b"\xff" + self.algorithm.encode() + b":"

    @property
    def signature_size(self) -> int:
        """64, 96 or 132 bytes."""
        return 2 * self._curve.size

    @property
    def pem(self) -> bytes:
        """The key as a SubjectPublicKeyInfo in PEM, as openssl and model-signing write it."""
        return self._key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def hint(self) -> str:
        """SHA-256 of the PEM in hexadecimal: how model-signing names a key in a bundle."""
        return hashlib.sha256(self.pem).hexdigest()

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's."""
        try:
            self._key.verify(self.to_der(signature), message, ec.ECDSA(self._curve.hash))
        except (InvalidSignature, UnreadableError):
            return False
        return True

    def to_der(self, signature: bytes) -> bytes:
        """``r || s`` as the ASN.1 sequence of RFC 3279, section 2.2.3.

        Raises:
            UnreadableError: it has another length.
        """
        if len(signature) != self.signature_size:
            raise UnreadableError("not an ECDSA signature", cause=f"it has {len(signature)} bytes")
        half = self._curve.size
        return encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))

    def from_der(self, data: bytes) -> bytes:
        """An ASN.1 signature as ``r || s``.

        Raises:
            UnreadableError: it is not the one DER spelling of a signature of this curve.
        """
        try:
            r, s = decode_dss_signature(data)
            raw = r.to_bytes(self._curve.size, "big") + s.to_bytes(self._curve.size, "big")
        except (ValueError, OverflowError) as error:
            raise UnreadableError("not an ECDSA signature", cause=str(error)) from None
        if encode_dss_signature(r, s) != data:
            raise UnreadableError("not an ECDSA signature", cause="it is not in canonical DER")
        return raw


class EcdsaSigner:
    """Signs with an ECDSA private key held in memory.

    Args:
        name: whose key it is.
        key: the private key, over P-256, P-384 or P-521.

    Example:
        >>> signer = p256_signer("example.org/a", bytes(32))
        >>> signer.verifier.verify(b"text", signer.sign(b"text"))
        True
    """

    def __init__(self, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.verifier = verifier_of(name, key.public_key())
        self._hash = _CURVES[key.curve.name].hash

    def sign(self, message: bytes) -> bytes:
        """``r || s``, different each time."""
        return self.verifier.from_der(self._key.sign(message, ec.ECDSA(self._hash)))


def p256_signer(name: str, seed: bytes) -> EcdsaSigner:
    """A P-256 signer from a 32-byte secret seed.

    The scalar is made with extra random bits (FIPS 186-5, appendix A.2.1): 48 bytes of HKDF-SHA256 of the seed, modulo
    n - 1, plus 1. So every seed gives a key, and no seed is likelier to than another by more than 2^-128.

    Raises:
        UnreadableError: the seed does not have 32 bytes.
    """
    if len(seed) != 32:
        raise UnreadableError("not an ECDSA private key", cause=f"a seed has 32 bytes, this has {len(seed)}")
    wide = HKDF(hashes.SHA256(), 48, None, b"casemate ecdsa-p256 seed v1").derive(seed)
    scalar = int.from_bytes(wide, "big") % (P256_ORDER - 1) + 1
    return EcdsaSigner(name, ec.derive_private_key(scalar, ec.SECP256R1()))


def p256_verifier(name: str, public: bytes) -> EcdsaVerifier:
    """A verifier for a P-256 point; refuses the points of other curves."""
    if len(public) != 65:
        raise UnreadableError("not a P-256 public key", cause=f"a point has 65 bytes, this has {len(public)}")
    return EcdsaVerifier(name, public)


def verifier_of(name: str, key: object) -> EcdsaVerifier:
    """The verifier of a public key of the library ``cryptography``.

    Raises:
        UnreadableError: it is of another algorithm or curve.
    """
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise UnreadableError("the key is of an unknown algorithm", next_step="use ECDSA over P-256, P-384 or P-521")
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return EcdsaVerifier(name, point)


def read_pem_public(name: str, data: bytes) -> EcdsaVerifier:
    """The public key in a PEM file, called ``name``.

    Raises:
        UnreadableError: it holds no public key over P-256, P-384 or P-521.
    """
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, TypeError) as error:
        raise UnreadableError("this is not a public key in PEM", cause=str(error)[:200]) from None
    return verifier_of(name, key)


def read_pem_private(name: str, data: bytes) -> EcdsaSigner:
    """The private key in a PEM file without a passphrase, called ``name``. The error carries nothing of the key.

    Raises:
        UnreadableError: it holds no such key over P-256, P-384 or P-521.
    """
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        raise UnreadableError(
            "this is not a private key in PEM",
            cause="it is damaged, of an unknown kind, or needs a passphrase",
            next_step="openssl ecparam -genkey -name prime256v1 -noout makes one",
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in _CURVES:
        raise UnreadableError("the key is of an unknown algorithm", next_step="use ECDSA over P-256, P-384 or P-521")
    return EcdsaSigner(name, key)
