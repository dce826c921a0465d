"""Regularize a logistic regression as much as the membership tolerance asks for, and no more.

How well the attack would do at each strength follows from the closed form; what it costs, from leave-one-out
predictions. Nothing is trained until the strength is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from casemate.core.policy import Policy
from casemate.core.seeds import derive
from casemate.threats.inversion import declarations, estimates
from casemate.threats.inversion.closed_form import Mask, closed_form
from casemate.threats.inversion.membership import closed_form_refusal
from casemate.threats.inversion.moments import likelihood_ratio
from casemate.threats.inversion.pool import Pool, pool
from casemate.threats.inversion.promise import AT, CONFIDENT, accepted, promise
from casemate.threats.inversion.signals import Floats
from casemate.training.engagement import Engagement, Proposal
from casemate.training.influence import leave_one_out
from casemate.training.linear import objective, solve, split
from casemate.training.recipe import SklearnRecipe
from casemate.training.retraining import last_step, retrained, sklearn_recipe

FACTORS = tuple(float(factor) for factor in 10.0 ** np.arange(0.0, 4.01, 0.5))
DRAWS = 48


@dataclass(frozen=True)
class Choice:
    """One strength, what the attack would reach at it, and what it would cost.

    Attributes:
        factor: of the present penalty.
        tpr: predicted TPR at a false-positive rate of 1 %.
        high: upper end of its interval, on which the verdict hangs, that nine of ten such models stay below.
        accuracy: leave-one-out accuracy.
        losses: (members,) leave-one-out log loss of each row.
    """

    factor: float
    tpr: float
    high: float
    accuracy: float
    losses: Floats

    @property
    def loss(self) -> float:
        """Leave-one-out log loss, mean over rows."""
        return float(self.losses.mean())


class Regularize:
    """The defense ``inversion.regularize``.

    Args:
        tolerance: accepted TPR at a false-positive rate of 1 %; the policy's by default.
        factors: penalties to consider, as factors of the present one.
    """

    spec = declarations.REGULARIZE

    def __init__(self, tolerance: float | None = None, factors: tuple[float, ...] = FACTORS) -> None:
        self.tolerance = tolerance
        self.factors = tuple(sorted(factors))

    def applies(self, engagement: Engagement) -> str:
        """Why no strength can be calculated for this model, or ""."""
        return closed_form_refusal(engagement)

    def propose(self, engagement: Engagement, policy: Policy) -> Proposal:
        """Train again with the strength that meets the tolerance at the least leave-one-out loss.

        Without a tolerance, the strongest one is taken whose loss is within one standard error of the best: it costs
        nothing that these data could show. Where no strength meets the tolerance, the one with the lowest predicted
        TPR is taken, and the note says so.
        """
        recipe = sklearn_recipe(engagement)
        tolerance = accepted(policy) if self.tolerance is None else self.tolerance
        choices = self.choices(engagement)
        if tolerance is None:
            chosen, note = _free(choices), "no tolerance given: as strong as costs nothing"
        else:
            meeting = [choice for choice in choices if choice.high <= tolerance]
            chosen = min(meeting or choices, key=lambda choice: choice.loss if meeting else choice.high)
            note = f"predicted TPR {chosen.tpr:.2%}, interval up to {chosen.high:.2%}, tolerance {tolerance:.2%}"
            if not meeting:
                note += "; no strength considered meets it"
        name, strength = strength_of(recipe)
        return Proposal(
            engagement=retrained(engagement, recipe.change(**{name: strength / chosen.factor}), self.spec.id),
            predicted={promise(declarations.LIRA, "tpr", AT): chosen.tpr},
            settings={
                name: strength / chosen.factor,
                "penalty_factor": chosen.factor,
                "predicted_tpr_high": chosen.high,
                "leave_one_out_loss": chosen.loss,
                "leave_one_out_loss_before": choices[0].loss,
                "leave_one_out_accuracy": chosen.accuracy,
            },
            note=note,
        )

    def choices(self, engagement: Engagement) -> list[Choice]:
        """What each strength would buy and cost, weakest first; no model is trained."""
        everyone, estimator = pool(engagement), sklearn_recipe(engagement).estimator
        whole = objective(estimator, everyone.rows.features, everyone.rows.labels)
        own = objective(estimator, engagement.members.features, engagement.members.labels)
        found, start, at = [], None, None
        for factor in self.factors:
            form = closed_form(whole.scaled(factor), everyone.inclusion, start=start)
            masks, answers = form.simulate(DRAWS, derive(engagement.seed, self.spec.id, "draws"))
            tpr, high = _expected(masks, likelihood_ratio(form.moments, answers), everyone)
            fit = solve(own.scaled(factor), at)
            margins = np.where(own.labels == 1, 1.0, -1.0) * leave_one_out(fit)
            found.append(Choice(factor, tpr, high, float((margins > 0).mean()), np.logaddexp(0.0, -margins)))
            start, at = form.coefficients, fit.coefficients
        return found


def strength_of(recipe: SklearnRecipe) -> tuple[str, float]:
    """The name of the last step's ``C`` among the estimator's parameters, and its value."""
    return f"{last_step(recipe)}C", float(split(recipe.estimator)[1].C)


def _expected(masks: Mask, scores: Floats, everyone: Pool) -> tuple[float, float]:
    """Mean TPR over the simulated models, and the upper end of its interval."""
    found = [
        estimates.tpr_at_fpr(row[mask & everyone.counted], row[~mask & everyone.counted], 0.01).estimate
        for mask, row in zip(masks, scores, strict=True)
    ]
    return float(np.mean([each.value for each in found])), float(np.quantile([each.high for each in found], CONFIDENT))


def _free(choices: list[Choice]) -> Choice:
    """The strongest penalty whose extra loss is within one standard error of the best."""
    best = min(choices, key=lambda choice: choice.loss)
    extra = [choice.losses - best.losses for choice in choices]
    return [c for c, e in zip(choices, extra, strict=True) if e.mean() <= e.std() / np.sqrt(len(e))][-1]
