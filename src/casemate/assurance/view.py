"""What assurance sees of a ledger: verified records, and what the system is now. No file is read in this room.

The audit room verifies the ledger, decodes its statements and fills a ``LedgerView``. Everything else here (verdicts,
the case, every report) is a pure function of that view.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from casemate.core.errors import UnreadableError
from casemate.core.exhibit import Exhibit
from casemate.core.measurement import Measurement, Pair
from casemate.core.policy import Policy

PLAN = "urn:casemate:plan:1"
LOAD = "urn:casemate:load:1"
TRIAL = "urn:casemate:trial:1"
MEASUREMENT = "urn:casemate:measurement:1"
PAIR = "urn:casemate:pair:1"
EXHIBIT = "urn:casemate:exhibit:1"

T = TypeVar("T")


class Subject(msgspec.Struct, frozen=True, order=True):
    """A model or data set that a record is about, pinned by its digest."""

    name: str
    sha256: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One verified ledger record.

    Attributes:
        index: its place in the log.
        predicate_type: "urn:casemate:<what>:1".
        predicate: the statement's predicate, as decoded JSON.
        subjects: what it is about.
        sha256: digest of the signed payload, in hexadecimal.
        time: when it was written, with a time zone; None where the ledger does not say.
        signer: who signed it.
    """

    index: int
    predicate_type: str
    predicate: dict[str, Any]
    subjects: tuple[Subject, ...]
    sha256: str
    time: datetime | None = None
    signer: str = ""


class Measured(msgspec.Struct, frozen=True):
    """A measurement and the record that holds it."""

    record: Record
    measurement: Measurement


class Paired(msgspec.Struct, frozen=True):
    """A pair and the record that holds it."""

    record: Record
    pair: Pair


class Shown(msgspec.Struct, frozen=True):
    """An exhibit and the record that holds it."""

    record: Record
    exhibit: Exhibit


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """The predicate of a plan record, as far as assurance reads it."""

    policy: Policy
    seed: int = 0
    effort: str = ""
    started: str = ""
    casemate: str = ""
    environment: dict[str, Any] = {}


@dataclasses.dataclass(frozen=True)
class LedgerView:
    """A verified ledger, and the system it speaks of as it is now.

    Attributes:
        records: all records in the order of the log.
        current: name -> SHA-256 of every model and data set as it is now; evidence about any other digest is STALE.
        now: the time that ages are counted to, with a time zone.
        system: the audited system's name, for people.
        signer: who signs this ledger.
        checkpoint: the signed note's origin, size and root hash, as the report prints them.
        verify_command: the whole command that checks the folder, key and checkpoint included.
        config: how the run's configuration is named in re-run commands.
        verified: whether the audit room has verified signatures and Merkle root before it built this view.
        skipped: assessment id, or "id on subject" -> why it could not run there (no recipe, not enough access, ...).
        excluded: control id -> the owner's signed reason why it does not apply.
    """

    records: tuple[Record, ...]
    current: dict[str, str]
    now: datetime
    system: str = ""
    signer: str = ""
    checkpoint: str = ""
    verify_command: str = ""
    config: str = "casemate.toml"
    verified: bool = False
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)
    excluded: dict[str, str] = dataclasses.field(default_factory=dict)

    @cached_property
    def measured(self) -> tuple[Measured, ...]:
        """Every measurement record.

        Raises:
            UnreadableError: a record does not hold what its predicate type promises.
        """
        found = (r for r in self.records if r.predicate_type == MEASUREMENT)
        return tuple(Measured(r, _decode(r, "measurement", Measurement)) for r in found)

    @cached_property
    def paired(self) -> tuple[Paired, ...]:
        """Every pair record.

        Raises:
            UnreadableError: a record does not hold what its predicate type promises.
        """
        return tuple(Paired(r, _decode(r, "pair", Pair)) for r in self.records if r.predicate_type == PAIR)

    @cached_property
    def exhibits(self) -> tuple[Shown, ...]:
        """Every exhibit record.

        Raises:
            UnreadableError: a record does not hold what its predicate type promises.
        """
        return tuple(Shown(r, _decode(r, "exhibit", Exhibit)) for r in self.records if r.predicate_type == EXHIBIT)

    @cached_property
    def plan_record(self) -> Record | None:
        """The last plan, or None when nothing was planned."""
        return next((r for r in reversed(self.records) if r.predicate_type == PLAN), None)

    @cached_property
    def plan(self) -> Planned | None:
        """What the last plan says.

        Raises:
            UnreadableError: the plan cannot be understood.
        """
        return None if self.plan_record is None else _convert(self.plan_record, self.plan_record.predicate, Planned)

    def not_run(self, assessment: str) -> str:
        """Why an assessment could not run on anything, or "". Keys may name one subject: "assessment on subject"."""
        found = [reason for key, reason in sorted(self.skipped.items()) if key.partition(" on ")[0] == assessment]
        return " ".join(dict.fromkeys(found))

    def stale(self, record: Record) -> str:
        """Why a record no longer speaks of the system as it is, or "" when it does."""
        for subject in record.subjects:
            now = self.current.get(subject.name)
            if now is None:
                return f"{subject.name} is no longer part of the system"
            if now != subject.sha256:
                return f"{subject.name} was {subject.sha256[:12]} when measured and is {now[:12]} now"
        return "" if record.subjects else "the record names no subject, so nothing ties it to the system"


def _decode(record: Record, field: str, kind: type[T]) -> T:
    return _convert(record, record.predicate.get(field), kind)


def _convert(record: Record, value: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise UnreadableError(
            f"record {record.index} of the ledger cannot be understood",
            cause=str(error),
            next_step="check that it was written by a compatible version of casemate",
        ) from error
