"""Limit the leaves of a boosted ensemble, so that no leaf can be about one person.

Each limit is tried on a few shadow models, which attack one another: every one is a target for the rest (without its
complement, which would give membership away by counting). That ranks the limits; it promises nothing, because the audit
attacks with more shadow models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from casemate.core.errors import UsageError
from casemate.core.policy import Policy
from casemate.core.seeds import derive
from casemate.threats.inversion import declarations, estimates
from casemate.threats.inversion.learned import learned
from casemate.threats.inversion.moments import likelihood_ratio
from casemate.threats.inversion.pool import Pool, pool
from casemate.threats.inversion.promise import CONFIDENT, accepted
from casemate.threats.inversion.shadows import Design, train
from casemate.threats.inversion.signals import Floats
from casemate.training.engagement import Engagement, Proposal
from casemate.training.linear import split
from casemate.training.recipe import SklearnRecipe
from casemate.training.retraining import last_step, retrained, sklearn_recipe

LIMITS = ((15, 60, 1.0), (8, 120, 10.0), (4, 240, 10.0), (3, 240, 10.0), (3, 480, 10.0), (2, 480, 10.0))
"""Leaves a tree, least rows a leaf, L2 penalty of leaf values: from half of scikit-learn's default to stumps."""
SHADOWS = 12
UNDERSTATED = 0.5
"""How much of its excess over guessing the attack gains from 12 to 64 shadows: 0.3 to 0.5 on SUPPORT2."""


@dataclass(frozen=True)
class Limit:
    """One limit and what the shadows showed of it.

    Attributes:
        parameters: as ``set_params`` takes them.
        tpr: mean TPR at a false-positive rate of 1 % of shadows attacking one another.
        high: upper end of its interval that nine of ten such models stay below, with room for what more shadows add.
        loss: mean log loss on rows the shadows did not train on.
    """

    parameters: dict[str, float | int]
    tpr: float
    high: float
    loss: float


class LeafSize:
    """The defense ``inversion.leaf_size``.

    Args:
        tolerance: accepted TPR at a false-positive rate of 1 %; the policy's by default.
        shadows: shadow models a limit, an even number of at least 6.
    """

    spec = declarations.LEAF_SIZE

    def __init__(self, tolerance: float | None = None, shadows: int = SHADOWS) -> None:
        if shadows < 6 or shadows % 2:
            raise UsageError(f"{shadows} shadow models cannot judge one another", next_step="use 12")
        self.tolerance = tolerance
        self.shadows = shadows

    def applies(self, engagement: Engagement) -> str:
        """Why the leaves of this model cannot be limited, or ""."""
        if not isinstance(engagement.recipe, SklearnRecipe):
            return "there is no scikit-learn recipe"
        last = split(engagement.recipe.estimator)[1]
        if not isinstance(last, HistGradientBoostingClassifier):
            return f"it ends in {type(last).__name__}, not in HistGradientBoostingClassifier"
        return ""

    def propose(self, engagement: Engagement, policy: Policy) -> Proposal:
        """Train again with the limit that meets the tolerance at the least loss, or leaks least when none meets it."""
        recipe = sklearn_recipe(engagement)
        tolerance = accepted(policy) if self.tolerance is None else self.tolerance
        limits = self.limits(engagement, np.inf if tolerance is None else tolerance)
        meeting = limits if tolerance is None else [limit for limit in limits if limit.high <= tolerance]
        chosen = min(meeting or limits, key=lambda limit: limit.loss if meeting else limit.high)
        note = f"shadows attacking one another reached a TPR of {chosen.tpr:.2%}, before {limits[0].tpr:.2%}"
        if not meeting:
            note += "; no limit considered meets the tolerance"
        return Proposal(
            engagement=retrained(engagement, recipe.change(**chosen.parameters), self.spec.id),
            settings={
                **chosen.parameters,
                "shadow_tpr": chosen.tpr,
                "loss": chosen.loss,
                "loss_before": limits[0].loss,
            },
            note=note,
        )

    def limits(self, engagement: Engagement, tolerance: float) -> list[Limit]:
        """What ever stricter limits do, the present one first, until one meets the tolerance and costs more."""
        recipe, everyone = sklearn_recipe(engagement), pool(engagement)
        last, prefix = split(recipe.estimator)[1], last_step(recipe)
        now = (last.max_leaf_nodes or 2**31, last.min_samples_leaf, last.l2_regularization)
        stricter = [limit for limit in LIMITS if limit[0] < now[0] and limit[1] >= now[1] and limit[2] >= now[2]]
        names = [f"{prefix}{name}" for name in ("max_leaf_nodes", "min_samples_leaf", "l2_regularization")]
        design = Design(len(everyone.rows), everyone.inclusion, derive(engagement.seed, self.spec.id))
        found = []
        for limit in ((last.max_leaf_nodes, *now[1:]), *stricter):
            parameters = dict(zip(names, limit, strict=True))
            signals = train(recipe.change(**parameters), everyone.rows, design, range(self.shadows))
            found.append(Limit(parameters, *_contest(signals.astype(np.float64), design, everyone)))
            if found[-1].high <= tolerance and len(found) > 1 and found[-1].loss > found[-2].loss:
                break
        return found


def _contest(signals: Floats, design: Design, everyone: Pool) -> tuple[float, float, float]:
    """Mean TPR, upper end and mean loss outside, each shadow attacked by those of the other blocks."""
    masks, shadows = design.masks(range(len(signals))), np.arange(len(signals))
    tpr, high, loss = [], [], []
    for target in shadows:
        rest = shadows // design.block != target // design.block
        scores = likelihood_ratio(learned(signals[rest], masks[rest]), signals[target])
        inside, outside = masks[target] & everyone.counted, ~masks[target] & everyone.counted
        estimate = estimates.tpr_at_fpr(scores[inside], scores[outside], 0.01).estimate
        tpr.append(estimate.value)
        high.append(estimate.high)
        loss.append(np.logaddexp(0.0, -signals[target][outside]).mean())
    mean = float(np.mean(tpr))
    return mean, float(np.quantile(high, CONFIDENT)) + UNDERSTATED * max(0.0, mean - 0.01), float(np.mean(loss))
