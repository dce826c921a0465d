"""From a pickle to a format that holds no code: torch state dicts to safetensors, estimators to skops.

A state dict is converted without unpickling. An estimator has to be loaded to be written anew, so it is loaded by the
load guard, and the new file is scanned before it is published. What is converted is what was scanned, by its digest.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from casemate.core.digests import Digest
from casemate.core.errors import StorageError, UnreadableError, UnsafeArtifactError, UsageError
from casemate.core.optional import require
from casemate.custody.guard.load import load
from casemate.custody.guard.models import read_once
from casemate.custody.guard.policy import MOST_BYTES, Policy
from casemate.threats.supply_chain.convert import to_safetensors
from casemate.threats.supply_chain.files import scan_bytes
from casemate.threats.supply_chain.pickles.allowlist import extended
from casemate.threats.supply_chain.report import Settings
from casemate.threats.supply_chain.verdict import Verdict

SUFFIXES: Final = (".safetensors", ".skops")
"""Where a conversion may lead."""

_SHOWN: Final = 5


def check_goal(goal: Path) -> None:
    """Refuse a goal before anything is scanned.

    Raises:
        UsageError: nothing converts to that format, or something is there already.
    """
    if goal.suffix not in SUFFIXES:
        raise UsageError(
            f"nothing is converted to {goal.name!r}",
            cause="the name's end says the format",
            next_step="give a name that ends in .safetensors (torch state dicts) or .skops (joblib, pickle)",
        )
    if os.path.lexists(goal):
        raise UsageError(f"{goal.name} is there already", next_step="give another name, or move it away")


def convert(path: Path, goal: Path, *, sha256: str = "", allow: Iterable[str] = ()) -> str:
    """Convert a model's file; the goal appears whole or not at all.

    Args:
        path: a torch state dict, or a model of joblib or pickle.
        goal: where the result goes; its suffix says the format.
        sha256: digest of the bytes that were scanned, in hexadecimal, or "" where nobody has.
        allow: classes of your own that the file may hold, as "package.module:Class".

    Returns:
        What was written, in one sentence without its full stop.

    Raises:
        UsageError: see ``check_goal``.
        UnsafeArtifactError: the file holds more than can be converted, or the result would not be clean.
        UnreadableError: it cannot be read, or is not the file that was scanned.
        MissingPartError: skops is not installed.
        StorageError: the result cannot be written.
    """
    check_goal(goal)
    said, content = _tensors(path, sha256) if goal.suffix == ".safetensors" else _estimator(path, sha256, tuple(allow))
    _publish(goal, content)
    return f"{goal.name}: {said}"


def _tensors(path: Path, sha256: str) -> tuple[str, bytes]:
    data = read_once(path, MOST_BYTES)
    _require_same(path, Digest.of(data).hex, sha256)
    made = to_safetensors(data)
    said = f"{made.tensors} tensors"
    if made.values:
        more = f" and {len(made.values) - _SHOWN} more" if len(made.values) > _SHOWN else ""
        said += f"; the metadata holds {', '.join(made.values[:_SHOWN])}{more}"
    return said, made.content


def _estimator(path: Path, sha256: str, allow: tuple[str, ...]) -> tuple[str, bytes]:
    loaded = load(path, Policy(allow=allow, kinds=frozenset({"pickle"})))
    _require_same(path, loaded.digest.hex, sha256)
    skops = require("skops.io", extra="skops")
    try:
        content: bytes = skops.dumps(loaded.model)
    except Exception as error:
        raise UnreadableError(
            f"{path.name} cannot be written by skops",
            cause=f"{type(error).__name__}: {str(error)[:200]}",
            next_step="keep the file as it is, and load it through the load guard",
        ) from error
    found = scan_bytes(content, Settings(allow=extended(allow)[0]))
    if found.verdict is not Verdict.CLEAN:
        why = found.reason or next(finding.message for finding in found.findings)
        raise UnsafeArtifactError(
            f"{path.name} does not become a clean skops file",
            cause=why,
            next_step="keep the file as it is, and load it through the load guard",
        )
    return f"a {type(loaded.model).__name__} in {len(content):,} bytes", content


def _require_same(path: Path, digest: str, sha256: str) -> None:
    if sha256 and digest != sha256:
        raise UnreadableError(f"{path.name} changed after it was scanned", next_step="try again when it is written")


def _publish(goal: Path, content: bytes) -> None:
    part = goal.with_name(f".{goal.name}.part")
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(part, goal)  # unlike a rename, this replaces nothing that has come meanwhile
    except FileExistsError as error:
        raise UsageError(f"{goal.name} is there already", next_step="give another name, or move it away") from error
    except OSError as error:
        raise StorageError(
            f"{goal.name} cannot be written", cause=error.strerror or str(error), next_step="check the folder"
        ) from error
    finally:
        part.unlink(missing_ok=True)
