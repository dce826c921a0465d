"""Who was in the training data, seen from the weights of a logistic regression: for models that are handed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from casemate.core.errors import UsageError
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.threats.inversion import declarations
from casemate.threats.inversion.blind import membership_guesses
from casemate.threats.inversion.measuring import Evidence, measure
from casemate.threats.inversion.membership import closed_form_refusal, control_half
from casemate.threats.inversion.pool import Pool, pool
from casemate.threats.inversion.signals import Floats
from casemate.threats.inversion.stationarity import gradient_ratio
from casemate.training.engagement import Conclusion, Engagement, Result, Task
from casemate.training.linear import fitted_objective, refusal


class MembershipFromWeights:
    """The assessment ``inversion.membership_weights``."""

    spec = declarations.MEMBERSHIP_WEIGHTS

    def applies(self, engagement: Engagement) -> str:
        """Why the weights cannot be read here, or ""."""
        if engagement.target.access < Access.WEIGHTS:
            return "the adversary does not get the weights"
        if len(engagement.nonmembers) < 50 or len(engagement.members) < 50:
            return "fewer than 50 members or nonmembers are known"
        return closed_form_refusal(engagement) or refusal(engagement.target.model)

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """One calculation on the weights, and two controls; the target is never asked."""
        return [Task("weights"), Task("blind", seconds=2.0), Task("control")]

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Do one piece."""
        everyone, seed = pool(engagement), derive(engagement.seed, self.spec.id, task.id)
        if task.id == "weights":
            return {"scores": _scores(engagement.target.model, everyone, everyone.inclusion)}
        if task.id == "blind":
            member = np.arange(len(everyone.rows)) < everyone.members
            return {"guesses": membership_guesses(everyone.rows, member, seed)}
        if engagement.recipe is None:
            raise UsageError("the assessment needs a recipe", next_step="ask `applies` first")
        half = control_half(engagement, everyone)
        stranger = engagement.recipe.fit(everyone.rows.take(half, "control"), seed)
        return {"scores": _scores(stranger.model, everyone, float(half.mean()))}

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """Figures over the counted rows, and a score for every training record."""
        everyone = pool(engagement)
        scores = np.asarray(results["weights"]["scores"])
        fresh = everyone.counted & ~control_half(engagement, everyone)
        evidence = Evidence(
            spec=self.spec,
            kind=declarations.WEIGHTS,
            attack=everyone.sides(scores),
            blind=everyone.sides(np.asarray(results["blind"]["guesses"])),
            control=everyone.sides(np.asarray(results["control"]["scores"]), fresh),
            how="stationarity of the weights, no model fitted",
            excluded=everyone.excluded,
        )
        seed = derive(engagement.seed, self.spec.id, "conclude")
        measurements, outcomes = measure(evidence, engagement.name, seed, THREAT_MODEL)
        return Conclusion(measurements, outcomes, {"score": scores[: everyone.members]})


THREAT_MODEL = ThreatModel(
    goal="tell whether a person's record was in the training data",
    knowledge=(
        "the model's weights and preprocessing",
        "the record and its label",
        "how the model was trained",
        "a pool of records that holds the training data, not which of them were used",
    ),
    access=Access.WEIGHTS,
    queries=0,
)


def _scores(model: Any, everyone: Pool, share: float) -> Floats:
    problem, coefficients = fitted_objective(model, everyone.rows.features, everyone.rows.labels)
    return gradient_ratio(problem, coefficients, share)
