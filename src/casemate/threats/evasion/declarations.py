"""What the room of evasion can attack. Static: importing this loads no numbers library."""

from __future__ import annotations

from casemate.core.declarations import AssessmentSpec, DefenseSpec, MetricSpec
from casemate.core.findings import Rule, Severity
from casemate.core.threat import Access

DECISION = AssessmentSpec(
    id="evasion.decision",
    title="Adversarial examples from labels alone, inside the schema",
    kinds=("attack/evasion/decision",),
    metrics=(
        MetricSpec(
            name="attack_success_rate",
            unit="proportion",
            direction="lower",
            least_n=20,
            doc="correctly answered rows that a change within the budget turns wrong",
        ),
        MetricSpec(
            name="robust_accuracy",
            unit="proportion",
            direction="higher",
            least_n=20,
            doc="rows answered correctly before and after the attack",
        ),
    ),
    access=Access.LABELS,
    needs=("holdout", "schema"),
    factory="casemate.threats.evasion.assess:DecisionEvasion",
    rule=Rule(
        id="CM-EVA-001",
        title="Small, plausible changes of a record turn the model's answer",
        severity=Severity.HIGH,
        why="whoever fills in the record decides the answer, and the changed record passes every input check",
        how="a decision-based attack asks for labels only and changes only what the schema lets an attacker change; "
        "every example is asked again on the model itself before it counts",
        fix="mark what attackers cannot change as immutable, check inputs for consistency, limit queries per person, "
        "prefer smoother models, and measure again",
        references=(
            "Chen, Jordan & Wainwright 2020, arXiv:1904.02144 (HopSkipJump)",
            "Rahmati et al. 2020, arXiv:2003.06468 (GeoDA)",
            "Carlini et al. 2019, arXiv:1902.06705 (on evaluating robustness)",
        ),
    ),
    reference="Chen, Jordan & Wainwright 2020 (HopSkipJump), Rahmati et al. 2020 (GeoDA); sparse steps of our own",
)

ASSESSMENTS: tuple[AssessmentSpec, ...] = (DECISION,)
DEFENSES: tuple[DefenseSpec, ...] = ()
