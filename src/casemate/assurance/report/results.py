"""results.json, schema "casemate.results/1": the stable, machine-readable form of a dossier.

Equal dossiers give equal bytes. The JSON Schema is generated from the types below into
``docs/reference/results.schema.json``.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from casemate.assurance.controls import ControlVerdict
from casemate.assurance.dossier import Dossier
from casemate.assurance.judging import Judgment
from casemate.assurance.view import Subject
from casemate.core.measurement import Measurement, Pair
from casemate.core.policy import Policy, Verdict

SCHEMA: Literal["casemate.results/1"] = "casemate.results/1"


class MeasurementRow(Measurement, frozen=True, kw_only=True):
    """A measurement, the index of its record and the digest of the signed payload."""

    record: int
    sha256: str


class PairRow(Pair, frozen=True, kw_only=True):
    """A pair, the index of its record and the digest of the signed payload."""

    record: int
    sha256: str


class PlanRow(msgspec.Struct, frozen=True, kw_only=True):
    """The plan that came before the first trial."""

    record: int
    sha256: str
    started: str
    seed: int
    effort: str
    casemate: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many verdicts are in each state. There is no score."""

    judgments: dict[Verdict, int]
    controls: dict[Verdict, int]
    frameworks: dict[str, dict[Verdict, int]]


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of results.json."""

    schema: Literal["casemate.results/1"]
    system: str
    generated: str
    signer: str
    checkpoint: str
    verified: bool
    subjects: tuple[Subject, ...]
    plan: PlanRow | None
    policy: Policy
    policy_sha256: str
    counts: Counts
    measurements: tuple[MeasurementRow, ...]
    pairs: tuple[PairRow, ...]
    verdicts: tuple[Judgment, ...]
    controls: tuple[ControlVerdict, ...]


def collect(dossier: Dossier) -> Results:
    """The results of a dossier as a value."""
    view = dossier.view
    record, plan = view.plan_record, view.plan
    return Results(
        schema=SCHEMA,
        system=view.system,
        generated=view.now.isoformat(),
        signer=view.signer,
        checkpoint=view.checkpoint,
        verified=view.verified,
        subjects=tuple(Subject(name, sha256) for name, sha256 in sorted(view.current.items())),
        plan=None
        if record is None or plan is None
        else PlanRow(
            record=record.index,
            sha256=record.sha256,
            started=plan.started,
            seed=plan.seed,
            effort=plan.effort,
            casemate=plan.casemate,
        ),
        policy=dossier.policy,
        policy_sha256=dossier.policy_digest.hex,
        counts=Counts(
            judgments=dossier.judged_counts,
            controls=dossier.control_counts,
            frameworks=dossier.framework_counts,
        ),
        measurements=tuple(
            MeasurementRow(**fields(x.measurement), record=x.record.index, sha256=x.record.sha256)
            for x in view.measured
        ),
        pairs=tuple(PairRow(**fields(x.pair), record=x.record.index, sha256=x.record.sha256) for x in view.paired),
        verdicts=dossier.judgments,
        controls=dossier.controls,
    )


def results(dossier: Dossier) -> bytes:
    """results.json, indented, ending in a line feed."""
    return msgspec.json.format(msgspec.json.encode(collect(dossier)), indent=1) + b"\n"


def results_schema() -> bytes:
    """The JSON Schema of results.json."""
    schema = msgspec.json.schema(Results)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = SCHEMA
    return msgspec.json.format(msgspec.json.encode(schema, order="sorted"), indent=2) + b"\n"


def fields(value: msgspec.Struct) -> dict[str, Any]:
    """A struct's fields, to build a wider one from."""
    return {name: getattr(value, name) for name in value.__struct_fields__}
