"""Statements of our own beside a file: in-toto, signed by the key home, about the file's digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from casemate.core.digests import Digest, canonical_json
from casemate.custody.signing.envelope import encode_envelope, sign_payload
from casemate.custody.signing.home import home_signers
from casemate.ledger.statement import STATEMENT


def signed(name: str, digest: Digest, kind: str, predicate: Any, home: Path | None = None) -> bytes:
    """A statement about one file, in an envelope.

    Args:
        name: of the file.
        digest: of its bytes.
        kind: predicate type, a URN with a version: one shape each (docs/reference/attestations.md).
        predicate: what is said, as plain values.
        home: where keys lie, instead of the user's key home.
    """
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digest.hex}}],
        "predicateType": kind,
        "predicate": predicate,
    }
    signers = home_signers(hybrid=False, model=Path(name), home=home)
    return encode_envelope(sign_payload(canonical_json(statement), signers))
