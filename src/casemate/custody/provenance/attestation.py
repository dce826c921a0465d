"""Attestations: in-toto Statements v1 in DSSE envelopes, each saying one thing about the model that a manifest names.

The subject carries both digests of the manifest (see ``signing.manifest``), so an attestation about one model cannot be
put beside another, not even one with the same contents under other names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from casemate.core.digests import Digest, canonical_json
from casemate.core.errors import TamperedError, UnreadableError
from casemate.custody.signing.envelope import encode_envelope, payload_of, sign_payload
from casemate.custody.signing.manifest import Manifest
from casemate.custody.signing.signatures import Signatures
from casemate.custody.signing.strict import read_canonical, read_json
from casemate.keys.dsse import IN_TOTO, Envelope
from casemate.keys.signing import Signer
from casemate.ledger.statement import STATEMENT, Statement

SCAN: Final = "urn:casemate:scan:1"
BOM: Final = "urn:casemate:bom:1"
DATA: Final = "urn:casemate:data:1"
PROVENANCE: Final = "https://slsa.dev/provenance/v1"
_TIMES: Final = {
    SCAN: ("scanned",),
    BOM: ("described",),
    DATA: ("described",),
    PROVENANCE: ("runDetails", "metadata", "finishedOn"),
}


@dataclass(frozen=True)
class Attestation:
    """A statement that a trusted key signed about this manifest.

    Attributes:
        name: its file.
        predicate_type, predicate: what it says.
        signatures: whose it is.
        digest: SHA-256 of its payload.
    """

    name: str
    predicate_type: str
    predicate: Mapping[str, Any]
    signatures: Signatures
    digest: Digest

    @property
    def time(self) -> datetime | None:
        """When what it says was done, by its signer's clock; None where it does not say."""
        value: Any = self.predicate
        for part in _TIMES.get(self.predicate_type, ("",)):
            value = value.get(part) if isinstance(value, Mapping) else None
        return read_time(value) if isinstance(value, str) else None


def read_time(text: str) -> datetime | None:
    """A moment in ISO 8601 with its time zone, in UTC; or None."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def attest(
    predicate_type: str, predicate: Mapping[str, object], manifest: Manifest, signers: Sequence[Signer]
) -> bytes:
    """An attestation about the model of this manifest: the bytes of its file."""
    subject = [{"name": manifest.name, "digest": manifest.digests}]
    payload = canonical_json(
        {"_type": STATEMENT, "subject": subject, "predicateType": predicate_type, "predicate": predicate}
    )
    return encode_envelope(sign_payload(payload, signers))


def read_envelope(name: str, data: bytes) -> Envelope:
    """The envelope in an attestation's file, nothing checked but its spelling.

    Raises:
        UnreadableError: it is no envelope around an in-toto statement, or not in canonical form.
    """
    envelope = read_canonical(data, Envelope, f"the attestation {name}")
    if envelope.payload_type != IN_TOTO or not envelope.signatures:
        raise UnreadableError(f"{name} holds no signed in-toto statement")
    return envelope


def open_attestation(name: str, envelope: Envelope, signatures: Signatures, manifest: Manifest) -> Attestation:
    """What an attestation says, when its signatures are checked.

    Raises:
        UnreadableError: it is not a statement.
        TamperedError: it is about another model.
    """
    payload = payload_of(envelope)
    value = read_json(payload, f"the attestation {name}")
    try:
        statement = msgspec.convert(value, Statement)
    except msgspec.ValidationError as error:
        raise UnreadableError(f"{name} is not an in-toto statement", cause=str(error)[:200]) from None
    if statement.type != STATEMENT:
        raise UnreadableError(f"{name} is not an in-toto Statement v1")
    if not any(_is_about(subject.digest, manifest) for subject in statement.subject):
        raise TamperedError(
            f"the attestation {name} is about another model",
            cause="no subject of it has this model's digests",
            next_step="get the attestations of this model from its origin",
        )
    return Attestation(name, statement.predicate_type, statement.predicate, signatures, Digest.of(payload))


def _is_about(digest: Mapping[str, str], manifest: Manifest) -> bool:
    """Both digests of ours; or, from other tools, the SHA-256 of a model that is one file."""
    single = manifest.files == (".",) and manifest.resources[0].algorithm == "sha256"
    return dict(digest) == manifest.digests or (single and dict(digest) == {"sha256": manifest.resources[0].digest})
