"""Work outside of an audit as evidence: its plan signed before it begins, its results bound when it is done."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from casemate import __version__
from casemate.audit.notebook import Notebook
from casemate.audit.plan import environment
from casemate.audit.view import folder_name
from casemate.ledger.statement import Record


def planned(book: Notebook, about: Mapping[str, Any], source: Mapping[str, str]) -> Record:
    """What will be done, on record.

    Args:
        book: of the evidence.
        about: what kind of work, on what, with which settings.
        source: digests of the files that it is about, by name.
    """
    plan = {
        **about,
        "casemate": __version__,
        "environment": environment(),
        "started": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "signer": book.verifier,
    }
    return book.record("plan", [(plan, source)])[0]


def done(book: Notebook, folder: Path, *names: str) -> str:
    """Bind files of the folder beside what was bound there before, as by an audit; the command that verifies all."""
    bound = next((each for each in reversed(book.records) if each.kind == "binding"), None)
    book.bind({*names, *(bound.predicate["files"] if bound else ())})
    command = f"casemate verify {folder_name(folder)} --key {shlex.quote(book.verifier)}"
    return f"{command} --checkpoint {shlex.quote(str(book.anchor))}"
