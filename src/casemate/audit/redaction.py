"""Redaction as evidence: which sample and how, signed before it is redacted, and what leaked of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from casemate.audit.notebook import Notebook, said
from casemate.audit.output import write
from casemate.audit.witness import done, planned
from casemate.core.digests import Digest
from casemate.privacy.text.assess import Assessed, document
from casemate.privacy.text.options import RedactSection

RESULTS: Final = "leaks.json"


def witness_leaks(
    folder: Path, sample: Path, section: RedactSection, make: Callable[[], Assessed], *, home: Path | None = None
) -> tuple[Assessed, str]:
    """Assess a redactor, and leave a signed ledger of it in a folder; nothing from the texts is in it.

    Args:
        folder: for the ledger and the figures; made when missing.
        sample: the labeled file.
        section: how it is redacted.
        make: redacts and attacks it.
        home: where keys lie, instead of the user's key home.

    Returns:
        What was found, and the command that verifies the folder.

    Raises:
        StorageError: a file cannot be written.
    """
    source = {sample.name: Digest.of_file(sample).hex}
    with Notebook(folder, home) as book:
        plan = planned(
            book,
            {"redaction": sample.name, "settings": {**said(section), "secret_file": bool(section.secret_file)}},
            source,
        )
        made = make()
        figures = [{"measurement": said(each), "plan": plan.digest} for each in made.measurements(sample.name)]
        book.record("measurement", [(each, source) for each in figures])
        pairs = [{"pair": said(each), "plan": plan.digest} for each in made.pairs(sample.name)]
        book.record("pair", [(each, source) for each in pairs])
        write(folder / RESULTS, msgspec.json.format(msgspec.json.encode(document(made, sample.name))) + b"\n")
        return made, done(book, folder, RESULTS)
