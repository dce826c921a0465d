"""Models saved by joblib or pickle, as audits load them: read once, scan those bytes, load those bytes.

There is no moment between check and use: what was scanned is what is loaded, from memory. A file is loaded only if its
scan is clean; one that the scan does not understand is never loaded either.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from casemate.core.errors import CasemateError, UnreadableError
from casemate.core.findings import Finding
from casemate.custody.guard.confined import unpickle
from casemate.custody.guard.outcome import Loaded, load_record, refusal
from casemate.custody.guard.policy import MOST_BYTES, Subject, Verifier
from casemate.custody.guard.sealed import opened, seal
from casemate.threats.supply_chain.pickles.allowlist import extended
from casemate.threats.supply_chain.pickles.scan import Scan, scan
from casemate.threats.supply_chain.rules import rule_for


def open_model(
    path: Path | str, allow: Iterable[str] = (), *, most: int = MOST_BYTES, verifiers: Sequence[Verifier] = ()
) -> Loaded:
    """Load a model that was saved by joblib or pickle, if nothing in its file can run code of the author's choice.

    Args:
        path: the file; it is opened once.
        allow: classes of your own that the file may contain, as "package.module:Class".
        most: bytes that the file, and its decompressed content, may have.
        verifiers: all must vouch for the bytes.

    Raises:
        TamperedError: a verifier does not vouch for these bytes; nothing was loaded. Exit code 4.
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
    verified = tuple(each.verify(Subject(path, {path.name: found.digest})) for each in verifiers)
    if found.findings:
        raise refusal(
            path.name, found.findings, load_record(path.name, found.digest, found.verdict, own, found.findings)
        )
    if found.unreadable:
        raise UnreadableError(
            f"{path.name} is not a model that can be read",
            cause=found.unreadable,
            next_step="check that the file is whole, and was saved by joblib.dump or pickle",
        )
    with Listening(path.name) as heard:
        model = unpickle(found.content, found.imported)
    return Loaded(
        model=model,
        digest=found.digest,
        path=path.name,
        findings=heard.notes,
        allowed=own,
        imported=found.imported,
        verified=verified,
    )


def inspect_model(path: Path | str, allow: Iterable[str] = (), *, most: int = MOST_BYTES) -> Scan:
    """Scan a model without loading it, whatever the verdict.

    Raises:
        UnreadableError: the file is missing or too large.
        UsageError: an entry of ``allow`` is not a class, or could run any code.
    """
    return scan(read_once(Path(path), most), extended(allow)[0], most=most)


def read_once(path: Path, most: int) -> bytes:
    """A regular file's bytes through one descriptor, at most ``most`` of them.

    Raises:
        UnreadableError: the file is missing, not a regular file, empty, larger, or changes while it is read.
    """
    with opened(path) as descriptor:
        return seal(descriptor, path.name, most).data[:]


class Listening:
    """While a library loads: its warnings become findings, and its errors one of ours.

    Args:
        name: the file's.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: tuple[Finding, ...] = ()
        self._warnings = warnings.catch_warnings(record=True)
        self._caught: Sequence[warnings.WarningMessage] = ()

    def __enter__(self) -> Listening:
        caught = self._warnings.__enter__()
        self._caught = () if caught is None else caught  # the list is empty now and fills later
        warnings.simplefilter("always")
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """Keep what was said.

        Raises:
            UnreadableError: the library raised.
        """
        self._warnings.__exit__(kind, error, trace)
        said = dict.fromkeys(" ".join(str(each.message).split())[:300] for each in self._caught)
        rule = rule_for("guard.warned")
        self.notes = tuple(Finding(rule=rule.id, severity=rule.severity, message=text) for text in said)
        if isinstance(error, Exception) and not isinstance(error, CasemateError):
            raise UnreadableError(
                f"{self.name} cannot be loaded",
                cause=f"its libraries refuse it ({type(error).__name__}: {str(error)[:200]})",
                next_step="install the versions of the libraries that saved the model",
            ) from error
