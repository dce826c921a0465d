"""The load guard, the one place where casemate loads a model: read once, scan those bytes, load those bytes.

There is no moment between check and use: what was scanned is what is loaded, from memory. A file is loaded only if its
scan is clean; one that the scan does not understand is never loaded either.
"""

from __future__ import annotations

import io
import os
import stat
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import joblib

from casemate.core.digests import Digest
from casemate.core.errors import UnreadableError, UnsafeArtifactError
from casemate.core.findings import Finding
from casemate.custody.allowlist import extended
from casemate.custody.scan import Scan, scan

MOST_BYTES: Final = 4 << 30
"""Largest file, and largest decompressed content, that is read unless the caller says otherwise."""


class RefusedArtifactError(UnsafeArtifactError):
    """The load guard refused a file; ``findings`` say why, ``digest`` says which file."""

    def __init__(
        self,
        message: str,
        *,
        cause: str = "",
        next_step: str = "",
        findings: tuple[Finding, ...] = (),
        digest: Digest | None = None,
    ) -> None:
        super().__init__(message, cause=cause, next_step=next_step)
        self.findings = findings
        self.digest = digest

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the findings when the error crosses a process boundary."""
        return _rebuild, (self.message, self.cause, self.next_step, self.findings, self.digest)


def _rebuild(
    message: str, cause: str, next_step: str, findings: tuple[Finding, ...], digest: Digest | None
) -> RefusedArtifactError:
    return RefusedArtifactError(message, cause=cause, next_step=next_step, findings=findings, digest=digest)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that passed the guard.

    Attributes:
        model: the object in the file.
        digest: SHA-256 of the file's bytes.
        findings: what is worth knowing about the file; never a reason not to load it.
        allowed: the user's own classes that were allowed, sorted, whether or not the file needs them.
        imported: the names that loading imported, sorted.
        warnings: what the loading libraries warned of, such as a model saved by another version.
    """

    model: Any
    digest: Digest
    findings: tuple[Finding, ...]
    allowed: tuple[str, ...]
    imported: tuple[str, ...]
    warnings: tuple[str, ...]


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
    _check(path, found)
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
        findings=found.findings,
        allowed=own,
        imported=found.imported,
        warnings=tuple(str(item.message)[:500] for item in caught),
    )


def inspect_model(path: Path | str, allow: Iterable[str] = (), *, most: int = MOST_BYTES) -> Scan:
    """Scan a model without loading it, whatever the verdict.

    Raises:
        UnreadableError: the file is missing or too large.
        UsageError: an entry of ``allow`` is not a class, or could run any code.
    """
    return scan(read_once(Path(path), most), extended(allow)[0], most=most)


def _check(path: Path, found: Scan) -> None:
    if found.findings:
        first = min(found.findings, key=lambda finding: finding.severity.rank)
        raise RefusedArtifactError(
            f"{path.name} was refused and not loaded",
            cause=f"the scan found: {first.message} [{first.rule}, {first.location}]"
            + (f" and has {len(found.findings) - 1} more findings" if len(found.findings) > 1 else ""),
            next_step=f"casemate explain {first.rule}",
            findings=found.findings,
            digest=found.digest,
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
    with open(descriptor, "rb", closefd=True) as stream:  # noqa: PTH123 - a descriptor, not a path
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError(f"{path.name} is not a regular file", next_step="give the path of the model's file")
        data = stream.read(min(status.st_size, most) + 1)
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
