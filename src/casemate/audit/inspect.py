"""Looking into a ledger without changing it: what it says, and proofs for others."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casemate.audit.notebook import LEDGER
from casemate.core.digests import canonical_json
from casemate.core.errors import UsageError
from casemate.ledger.disk import FolderDisk
from casemate.ledger.reader import Reader
from casemate.ledger.statement import Record
from casemate.ledger.view import VerifiedLog, verify_folder


@dataclass(frozen=True)
class Summary:
    """One record in one line."""

    index: int
    kind: str
    about: str
    says: str


def opened(folder: Path) -> VerifiedLog:
    """The records of an audit folder, hashes checked."""
    return verify_folder(folder / LEDGER if (folder / LEDGER).is_dir() else folder)


def summaries(folder: Path, kind: str | None = None) -> Iterator[Summary]:
    """Every record, or those of one kind, in a line each."""
    for record in _of(opened(folder), kind):
        about = ", ".join(subject.name for subject in record.subject) or "-"
        yield Summary(record.index, record.kind, about, _says(record.kind, record.predicate))


def show_record(folder: Path, index: int) -> bytes:
    """One record's statement, as JSON."""
    log = opened(folder)
    _within(log, index)
    return log.records[index].payload


def proof_of(folder: Path, index: int) -> bytes:
    """A record, its inclusion proof (RFC 6962, section 2.1.1) and the checkpoint, as JSON with base64 hashes."""
    log = opened(folder)
    _within(log, index)
    reader = Reader(FolderDisk(log.folder), log.checkpoint.size)
    proof = reader.tree.inclusion(index)
    return canonical_json(
        {
            "schema": "casemate.inclusion/1",
            "index": index,
            "entry": base64.b64encode(reader.entry(index)).decode(),
            "proof": [base64.b64encode(node).decode() for node in proof],
            "checkpoint": log.note,
        }
    )


def export_records(folder: Path, kind: str | None = None) -> Iterator[bytes]:
    """The signed envelopes, as they stand in the log."""
    log = opened(folder)
    wanted = {record.index for record in _of(log, kind)}
    reader = Reader(FolderDisk(log.folder), log.checkpoint.size)
    for index, entry in enumerate(reader.entries()):
        if index in wanted:
            yield entry


def _of(log: VerifiedLog, kind: str | None) -> list[Record]:
    return log.records if kind is None else log.of_kind(kind)


def _within(log: VerifiedLog, index: int) -> None:
    if not 0 <= index < len(log.records):
        raise UsageError(f"there is no record {index}", next_step=f"the ledger has records 0 to {len(log.records) - 1}")


def _says(kind: str, predicate: dict[str, Any]) -> str:
    if kind == "plan":
        return f"{len(predicate['assessments'])} assessments, seed {predicate['seed']}, {predicate['effort']}"
    if kind == "trial":
        return f"{predicate['assessment']} {predicate['task']}, {predicate['seconds']:.2f} s"
    if kind == "measurement":
        found = predicate["measurement"]
        return f"{found['kind']} {found['metric']} {found['at'] or ''} = {found['estimate']:.4g}"
    if kind == "pair":
        found = predicate["pair"]
        return f"{found['defense']}: {found['after']['metric']} {found['difference']:+.4g}"
    if kind == "verdict":
        return f"{predicate['verdict']}: {predicate['reason']}"
    if kind == "load":
        return f"{predicate['path']}: {predicate['verdict']}"
    return f"{len(predicate.get('files', predicate))} files" if kind == "binding" else ""
