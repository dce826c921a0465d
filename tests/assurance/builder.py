"""A realistic audit of a clinical risk model, made up for the tests: the figures are drawn, the shapes are real."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from casemate.assurance import Catalog, Control, ControlId, Dossier, LedgerView, Record, Subject, assemble, load_catalog
from casemate.assurance.view import LOAD, MEASUREMENT, PAIR, PLAN, TRIAL
from casemate.core.declarations import AssessmentSpec, DefenseSpec, MetricSpec
from casemate.core.findings import Rule, Severity
from casemate.core.measurement import Direction, Measurement, Pair, Quality
from casemate.core.policy import Policy, Tolerance
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.stats import clopper_pearson

START = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
SEED = 20261120


def sha(text: str) -> str:
    """A digest to name things with."""
    return hashlib.sha256(text.encode()).hexdigest()


def _rule(id: str, title: str, severity: Severity, why: str, how: str, fix: str, *references: str) -> Rule:
    return Rule(id=id, title=title, severity=severity, why=why, how=how, fix=fix, references=references)


def _metric(name: str, direction: Direction = "lower", unit: str = "proportion", least_n: int = 30) -> MetricSpec:
    return MetricSpec(name=name, unit=unit, direction=direction, least_n=least_n)


ASSESSMENTS: tuple[AssessmentSpec, ...] = (
    AssessmentSpec(
        id="inversion.membership",
        title="Membership inference",
        kinds=("attack/membership/lira",),
        metrics=(_metric("tpr"), _metric("auc", unit="auc"), _metric("advantage")),
        access=Access.SCORES,
        factory="casemate.threats.inversion:Membership",
        rule=_rule(
            "CM-INV-001",
            "Training records can be recognized",
            Severity.HIGH,
            "Whoever can tell that a patient is in the training data of a hospital's model knows that the patient was "
            "treated there.",
            "A likelihood-ratio attack against every training record, with as many records the model never saw.",
            "Train with stronger regularization or differential privacy, or answer with labels only; then run the "
            "attack again.",
            "Carlini et al. 2022, Membership inference attacks from first principles, section 4",
        ),
    ),
    AssessmentSpec(
        id="inversion.attribute",
        title="Attribute inference",
        kinds=("attack/inversion/attribute",),
        metrics=(_metric("advantage"),),
        access=Access.SCORES,
        factory="casemate.threats.inversion:Attribute",
        rule=_rule(
            "CM-INV-002",
            "A sensitive attribute can be inferred",
            Severity.MEDIUM,
            "The model tells more about a patient's race or sex than the rest of the record does.",
            "The model's answers for every value of the attribute, against an imputation that never asks the model.",
            "Train without the attribute and the columns that stand in for it.",
            "Jayaraman and Evans 2022, Are attribute inference attacks just imputation?",
        ),
    ),
    AssessmentSpec(
        id="extraction.model",
        title="Model extraction",
        kinds=("attack/extraction/surrogate",),
        metrics=(_metric("fidelity"),),
        access=Access.LABELS,
        factory="casemate.threats.extraction:Extraction",
        rule=_rule(
            "CM-EXT-001",
            "The model can be copied through its answers",
            Severity.HIGH,
            "A copy serves a competitor, and every attack can be prepared on it without asking you again.",
            "A surrogate trained on the answers to a growing number of queries; fidelity is agreement on unseen rows.",
            "Answer with labels only and limit the queries of each principal below the knee of the curve.",
            "Tramer et al. 2016, Stealing machine learning models via prediction APIs, section 4",
        ),
    ),
    AssessmentSpec(
        id="evasion.decision",
        title="Evasion by a decision-based attack",
        kinds=("attack/evasion/decision",),
        metrics=(_metric("attack_success_rate"), _metric("robust_accuracy", "higher")),
        access=Access.LABELS,
        factory="casemate.threats.evasion:Decision",
        rule=_rule(
            "CM-EVA-003",
            "Small plausible changes flip the decision",
            Severity.HIGH,
            "A record that a clinician would call the same gets the other answer.",
            "A decision-based search that keeps to the schema: bounds, categories, immutable features.",
            "Smooth the model, leave out the features that flip it, and route near-boundary cases to a person.",
            "Chen et al. 2020, HopSkipJumpAttack, section IV",
        ),
    ),
    AssessmentSpec(
        id="poisoning.labelflip",
        title="Label-flip poisoning",
        kinds=("attack/poison/label-flip",),
        metrics=(_metric("accuracy_drop"),),
        access=Access.LABELS,
        factory="casemate.threats.poisoning:LabelFlip",
        needs=("recipe",),
        rule=_rule(
            "CM-POI-001",
            "Flipped labels degrade the model",
            Severity.MEDIUM,
            "Whoever can edit a few records of the registry decides how well the model works.",
            "The model is trained again on data with the most influential labels flipped.",
            "Rank the records by influence and have the suspicious ones checked before training.",
            "Biggio et al. 2011, Support vector machines under adversarial label noise",
        ),
    ),
    AssessmentSpec(
        id="poisoning.detect",
        title="Finding flipped labels",
        kinds=("defense/poison/ranking",),
        metrics=(_metric("tpr", "higher"), _metric("auroc", "higher", "auc"), _metric("flagged_clean")),
        access=Access.LABELS,
        factory="casemate.threats.poisoning:Ranking",
        needs=("training-data",),
        rule=_rule(
            "CM-POI-002",
            "Flipped labels are not found",
            Severity.LOW,
            "Poison that nobody finds stays.",
            "Records ranked by leave-one-out influence; labels are flipped at known places.",
            "Raise the review budget or use the ranking of the ensemble.",
        ),
    ),
    AssessmentSpec(
        id="quality.performance",
        title="Quality",
        kinds=("model/accuracy", "model/calibration", "model/fairness"),
        metrics=(_metric("accuracy", "higher"), _metric("ece"), _metric("disparity")),
        access=Access.SCORES,
        factory="casemate.quality:Performance",
        rule=_rule(
            "CM-QUA-001",
            "The model is not good enough",
            Severity.MEDIUM,
            "A defense that ruins the model protects nothing.",
            "Accuracy, calibration error and the largest difference between groups on held-out patients.",
            "Collect more data of the worst group, or calibrate.",
        ),
    ),
    AssessmentSpec(
        id="privacy.dp",
        title="Differential privacy audit",
        kinds=("privacy/dp-audit",),
        metrics=(_metric("epsilon_lower_bound", unit="epsilon"),),
        access=Access.SCORES,
        factory="casemate.privacy.dp:Audit",
        needs=("recipe",),
        rule=_rule("CM-DP-001", "The claimed epsilon does not hold", Severity.HIGH, "", "", ""),
    ),
)
"""Declarations like those of the rooms."""

DEFENSES: tuple[DefenseSpec, ...] = (
    DefenseSpec(
        id="inversion.regularize",
        title="Regularization chosen to meet a membership tolerance",
        changes="recipe",
        judged_by=("inversion.membership",),
        factory="casemate.threats.inversion:Regularize",
    ),
    DefenseSpec(
        id="extraction.round",
        title="Rounded answers",
        changes="answers",
        judged_by=("extraction.model",),
        factory="casemate.threats.extraction:Round",
        known_false="rounding hides digits that a surrogate does not need (Tramer et al. 2016, section 7.1)",
    ),
    DefenseSpec(
        id="extraction.label_only",
        title="Label-only answers",
        changes="answers",
        judged_by=("extraction.model", "inversion.membership"),
        factory="casemate.threats.extraction:LabelOnly",
    ),
)
"""Defenses like those of the rooms."""

POLICY = Policy(
    owner="Dr. M. Okafor, clinical safety",
    tolerances=(
        Tolerance(name="membership", kind="attack/membership/*", metric="tpr", at={"fpr": 0.001}, at_most=0.005,
                  reason="five records in a thousand, agreed with the data protection officer"),
        Tolerance(name="attribute", kind="attack/inversion/*", metric="advantage", at_most=0.05),
        Tolerance(name="advantage", kind="attack/membership/*", metric="advantage", at_most=0.10),
        Tolerance(name="extraction", kind="attack/extraction/*", metric="fidelity",
                  at={"queries": 1000, "answers": "scores"}, at_most=0.90),
        Tolerance(name="extraction_labels", kind="attack/extraction/*", metric="fidelity",
                  at={"queries": 1000, "answers": "top-1"}, at_most=0.90),
        Tolerance(name="extraction_rounded", kind="attack/extraction/*", metric="fidelity",
                  at={"queries": 1000, "answers": "rounded"}, at_most=0.90),
        Tolerance(name="evasion", kind="attack/evasion/*", metric="attack_success_rate",
                  at={"queries": 1000}, at_most=0.20),
        Tolerance(name="robustness", kind="attack/evasion/*", metric="robust_accuracy",
                  at={"queries": 1000}, at_least=0.55),
        Tolerance(name="poisoning", kind="attack/poison/*", metric="accuracy_drop", at={"flip": 0.05}, at_most=0.03),
        Tolerance(name="detection", kind="defense/poison/*", metric="tpr", at={"fpr": 0.01}, at_least=0.60),
        Tolerance(name="accuracy", kind="model/accuracy", metric="accuracy", at_least=0.70),
        Tolerance(name="fairness", kind="model/fairness", metric="disparity", at_most=0.08),
        Tolerance(name="ece", kind="model/calibration", metric="ece", at_most=0.03),
    ),
    values={"utility_budget": 0.02, "min_n": 300, "min_group": 100, "attack_families": 4},
)  # fmt: skip
"""Tolerances as a clinic would set them."""


class Ledger:
    """Writes records one after another, a minute apart."""

    def __init__(self, current: dict[str, str]) -> None:
        self.current = current
        self.records: list[Record] = []

    def write(self, kind: str, predicate: dict[str, Any], subjects: Iterable[str]) -> Record:
        """Append a record about these subjects."""
        index = len(self.records)
        record = Record(
            index=index,
            predicate_type=kind,
            predicate=predicate,
            subjects=tuple(Subject(name, self.current[name]) for name in subjects),
            sha256=sha(f"{index}{kind}{msgspec.json.encode(predicate).decode()}"),
            time=START + timedelta(minutes=index),
            signer="ed25519:6f1c2a9e",
        )
        self.records.append(record)
        return record

    def measure(self, measurement: Measurement) -> Measurement:
        """Append a measurement."""
        predicate = {"measurement": msgspec.to_builtins(measurement), "plan": self.records[0].sha256, "trials": []}
        self.write(MEASUREMENT, predicate, [measurement.subject])
        return measurement

    def pair(self, pair: Pair) -> None:
        """Append a pair."""
        predicate = {"pair": msgspec.to_builtins(pair), "plan": self.records[0].sha256}
        self.write(PAIR, predicate, sorted({pair.before.subject, pair.after.subject}))


def rate(assessment: str, kind: str, metric: str, k: int, n: int, **more: Any) -> Measurement:
    """A counted proportion with its exact interval."""
    exact = clopper_pearson(k, n)
    fields: dict[str, Any] = {
        "subject": "icu-mortality",
        "method": "clopper-pearson",
        "threat_model": ThreatModel(
            goal="learn who is in the training data", knowledge=("the population",), access=Access.SCORES, queries=9105
        ),
        "seed": derive(SEED, assessment),
        "seconds": 3.2,
        "queries": 9105,
    } | more
    return Measurement(
        assessment=assessment,
        kind=kind,
        metric=metric,
        estimate=k / n,
        low=exact.low,
        high=exact.high,
        n=n,
        k=k,
        **fields,
    )


def value(assessment: str, kind: str, metric: str, estimate: float, half: float, n: int, **more: Any) -> Measurement:
    """A figure with a resampled interval."""
    template = rate(assessment, kind, metric, 0, n, **more)
    return msgspec.structs.replace(
        template, estimate=estimate, low=estimate - half, high=estimate + half, k=None, method="paired bootstrap"
    )


MEMBER = ("inversion.membership", "attack/membership/lira")
THIEF = ("extraction.model", "attack/extraction/surrogate")
EVADE = ("evasion.decision", "attack/evasion/decision")


def clinical_view() -> LedgerView:
    """The ledger of an audit and a hardening of an intensive-care mortality model."""
    current = {name: sha(name) for name in ("icu-mortality", "icu-mortality+regularize", "icu-mortality+round",
                                            "icu-mortality+label-only", "support2")}  # fmt: skip
    book = Ledger(current)
    book.write(
        PLAN,
        {
            "casemate": "0.1.0",
            "config": sha("casemate.toml"),
            "policy": msgspec.to_builtins(POLICY),
            "assessments": [spec.id for spec in ASSESSMENTS],
            "subjects": current,
            "seed": SEED,
            "effort": "standard",
            "environment": {"python": "3.11.7", "numpy": "2.4.1"},
            "started": START.isoformat(),
        },
        ["icu-mortality", "support2"],
    )
    book.write(
        LOAD,
        {"path": "model.joblib", "sha256": current["icu-mortality"], "verdict": "clean", "allowed": [], "findings": []},
        ["icu-mortality"],
    )
    for task in range(4):
        book.write(TRIAL, {"plan": book.records[0].sha256, "task": f"shadow-{task}"}, ["icu-mortality"])
    _attacks(book)
    _quality(book)
    _pairs(book)
    return LedgerView(
        records=tuple(book.records),
        current=current,
        now=START + timedelta(days=1),
        system="ICU mortality risk, SUPPORT2 boosted trees",
        signer="Clinical AI lab <ed25519:6f1c2a9e>",
        checkpoint=f"casemate/icu-mortality {len(book.records)} {sha('root')[:44]}",
        verify_command="casemate verify out/ --key keys/audit.pub --checkpoint "
        f"'casemate/icu-mortality {len(book.records)} {sha('root')[:44]}'",
        config="casemate.toml",
        verified=True,
        skipped={"privacy.dp": "the recipe makes no claim of differential privacy, so there is no epsilon to audit"},
        excluded={
            "EU AI Act:2024/1689 (2026 Omnibus)/Art.50(1)": "the model is embedded in a monitor and talks to no one"
        },
    )


def _attacks(book: Ledger) -> None:
    thief = ThreatModel(goal="copy the model", knowledge=("the schema",), access=Access.LABELS, queries=4000)
    evader = ThreatModel(goal="flip the decision", knowledge=("own record",), access=Access.LABELS, queries=1000)
    vandal = ThreatModel(goal="degrade the model", knowledge=("training data",), access=Access.LABELS, queries=0)
    for fpr, k in ((0.001, 61), (0.01, 214), (0.1, 905)):
        book.measure(rate(*MEMBER, "tpr", k, 4552, at={"fpr": fpr}))
    book.measure(value(*MEMBER, "auc", 0.611, 0.011, 9105, unit="auc"))
    book.measure(value(*MEMBER, "advantage", 0.143, 0.019, 9105))
    book.measure(value("inversion.attribute", "attack/inversion/attribute", "advantage", 0.012, 0.021, 2000))
    for answers, fidelity in (
        ("scores", (0.79, 0.86, 0.922, 0.951, 0.966)),
        ("rounded", (0.785, 0.855, 0.919, 0.949, 0.964)),
        ("top-1", (0.701, 0.762, 0.838, 0.881, 0.907)),
    ):
        for queries, share in zip((100, 300, 1000, 2000, 4000), fidelity, strict=True):
            at = {"queries": queries, "answers": answers}
            book.measure(rate(*THIEF, "fidelity", round(share * 2000), 2000, at=at, threat_model=thief))
    for queries, k in ((50, 9), (100, 16), (250, 31), (500, 47), (1000, 55)):
        more: dict[str, Any] = {"at": {"queries": queries}, "threat_model": evader, "queries": queries * 250}
        book.measure(rate(*EVADE, "attack_success_rate", k, 250, errors=2, **more))
        book.measure(rate(*EVADE, "robust_accuracy", 196 - k, 250, direction="higher", **more))
    for flip, drop in ((0.01, 0.004), (0.05, 0.021), (0.1, 0.047)):
        more = {"at": {"flip": flip}, "threat_model": vandal}
        book.measure(value("poisoning.labelflip", "attack/poison/label-flip", "accuracy_drop", drop, 0.006, 20, **more))
    detect = ("poisoning.detect", "defense/poison/ranking")
    more = {"at": {"fpr": 0.01, "flip": 0.05}, "direction": "higher", "threat_model": vandal}
    book.measure(rate(*detect, "tpr", 164, 228, **more))
    book.measure(rate(*detect, "flagged_clean", 0, 50, threat_model=vandal))


def _quality(book: Ledger) -> None:
    user = ThreatModel(goal="none: ordinary use", knowledge=(), access=Access.SCORES)
    quality = "quality.performance"
    book.measure(rate(quality, "model/accuracy", "accuracy", 3562, 4553, direction="higher", threat_model=user))
    book.measure(value(quality, "model/fairness", "disparity", 0.061, 0.031, 4553, threat_model=user))
    book.measure(value(quality, "model/calibration", "ece", 0.019, 0.006, 4553, threat_model=user))


def _pairs(book: Ledger) -> None:
    def lost(before: float, after: float) -> tuple[Quality, ...]:
        d = after - before
        return (Quality(metric="accuracy", before=before, after=after, difference=d, low=d - 0.006, high=d + 0.006,
                        p=0.04, method="paired newcombe"),)  # fmt: skip

    def about(name: str, m: Measurement) -> Measurement:
        return msgspec.structs.replace(m, subject=f"icu-mortality+{name}")

    at: dict[str, float | str] = {"fpr": 0.001}
    before = rate(*MEMBER, "tpr", 61, 4552, at=at)
    after = about("regularize", rate(*MEMBER, "tpr", 9, 4552, at=at))
    book.pair(Pair(defense="inversion.regularize", adaptive=True, before=before, after=after,
                   difference=after.estimate - before.estimate, low=-0.0152, high=-0.0079, p=1.2e-9,
                   method="paired newcombe", quality=lost(0.7823, 0.7761), predicted=0.0021,
                   conclusion="Regularization hides most of the exposed records at a small cost."))  # fmt: skip
    at = {"queries": 1000, "answers": "rounded"}
    before = rate(*THIEF, "fidelity", 1844, 2000, at={"queries": 1000, "answers": "scores"})
    after = about("round", rate(*THIEF, "fidelity", 1838, 2000, at=at))
    book.pair(Pair(defense="extraction.round", adaptive=True, before=before, after=after,
                   difference=after.estimate - before.estimate, low=-0.0081, high=0.0021, p=0.31,
                   method="paired newcombe", quality=lost(0.7823, 0.7823),
                   conclusion="Rounding costs nothing and buys nothing."))  # fmt: skip
    at = {"queries": 1000, "answers": "top-1"}
    after = about("label-only", rate(*THIEF, "fidelity", 1676, 2000, at=at))
    book.pair(Pair(defense="extraction.label_only", adaptive=True, before=before, after=after,
                   difference=after.estimate - before.estimate, low=-0.1001, high=-0.0682, p=2e-19,
                   method="paired newcombe", quality=lost(0.7823, 0.7823),
                   conclusion="Labels only slow the copy down."))  # fmt: skip


def clinical() -> Dossier:
    """The clinical audit, judged."""
    return assemble(clinical_view(), POLICY, load_catalog(ASSESSMENTS, DEFENSES))


def generated(controls: int = 3000, measurements: int = 500) -> Dossier:
    """A large dossier: many controls over many measurements, for the limits of the report."""
    rng = np.random.default_rng(derive(SEED, "generated"))
    view = clinical_view()
    book = Ledger(view.current)
    book.records = list(view.records)
    for i in range(measurements):
        n = int(rng.integers(30, 5000))
        k = int(rng.binomial(n, rng.beta(0.5, 6)))
        book.measure(rate(*EVADE, "attack_success_rate", k, n, at={"queries": 1000, "slice": f"group {i:04}"}))
    catalog = load_catalog(ASSESSMENTS, DEFENSES)
    many: list[Control] = []
    for i in range(controls):
        control = catalog.controls[i % len(catalog.controls)]
        id = ControlId(control.id.framework, control.id.edition, f"{control.id.id} #{i:04}")
        many.append(msgspec.structs.replace(control, id=id))
    large: Catalog = msgspec.structs.replace(catalog, controls=tuple(many))
    wide = replace(view, records=tuple(book.records))
    return assemble(wide, POLICY, large)
