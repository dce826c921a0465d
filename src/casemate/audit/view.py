"""From ledger records to the view that assurance judges."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from casemate.assurance import view as seen
from casemate.assurance.catalog import Catalog, load_catalog
from casemate.assurance.dossier import Dossier, assemble
from casemate.audit.pair import pair_key
from casemate.audit.registry import registry
from casemate.core.errors import UsageError
from casemate.core.exhibit import Exhibit
from casemate.core.measurement import Measurement, Pair
from casemate.core.policy import Policy
from casemate.ledger.statement import Record

CONFIG = "casemate.toml"
JUDGED = ("plan", "load", "trial", "measurement", "pair", "finding", "exhibit", "certificate")


def catalog() -> Catalog:
    """The built-in control map, read against every declaration there is."""
    known = registry()
    return load_catalog(tuple(known.assessments.values()), tuple(known.defenses.values()))


def dossier(
    records: Sequence[Record], *, checkpoint: str = "", verify_command: str = "", config: str = CONFIG
) -> Dossier:
    """Judge what a ledger holds, by the policy of its last plan.

    Args:
        records: verified records of one ledger.
        checkpoint: the signed checkpoint over them.
        verify_command: what a reader types to check them.
        config: how re-run commands name the configuration.
    """
    plans = [record for record in records if record.kind == "plan"]
    if not plans:
        raise UsageError("the ledger holds no plan", next_step="run casemate audit first")
    current: dict[str, str] = {}
    for plan in plans:
        current |= {subject.name: subject.digest["sha256"] for subject in plan.subject}
    for record in records:
        if record.kind == "load":
            current |= {subject.name: subject.digest["sha256"] for subject in record.subject}
    last = plans[-1].predicate
    signer = str(last["signer"])
    view = seen.LedgerView(
        records=tuple(_seen(record, str(last["started"]), signer) for record in latest(records)),
        current=current,
        now=datetime.fromisoformat(str(last["started"])),
        system=str(last["system"]),
        signer=signer,
        checkpoint=checkpoint,
        verify_command=verify_command,
        config=config,
        verified=True,
        skipped={
            f"{item['assessment']} on {item['subject']}": item["not_applicable"]
            for plan in plans
            for item in plan.predicate["assessments"]
            if item["not_applicable"]
        },
    )
    return assemble(view, msgspec.convert(last["policy"], Policy), catalog())


def latest(records: Iterable[Record]) -> list[Record]:
    """The records that are judged: of figures that were measured again, only the last; in the order of the ledger."""
    kept: dict[Hashable, Record] = {}
    for record in records:
        if record.kind in JUDGED:
            kept.pop(_same(record), None)
            kept[_same(record)] = record
    return sorted(kept.values(), key=lambda record: record.index)


def _same(record: Record) -> Hashable:
    if record.kind == "measurement":
        found = msgspec.convert(record.predicate["measurement"], Measurement)
        return "measurement", found.subject, found.key
    if record.kind == "pair":
        pair = msgspec.convert(record.predicate["pair"], Pair)
        return "pair", pair.defense, pair.after.subject, pair_key(pair.after)
    if record.kind == "exhibit":
        shown = msgspec.convert(record.predicate["exhibit"], Exhibit)
        return "exhibit", shown.assessment, shown.subject, shown.title
    return record.index


def _seen(record: Record, time: str, signer: str) -> seen.Record:
    return seen.Record(
        index=record.index,
        predicate_type=record.statement.predicate_type,
        predicate=record.predicate,
        subjects=tuple(seen.Subject(subject.name, subject.digest["sha256"]) for subject in record.subject),
        sha256=record.digest,
        time=datetime.fromisoformat(time).astimezone(UTC),
        signer=signer,
    )


def folder_name(folder: Path) -> str:
    """How commands in reports name an audit folder: its name, never a path of this machine."""
    return folder.name or "audit"
