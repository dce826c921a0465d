"""Records: in-toto Statements v1 in DSSE envelopes, each saying one thing about named subjects.

    https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md

The type of a record is its predicate type, ``urn:casemate:<kind>:1``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from casemate.core.digests import canonical_json
from casemate.core.errors import UnreadableError
from casemate.keys import dsse
from casemate.keys.signing import Signer, Verifier

STATEMENT = "https://in-toto.io/Statement/v1"
_KIND = re.compile(r"urn:casemate:([a-z0-9/-]+):1")


class Subject(msgspec.Struct, frozen=True):
    """What a statement is about: a name and its digests, for example {"sha256": "..."}."""

    name: str
    digest: dict[str, str]


class Statement(msgspec.Struct, frozen=True, rename={"type": "_type", "predicate_type": "predicateType"}):
    """An in-toto statement."""

    type: str
    subject: list[Subject]
    predicate_type: str
    predicate: dict[str, Any]


class Record(msgspec.Struct, frozen=True):
    """A record of the ledger, decoded.

    Attributes:
        index: its place in the log, from 0.
        payload: the statement's bytes, as they were signed.
        statement: the statement.
    """

    index: int
    payload: bytes
    statement: Statement

    @property
    def kind(self) -> str:
        """The kind: "trial" for urn:casemate:trial:1; the whole predicate type for foreign ones."""
        match = _KIND.fullmatch(self.statement.predicate_type)
        return match[1] if match else self.statement.predicate_type

    @property
    def predicate(self) -> dict[str, Any]:
        """What it says."""
        return self.statement.predicate

    @property
    def subject(self) -> list[Subject]:
        """What it is about."""
        return self.statement.subject

    @property
    def digest(self) -> str:
        """SHA-256 of the payload in hexadecimal: how other records name this one (a trial names its plan so)."""
        return hashlib.sha256(self.payload).hexdigest()


_decoder = msgspec.json.Decoder(Statement)


def predicate_type(kind: str) -> str:
    """The predicate type of a kind of record.

    Example:
        >>> predicate_type("trial")
        'urn:casemate:trial:1'
    """
    return f"urn:casemate:{kind}:1"


def encode(kind: str, predicate: Mapping[str, object], subjects: Mapping[str, str]) -> bytes:
    """A statement's payload, as canonical JSON.

    Args:
        kind: "plan", "trial", "measurement", "binding", ...
        predicate: what is said; anything msgspec can write.
        subjects: name -> SHA-256 in hexadecimal of what it is about.
    """
    named = [{"name": name, "digest": {"sha256": digest}} for name, digest in subjects.items()]
    return canonical_json(
        {"_type": STATEMENT, "subject": named, "predicateType": predicate_type(kind), "predicate": predicate}
    )


def seal(kind: str, predicate: Mapping[str, object], subjects: Mapping[str, str], signers: Sequence[Signer]) -> bytes:
    """A signed record, ready for ``Ledger.append``. See ``encode`` for the arguments."""
    return dsse.sign(encode(kind, predicate, subjects), signers)


def decode(payload: bytes) -> Statement:
    """Read a statement's payload.

    Raises:
        UnreadableError: it is not an in-toto Statement v1.
    """
    try:
        statement = _decoder.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableError("this is not an in-toto statement", cause=str(error)) from None
    if statement.type != STATEMENT:
        raise UnreadableError("this is not an in-toto Statement v1", cause=f"its type is {statement.type[:80]!r}")
    return statement


def open_record(index: int, entry: bytes, verifiers: Sequence[Verifier] | None) -> Record:
    """Decode a record; with ``verifiers``, only when one of them signed it.

    Raises:
        UnreadableError: it is not a statement in an envelope.
        TamperedError: none of ``verifiers`` signed it.
    """
    payload = dsse.read(entry)[0] if verifiers is None else dsse.verify(entry, verifiers)
    return Record(index, payload, decode(payload))
