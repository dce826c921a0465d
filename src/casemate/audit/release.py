"""A released table as evidence: what was asked of it, signed before the first attack, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from casemate.audit.notebook import Notebook, said
from casemate.audit.output import write
from casemate.audit.witness import done, planned
from casemate.core.digests import Digest
from casemate.core.measurement import Measurement
from casemate.core.threat import Access, ThreatModel
from casemate.privacy.tables.options import AnonymizeSection
from casemate.privacy.tables.publishing import Publication

RESULTS: Final = "release.json"


def witness(
    folder: Path, table: Path, section: AnonymizeSection, make: Callable[[], Publication],
    report: Callable[[Publication], tuple[bytes, Mapping[str, str]]], *, home: Path | None = None,
) -> tuple[Publication, str]:  # fmt: skip
    """Release a table, and leave a signed ledger of it in a folder.

    Args:
        folder: for the ledger and the report; made when missing.
        table: the file that is released.
        section: what is asked for.
        make: releases and attacks it.
        report: the report as bytes, and the digests of the files that were written, by name.
        home: where keys lie, instead of the user's key home.

    Returns:
        What was released, and the command that verifies the folder.

    Raises:
        StorageError: a file cannot be written.
    """
    source = {table.name: Digest.of_file(table).hex}
    with Notebook(folder, home) as book:
        plan = planned(book, {"release": table.name, "settings": said(section)}, source)
        made = make()
        content, written = report(made)
        about = {**source, **written}
        size = {"measurement": said(_size(made, table.name, section.seed)), "plan": plan.digest}
        book.record("measurement", [(size, about)])
        for each in made.attacks.comparisons if made.attacks else ():
            figures = each.measurements(table.name, section.seed)
            book.record("measurement", [({"measurement": said(m), "plan": plan.digest}, about) for m in figures])
            pair = each.pair(table.name, section.seed)
            book.record("pair", [({"pair": said(pair), "plan": plan.digest}, about)])
        write(folder / RESULTS, content)
        return made, done(book, folder, RESULTS)


def _size(made: Publication, subject: str, seed: int) -> Measurement:
    """How many released rows agree at least, counted on them."""
    return Measurement(
        assessment="tables.classes",
        kind="data/anonymity",
        metric="k",
        subject=subject,
        at={"quasi-identifiers": ", ".join(made.release.quasi_identifiers)},
        unit="rows",
        direction="higher",
        estimate=float(made.release.cells.size.min()),
        low=None,
        high=None,
        n=len(made.release.table),
        k=None,
        method="counted",
        threat_model=ThreatModel(
            goal="tell released rows apart",
            knowledge=("all quasi-identifiers that were named, and nothing else",),
            access=Access.LABELS,
            queries=0,
        ),
        seed=seed,
    )
