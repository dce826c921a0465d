"""Verdicts into the ledger, reports into the folder, and every file bound by digest."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from casemate.assurance.dossier import Dossier
from casemate.assurance.judging import Judgment
from casemate.assurance.report import html, junit, markdown, results, sarif
from casemate.audit.notebook import Notebook, said
from casemate.audit.view import dossier, folder_name
from casemate.core.errors import StorageError
from casemate.core.policy import Verdict
from casemate.ledger.view import verify_folder

FORMATS: Mapping[str, tuple[str, Callable[[Dossier], bytes]]] = {
    "html": ("report.html", html),
    "json": ("results.json", results),
    "sarif": ("results.sarif", sarif),
    "junit": ("junit.xml", junit),
    "markdown": ("summary.md", markdown),
}
BOUND = ("html", "json", "sarif")


@dataclass(frozen=True)
class Outcome:
    """A finished audit.

    Attributes:
        folder: the audit folder.
        dossier: everything that was judged.
        verify_command: what to type to check the folder.
    """

    folder: Path
    dossier: Dossier
    verify_command: str

    @property
    def judgments(self) -> tuple[Judgment, ...]:
        """Verdicts on figures, pairs and what is missing."""
        return self.dossier.judgments

    @property
    def exit_code(self) -> int:
        """0 when every tolerance is met, 1 when one is broken, 2 when that is not known."""
        return exit_code(judgment.verdict for judgment in self.judgments if judgment.tolerance is not None)

    @property
    def report(self) -> Path:
        """The report for people."""
        return self.folder / FORMATS["html"][0]


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """The process's exit code for these verdicts: the worst decides."""
    found = set(verdicts)
    if Verdict.FAIL in found:
        return 1
    return 2 if found & {Verdict.INCONCLUSIVE, Verdict.STALE, Verdict.NOT_EVIDENCED} else 0


def write_outcome(book: Notebook) -> Outcome:
    """Judge what the notebook holds, record the verdicts, write the reports and bind them as the last record."""
    command = f"casemate verify {folder_name(book.folder)} --key {shlex.quote(book.verifier)}"
    judged = dossier(book.records, checkpoint=book.checkpoint, verify_command=command)
    verdicts = [*judged.judgments, *(control.judgment for control in judged.controls)]
    subjects = judged.view.current
    book.record("verdict", [(said(each), _about(each, subjects)) for each in verdicts])
    if not book.settled:
        for name in BOUND:
            write(book.folder / FORMATS[name][0], FORMATS[name][1](judged))
        book.bind(FORMATS[name][0] for name in BOUND)
    return Outcome(book.folder, judged, f"{command} --checkpoint {shlex.quote(str(book.anchor))}")


def rebuild(folder: Path) -> Dossier:
    """What an audit folder's ledger holds, judged again; hashes and files are checked on the way.

    Raises:
        TamperedError: the folder does not verify.
    """
    log = verify_folder(folder)
    command = f"casemate verify {folder_name(folder)}"
    return dossier(log.records, checkpoint=log.note, verify_command=command)


def write(path: Path, content: bytes) -> None:
    """Write a file so that it is either the old one or the new one, never a part."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StorageError(f"{path.name} could not be written", cause=str(error), next_step="make room") from error


def _about(judgment: Judgment, subjects: Mapping[str, str]) -> dict[str, str]:
    return {judgment.subject: subjects[judgment.subject]} if judgment.subject in subjects else {}
