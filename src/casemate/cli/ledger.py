"""``casemate ledger``."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from cyclopts import App
from rich.table import Table

from casemate.audit.inspect import export_records, proof_of, show_record, summaries
from casemate.cli.terminal import console

app = App(name="ledger", help="Show, prove and export what the ledger of an audit folder holds.")


@app.command
def show(path: Path = Path("audit"), /, *, record: int | None = None, kind: str | None = None) -> int:
    """List the records of a ledger, or print one.

    Examples:
      casemate ledger show audit --kind measurement
      casemate ledger show audit --record 0

    Args:
        path: audit folder.
        record: print this record as JSON.
        kind: list only records of this kind.
    """
    if record is not None:
        sys.stdout.buffer.write(msgspec.json.format(show_record(path, record)) + b"\n")
        return 0
    table = Table(box=None, pad_edge=False)
    for heading in ("record", "kind", "about", "says"):
        table.add_column(heading)
    for line in summaries(path, kind):
        table.add_row(str(line.index), line.kind, line.about, line.says)
    console().print(table)
    return 0


@app.command
def prove(path: Path = Path("audit"), /, *, record: int) -> int:
    """Print a proof that a record is in the log: anyone can check it with the record and the checkpoint alone.

    Example: casemate ledger prove audit --record 3 > record-3.proof.json

    Args:
        path: audit folder.
        record: which.
    """
    sys.stdout.buffer.write(msgspec.json.format(proof_of(path, record)) + b"\n")
    return 0


@app.command
def export(path: Path = Path("audit"), /, *, kind: str | None = None) -> int:
    """Print the signed records, one DSSE envelope a line.

    Example: casemate ledger export audit --kind measurement > measurements.jsonl

    Args:
        path: audit folder.
        kind: only records of this kind.
    """
    for line in export_records(path, kind):
        sys.stdout.buffer.write(line + b"\n")
    return 0
