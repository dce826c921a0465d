"""Everything a report says, worked out once: every format prints the same dossier."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from functools import cached_property

from casemate.assurance.catalog import Catalog
from casemate.assurance.controls import WORST_FIRST, ControlVerdict, judge_controls
from casemate.assurance.judging import Judgment, judge
from casemate.assurance.view import LedgerView, Subject
from casemate.core.declarations import AssessmentSpec, DefenseSpec
from casemate.core.digests import Digest
from casemate.core.findings import Rule
from casemate.core.policy import Policy, Verdict


@dataclasses.dataclass(frozen=True)
class Dossier:
    """A judged ledger view.

    Attributes:
        view: the evidence.
        policy: what it was judged against.
        catalog: the controls, and the registry of assessments and defenses.
        judgments: verdicts on measurements, pairs, and what is missing.
        controls: verdicts on controls.
    """

    view: LedgerView
    policy: Policy
    catalog: Catalog
    judgments: tuple[Judgment, ...]
    controls: tuple[ControlVerdict, ...]

    @cached_property
    def assessments(self) -> dict[str, AssessmentSpec]:
        """The registry, by id."""
        return {spec.id: spec for spec in self.catalog.assessments}

    @cached_property
    def defenses(self) -> dict[str, DefenseSpec]:
        """The registry of defenses, by id."""
        return {spec.id: spec for spec in self.catalog.defenses}

    def rule(self, assessment: str) -> Rule | None:
        """What ``casemate explain`` says about an assessment, or None when it is not registered."""
        spec = self.assessments.get(assessment)
        return spec.rule if spec else None

    def rerun(self, assessment: str, seed: int) -> str:
        """The exact command that makes an assessment's figures again."""
        return f"casemate audit {self.view.config} --only {assessment} --seed {seed}"

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """What the report is about: whatever was measured, as it is now, in the order of the ledger."""
        names = dict.fromkeys(x.measurement.subject for x in self.view.measured)
        return tuple(Subject(name, self.view.current[name]) for name in names if name in self.view.current)

    @cached_property
    def policy_digest(self) -> Digest:
        """The digest of the policy's canonical JSON."""
        return Digest.of_value(self.policy)

    @cached_property
    def judged_counts(self) -> dict[Verdict, int]:
        """How many measurements and pairs have each verdict."""
        return _counts(j.verdict for j in self.judgments)

    @cached_property
    def control_counts(self) -> dict[Verdict, int]:
        """How many controls have each verdict."""
        return _counts(c.verdict for c in self.controls)

    @cached_property
    def framework_counts(self) -> dict[str, dict[Verdict, int]]:
        """How many controls of each framework have each verdict."""
        by_name: dict[str, list[Verdict]] = {}
        for control in self.controls:
            by_name.setdefault(control.control.framework, []).append(control.verdict)
        return {name: _counts(verdicts) for name, verdicts in by_name.items()}

    @cached_property
    def worst_first(self) -> tuple[Judgment, ...]:
        """Judgments, failures first, otherwise in the order of the ledger."""
        return tuple(sorted(self.judgments, key=lambda j: WORST_FIRST.index(j.verdict)))


def assemble(view: LedgerView, policy: Policy, catalog: Catalog) -> Dossier:
    """Judge a view by a policy and a catalog."""
    judgments = judge(view, policy, catalog.assessments, catalog.defenses)
    controls = judge_controls(view, catalog, policy, judgments)
    return Dossier(view=view, policy=policy, catalog=catalog, judgments=judgments, controls=controls)


def _counts(verdicts: Iterable[Verdict]) -> dict[Verdict, int]:
    found = Counter(verdicts)
    return {verdict: found[verdict] for verdict in Verdict}
