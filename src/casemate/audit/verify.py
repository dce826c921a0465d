"""Verify an audit folder: the bytes by the ledger's rules, then what was concluded from them.

1  signatures, Merkle root, proofs, blobs, bound files          casemate.ledger.view
2  every verdict is derived again from the figures and policy    needs nothing but the folder
3  every figure is derived again from the kept trials            needs configuration, data, models and blob keys
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casemate.audit.audit import chosen
from casemate.audit.config import Config
from casemate.audit.engage import open_engagements
from casemate.audit.notebook import LEDGER, read_trials, said
from casemate.audit.run import conclude, scopes
from casemate.audit.view import dossier, latest
from casemate.core.digests import canonical_json
from casemate.core.errors import TamperedError
from casemate.core.observer import Silent
from casemate.keys import files
from casemate.keys.signing import Verifier
from casemate.ledger.statement import Record
from casemate.ledger.view import VerifiedLog, verify_folder

CLOSE = 1e-9
"""How much a figure derived on another machine may differ; the last digits depend on its linear algebra kernels."""


@dataclass(frozen=True)
class Verification:
    """A folder that verified.

    Attributes:
        log: the verified log.
        verdicts: verdicts derived again and found equal.
        figures: figures derived again from trials and found equal; 0 unless a configuration was given.
        caveats: what cannot be excluded.
    """

    log: VerifiedLog
    verdicts: int
    figures: int
    caveats: tuple[str, ...]


def verify(
    folder: Path,
    *,
    keys: Sequence[Verifier] = (),
    checkpoint: str | None = None,
    config: Config | None = None,
    home: Path | None = None,
) -> Verification:
    """Verify an audit folder or a ledger.

    Args:
        folder: which.
        keys: public keys trusted to sign it.
        checkpoint: text of a checkpoint kept elsewhere.
        config: derive the figures again too, from the kept trials.
        home: where the keys of blobs lie, with ``config``.

    Raises:
        TamperedError: something was changed, or a verdict or figure does not follow from what is kept.
        UsageError: there is no ledger.
    """
    log = verify_folder(folder, keys, checkpoint)
    verdicts = check_verdicts(log.records)
    figures = check_figures(folder, log.records, config, home) if config is not None else 0
    caveats = log.caveats
    if config is None:
        caveats += ("no configuration was given: figures were not derived again from the encrypted trials",)
    return Verification(log, verdicts, figures, caveats)


def check_verdicts(records: Sequence[Record]) -> int:
    """Derive every verdict again and compare with the recorded ones; returns how many.

    Raises:
        TamperedError: a recorded verdict does not follow from the figures and the policy.
    """
    if not any(record.kind == "verdict" for record in records):
        return 0
    judged = dossier(records)
    derived = [*judged.judgments, *(control.judgment for control in judged.controls)]
    recorded = {canonical_json(record.predicate) for record in records if record.kind == "verdict"}
    for each in derived:
        if canonical_json(said(each)) not in recorded:
            about = str(each.control) if each.control else each.tolerance.name if each.tolerance else each.assessment
            raise TamperedError(
                f"the verdict on {about} ({each.subject or 'the system'}) is not the one that follows",
                cause=f"the figures and the policy give {each.verdict}",
                next_step="compare the casemate version in the plan with this one; if equal, do not trust this folder",
            )
    return len(derived)


def check_figures(folder: Path, records: Sequence[Record], config: Config, home: Path | None) -> int:
    """Derive every current figure of the configured models again from the kept trials; returns how many.

    Raises:
        TamperedError: a recorded figure is not the one that follows from its trials.
        UsageError: the keys of the blobs are not here.
    """
    opened = open_engagements(config, Silent(), home)
    kept = read_trials(folder / LEDGER, records, home or files.default_home())
    recorded: dict[bytes, list[dict[str, Any]]] = {}
    for record in latest(records):
        if record.kind == "measurement":
            found = record.predicate["measurement"]
            recorded.setdefault(_name(found), []).append(found)
    count = 0
    for each in scopes(opened.engagements.values(), chosen(config)):
        if each.not_applicable:
            continue
        for measurement in conclude(each, kept(each)).measurements:
            if not any(same_figure(said(measurement), other) for other in recorded.get(_name(said(measurement)), ())):
                raise TamperedError(
                    f"{measurement.metric} of {measurement.kind} on {measurement.subject} does not follow "
                    "from the kept trials",
                    next_step="check that configuration, data and models are those of the audit",
                )
            count += 1
    return count


def same_figure(derived: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    """Whether two figures agree: numbers up to what another processor's kernels change, all else exactly."""
    for name, value in recorded.items():
        other = derived.get(name)
        if isinstance(value, float) and isinstance(other, float):
            if not math.isclose(value, other, rel_tol=CLOSE, abs_tol=CLOSE):
                return False
        elif canonical_json(value) != canonical_json(other):
            return False
    return True


def _name(figure: Mapping[str, Any]) -> bytes:
    """What tells a figure from all others, as bytes."""
    return canonical_json([figure[part] for part in ("subject", "assessment", "kind", "metric", "at")])
