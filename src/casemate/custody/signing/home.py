"""The keys that seal: made at first use in the key home (0600), never beside what they sign."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from casemate.custody.signing.policy import SealPolicy, trust
from casemate.custody.signing.policy import Signer as Trusted
from casemate.keys.ecdsa import EcdsaVerifier, read_pem_private
from casemate.keys.files import LIMIT, default_home, load_key, load_or_create_key, open_private_file, require_outside
from casemate.keys.signing import Signer, Verifier
from casemate.keys.text import read_vkey

NAME: Final = "casemate.local"
CLASSICAL: Final = "seal.ecdsa-p256.key"
QUANTUM: Final = "seal.ml-dsa-65.key"


def home_signers(*, hybrid: bool, model: Path, home: Path | None = None) -> list[Signer]:
    """The keys of the key home, made when they are missing: ECDSA P-256, and with ``hybrid`` ML-DSA-65 behind it.

    Beside the first one lies its public half in PEM, which model-signing reads.

    Raises:
        UsageError: the key home lies in the model's folder, or others can read the keys.
    """
    home = home or default_home()
    if model.is_dir():
        require_outside(home, model)
    first = load_or_create_key(home / CLASSICAL, NAME, "ecdsa-p256")
    write_pem(first, home / CLASSICAL)
    return [first, load_or_create_key(home / QUANTUM, NAME, "ml-dsa-65")] if hybrid else [first]


def write_pem(signer: Signer, beside: Path) -> Path:
    """Write an ECDSA key's public half in PEM beside its private one, unless it is there; returns where."""
    path = beside.with_name(beside.name + ".pub")
    if isinstance(signer.verifier, EcdsaVerifier) and not path.exists():
        path.write_bytes(signer.verifier.pem)
    return path


def load_signer(path: Path) -> Signer:
    """A private key from a file of casemate's or from PEM; others must not be able to read it.

    Raises:
        UsageError: the file is missing, or others can read it.
        UnreadableError: it holds no key that can sign.
    """
    with os.fdopen(open_private_file(path), "rb") as stream:
        data = stream.read(LIMIT)
    return read_pem_private(NAME, data) if data.lstrip().startswith(b"-----BEGIN") else load_key(path)


def home_policy(home: Path | None = None) -> SealPolicy:
    """What is trusted when nobody says otherwise: the public halves in the key home, one key or both.

    Asking for both would refuse what was sealed before there was a second key; so this accepts the first alone. Whoever
    wants both, whatever the bundle says, writes a policy.
    """
    home = home or default_home()
    keys: list[Verifier] = [
        read_vkey(str(path)) for name in (CLASSICAL, QUANTUM) if (path := home / f"{name}.vkey").is_file()
    ]
    signers = [Trusted("your own key", (keys[0],))] if keys else []
    if len(keys) > 1:
        signers.insert(0, Trusted("your own keys", tuple(keys)))
    return trust("the keys of your key home", *signers)
