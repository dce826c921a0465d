"""The load guard, the one place where casemate loads a model: read once, scan those bytes, load those bytes.

There is no moment between check and use: what was scanned is what is loaded, from memory. A file is loaded only if its
scan is clean; one that the scan does not understand is never loaded either.
"""

from __future__ import annotations

import io
import os
import stat
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import joblib
import msgspec

from casemate.core.digests import Digest
from casemate.core.errors import UnreadableError, UnsafeArtifactError
from casemate.core.findings import Finding
from casemate.threats.supply_chain.pickles.allowlist import extended
from casemate.threats.supply_chain.pickles.scan import Scan, scan
from casemate.threats.supply_chain.rules import rule_for

MOST_BYTES: Final = 4 << 30
"""Largest file, and largest decompressed content, that is read unless the caller says otherwise."""


class RefusedArtifactError(UnsafeArtifactError):
    """The load guard refused a file; ``findings`` say why, ``record`` is the evidence of it."""

    def __init__(
        self,
        message: str,
        *,
        cause: str = "",
        next_step: str = "",
        findings: tuple[Finding, ...] = (),
        record: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message, cause=cause, next_step=next_step)
        self.findings = findings
        self.record = record or {}

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the findings when the error crosses a process boundary."""
        return _rebuild, (self.message, self.cause, self.next_step, self.findings, self.record)


def _rebuild(
    message: str, cause: str, next_step: str, findings: tuple[Finding, ...], record: dict[str, object]
) -> RefusedArtifactError:
    return RefusedArtifactError(message, cause=cause, next_step=next_step, findings=findings, record=record)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that passed the guard.

    Attributes:
        model: the object in the file.
        path: the file's name, without its folder.
        digest: SHA-256 of the file's bytes.
        findings: what is worth knowing, such as another version of a library; never a reason not to load.
        allowed: the user's own classes that were allowed, sorted, whether or not the file needs them.
        imported: the names that loading imported, sorted.
    """

    model: Any
    path: str
    digest: Digest
    findings: tuple[Finding, ...]
    allowed: tuple[str, ...]
    imported: tuple[str, ...]

    def evidence(self) -> dict[str, object]:
        """The predicate of the ledger's ``load`` record."""
        return load_record(self.path, self.digest, "clean", self.allowed, self.findings)


def open_model(path: Path | str, allow: Iterable[str] = (), *, most: int = MOST_BYTES) -> Loaded:
    """Load a model that was saved by joblib or pickle, if nothing in its file can run code of the author's choice.

    Args:
        path: the file; it is opened once.
        allow: classes of your own that the file may contain, as "package.module:Class".
        most: bytes that the file, and its decompressed content, may have.

    Raises:
        UnsafeArtifactError: the file does something that no honest model does; nothing was loaded. Exit code 1.
        UnreadableError: the file is missing, too large, or not understood; nothing was loaded.
        UsageError: an entry of ``allow`` is not a class, or could run any code.

    Example:
        >>> import joblib, tempfile
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     names = joblib.dump(DecisionTreeClassifier().fit([[0], [1]], [0, 1]), f"{folder}/model.joblib")
        ...     open_model(names[0]).model.predict([[1]]).tolist()
        [1]
    """
    path = Path(path)
    allowed, own = extended(allow)
    found = scan(read_once(path, most), allowed, most=most)
    _check(path, found, own)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = joblib.load(io.BytesIO(found.content))  # noqa: TID251 - the one place; these bytes were scanned
    except Exception as error:
        raise UnreadableError(
            f"{path.name} cannot be loaded",
            cause=f"its libraries refuse it ({type(error).__name__}: {str(error)[:200]})",
            next_step="install the versions of the libraries that saved the model",
        ) from error
    return Loaded(
        model=model,
        digest=found.digest,
        path=path.name,
        findings=_notes(caught),
        allowed=own,
        imported=found.imported,
    )


def load_record(
    name: str, digest: Digest, verdict: str, allowed: Sequence[str], findings: Sequence[Finding]
) -> dict[str, object]:
    """The predicate ``urn:casemate:load:1``: what the load guard decided about a file, and why."""
    return {
        "path": name,
        "sha256": digest.hex,
        "verdict": verdict,
        "allowed": list(allowed),
        "findings": [msgspec.to_builtins(finding) for finding in findings],
    }


def _notes(caught: Sequence[warnings.WarningMessage]) -> tuple[Finding, ...]:
    said = dict.fromkeys(" ".join(str(each.message).split())[:300] for each in caught)
    rule = rule_for("guard.warned")
    return tuple(Finding(rule=rule.id, severity=rule.severity, message=text) for text in said)


def inspect_model(path: Path | str, allow: Iterable[str] = (), *, most: int = MOST_BYTES) -> Scan:
    """Scan a model without loading it, whatever the verdict.

    Raises:
        UnreadableError: the file is missing or too large.
        UsageError: an entry of ``allow`` is not a class, or could run any code.
    """
    return scan(read_once(Path(path), most), extended(allow)[0], most=most)


def _check(path: Path, found: Scan, own: tuple[str, ...]) -> None:
    if found.findings:
        first = min(found.findings, key=lambda finding: finding.severity.rank)
        raise RefusedArtifactError(
            f"{path.name} was refused and not loaded",
            cause=f"the scan found: {first.message} [{first.rule}, {first.location}]"
            + (f" and has {len(found.findings) - 1} more findings" if len(found.findings) > 1 else ""),
            next_step=f"casemate explain {first.rule}",
            findings=found.findings,
            record=load_record(path.name, found.digest, found.verdict, own, found.findings),
        )
    if found.unreadable:
        raise UnreadableError(
            f"{path.name} is not a model that can be read",
            cause=found.unreadable,
            next_step="check that the file is whole, and was saved by joblib.dump or pickle",
        )


def read_once(path: Path, most: int) -> bytes:
    """A regular file's bytes through one descriptor, at most ``most`` of them.

    Raises:
        UnreadableError: the file is missing, not a regular file, empty, or larger.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UnreadableError(
            f"{path.name} cannot be opened", cause=error.strerror or "", next_step="check the path and its permissions"
        ) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError(f"{path.name} is not a regular file", next_step="give the path of the model's file")
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            data = stream.read(min(status.st_size, most) + 1)
    finally:
        os.close(descriptor)
    if len(data) > most:
        raise UnreadableError(
            f"{path.name} is larger than {most} bytes",
            cause="the load guard reads a bounded number of bytes",
            next_step="raise the limit if the file is yours",
        )
    if len(data) > status.st_size:
        raise UnreadableError(f"{path.name} grows while it is read", next_step="try again when it is written")
    if not data:
        raise UnreadableError(f"{path.name} is empty", next_step="save the model again")
    return data
