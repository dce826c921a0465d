"""An audit folder as the audit engine would leave it: small, complete, and signed."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from casemate.keys.ed25519 import Ed25519Signer
from casemate.keys.signing import vkey
from casemate.ledger.blobs import Blobs
from casemate.ledger.keyring import Keyring
from casemate.ledger.ledger import Ledger
from casemate.ledger.statement import encode, seal
from casemate.ledger.view import bind_files

SIGNER = Ed25519Signer("example.org/audits", bytes(range(32)))
STRANGER = Ed25519Signer("example.org/audits", bytes(range(1, 33)))
SUBJECT = {"model.joblib": "ab" * 32}


class Audit(NamedTuple):
    """The folder, where its blobs' keys are, and what a careful user kept elsewhere."""

    folder: Path
    keyring: Path
    key: str
    checkpoint: str


def measurement(k: int, n: int, low: float, high: float, **more: Any) -> dict[str, Any]:
    return {
        "assessment": "inversion.membership", "kind": "attack/membership/lira", "metric": "tpr", "subject": "model",
        "estimate": k / n, "low": low, "high": high, "n": n, "k": k, "method": "clopper-pearson", "confidence": 0.95,
        "seed": 7, "at": {"fpr": 0.01}, **more,
    }  # fmt: skip


# exact intervals, to all digits, from scipy.stats.binomtest(k, n).proportion_ci(0.95, "exact")
NONE_OF_50 = measurement(0, 50, 0.0, 0.07112173646419656, at={"fpr": 0.001})
TEN_OF_50 = measurement(10, 50, 0.10030223747222769, 0.33718310838351306)


def tolerance(at_most: float) -> dict[str, Any]:
    return {"name": "membership", "kind": "attack/membership/*", "metric": "tpr", "at_most": at_most, "at_least": None}


Edit = Callable[[list[tuple[str, dict[str, Any]]], dict[str, Any]], None]
"""Changes the records and results before they are signed."""


def make_audit(base: Path, trials: int = 8, edit: Edit | None = None) -> Audit:
    """Write an audit folder: plan, trials with blobs, measurements, a pair, verdicts, files and the binding record."""
    folder = base / "audit"
    keyring = base / "home" / "blobs.keys"
    with Ledger.create(folder / "ledger", [SIGNER]) as ledger:
        blobs = Blobs(folder / "ledger", Keyring(keyring))
        plan = {"policy": {}, "seed": 7}
        digest = hashlib.sha256(encode("plan", plan, SUBJECT)).hexdigest()
        names = blobs.put_many([f"scores of trial {number}".encode() * 9 for number in range(trials)])
        records: list[tuple[str, dict[str, Any]]] = [("plan", plan)]
        records += [("trial", {"plan": digest, "task": name[:4], "blob": name}) for name in names]
        at = len(records)
        for one in (TEN_OF_50, NONE_OF_50):
            records.append(("measurement", {"plan": digest, "measurement": one, "trials": [names[0][:4]]}))
        pair = {"before": TEN_OF_50, "after": NONE_OF_50, "adaptive": True}
        records.append(("pair", {"plan": digest, "pair": pair}))
        for index, verdict, limit in (
            (at, "FAIL", 0.05),
            (at, "INCONCLUSIVE", 0.2),
            (at + 1, "PASS", 0.1),
            (at + 2, "PASS", 0.1),
        ):
            records.append(
                ("verdict", {"record": index, "tolerance": tolerance(limit), "verdict": verdict, "reason": ""})
            )
        results: dict[str, Any] = {"schema": "casemate.results/1", "measurements": [TEN_OF_50, NONE_OF_50]}
        if edit is not None:
            edit(records, results)
        ledger.append_many([seal(kind, predicate, SUBJECT, [SIGNER]) for kind, predicate in records])
        (folder / "results.json").write_text(json.dumps(results))
        (folder / "report.html").write_text("<!doctype html><title>Report</title><p>10 of 50</p>\n")
        (folder / "more").mkdir()
        (folder / "more" / "results.sarif").write_text('{"version": "2.1.0"}')
        ledger.append(seal("binding", {"files": bind_files(folder)}, {}, [SIGNER]))
        checkpoint = ledger.checkpoint
    return Audit(folder, keyring, vkey(SIGNER.verifier), checkpoint)


def die(ledger: Ledger) -> None:
    """What the end of the process does to an open ledger."""
    ledger._writer.abandon()
    assert ledger._unlock is not None
    ledger._unlock()


def independent_verifier() -> ModuleType:
    """tools/verify_ledger.py, loaded from its file as a user would run it."""
    path = Path(__file__).parents[2] / "tools" / "verify_ledger.py"
    spec = importlib.util.spec_from_file_location("verify_ledger", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
