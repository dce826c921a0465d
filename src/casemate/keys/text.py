"""Read keys from text: public ones (``name+id+base64``) and private ones (``PRIVATE+KEY+name+id+base64``)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path

from casemate.core.errors import UnreadableError, UsageError
from casemate.keys.ecdsa import EcdsaVerifier, p256_signer, p256_verifier
from casemate.keys.ed25519 import Ed25519Signer, Ed25519Verifier
from casemate.keys.ml_dsa import MlDsa65Signer, MlDsa65Verifier
from casemate.keys.signing import Signer, Verifier, decode_base64, key_id

PRIVATE = "PRIVATE+KEY+"
_MakeVerifier = Callable[[str, bytes], Verifier]
_MakeSigner = Callable[[str, bytes], Signer]
_ALGORITHMS: dict[str, tuple[bytes, _MakeVerifier, _MakeSigner]] = {
    "ed25519": (Ed25519Verifier.signature_type, Ed25519Verifier, Ed25519Signer),
    "ecdsa-p256": (EcdsaVerifier.P256, p256_verifier, p256_signer),
    "ml-dsa-65": (MlDsa65Verifier.signature_type, MlDsa65Verifier, MlDsa65Signer),
}
ALGORITHMS = tuple(_ALGORITHMS)
"""Names of the algorithms that keys can be made for."""


def algorithm_of(key: Verifier) -> str:
    """The algorithm of a key ("ed25519", "ecdsa-p256", "ml-dsa-65"; also "ecdsa-p384" and "ecdsa-p521")."""
    if isinstance(key, EcdsaVerifier):
        return key.algorithm
    return next(name for name, (kind, _, _) in _ALGORITHMS.items() if kind == key.signature_type)


def _split(text: str, what: str) -> tuple[str, str, bytes]:
    name, sign, rest = text.partition("+")
    identity, second, encoded = rest.partition("+")
    if not (sign and second and re.fullmatch("[0-9a-f]{8}", identity)):
        raise UnreadableError(f"this is not a {what} key", cause="it does not read name+id+base64")
    return name, identity, decode_base64(encoded, f"the {what} key")


def _match_id(key: Verifier, identity: str, what: str) -> None:
    if key_id(key).hex() != identity:
        raise UnreadableError(f"the {what} key is damaged", cause=f"its id says {identity}, it has {key_id(key).hex()}")


def parse_vkey(text: str) -> Verifier:
    """Read a public key written by ``casemate.keys.signing.vkey``; the id must match.

    Raises:
        UnreadableError: the text is no key, is damaged, or is of an algorithm casemate does not know.
    """
    name, identity, data = _split(text.strip(), "public")
    for signature_type, verifier, _ in _ALGORITHMS.values():
        if data.startswith(signature_type):
            key = verifier(name, data[len(signature_type) :])
            _match_id(key, identity, "public")
            return key
    raise UnreadableError("the public key is of an unknown algorithm", next_step=f"use one of {', '.join(ALGORITHMS)}")


def read_vkey(text_or_path: str) -> Verifier:
    """Read a public key given as text, or as the path of a file that holds it.

    Raises:
        UsageError: it is neither a key nor a file.
        UnreadableError: the key is damaged.
    """
    if text_or_path.count("+") >= 2 and not Path(text_or_path).is_file():
        return parse_vkey(text_or_path)
    try:
        return parse_vkey(Path(text_or_path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "the public key cannot be read", cause=str(error), next_step="give the key text or the path of a .vkey file"
        ) from None


def make_signer(name: str, seed: bytes, algorithm: str = "ed25519") -> Signer:
    """A signer from a 32-byte secret seed.

    Raises:
        UsageError: the algorithm is unknown.
    """
    if algorithm not in _ALGORITHMS:
        raise UsageError(f"no algorithm {algorithm!r}", next_step=f"use one of {', '.join(ALGORITHMS)}")
    return _ALGORITHMS[algorithm][2](name, seed)


def format_private(signer: Signer, seed: bytes) -> str:
    """The private key as one line of text, as Go's sumdb/note writes it. It is a secret."""
    key = signer.verifier
    return f"{PRIVATE}{key.name}+{key_id(key).hex()}+{base64.b64encode(key.signature_type + seed).decode()}"


def parse_private(text: str) -> Signer:
    """Read a private key written by ``format_private``; the id must match.

    Raises:
        UnreadableError: the text is no private key, or is damaged. The message carries nothing of the key.
    """
    stripped = text.strip()
    if not stripped.startswith(PRIVATE):
        raise UnreadableError("this is not a private key", cause=f"it does not begin with {PRIVATE}")
    name, identity, data = _split(stripped[len(PRIVATE) :], "private")
    for signature_type, _, signer in _ALGORITHMS.values():
        if data.startswith(signature_type):
            key = signer(name, data[len(signature_type) :])
            _match_id(key.verifier, identity, "private")
            return key
    raise UnreadableError("the private key is of an unknown algorithm", next_step=f"use one of {', '.join(ALGORITHMS)}")
