"""The assessment behind ``poisoning.label_flip``: poison, train again, measure the harm, look for the flips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from casemate.core.declarations import AssessmentSpec
from casemate.core.errors import UsageError
from casemate.core.measurement import Interval, Measurement
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.stats.curves import auc
from casemate.stats.operating_point import tpr_at_fpr
from casemate.stats.paired import newcombe_paired
from casemate.stats.proportions import clopper_pearson
from casemate.threats.poisoning.cleanse import CleansedRecipe, halves, recipe_of
from casemate.threats.poisoning.declarations import LABEL_FLIP
from casemate.threats.poisoning.flips import random_flips, worst_flips
from casemate.threats.poisoning.ranking import Flags, Ranking, linear_view
from casemate.training.engagement import Array, Conclusion, Engagement, Result, Task
from casemate.training.recipe import Recipe

FLIP, RANKING = LABEL_FLIP.kinds
CLEAN = "clean"
FPR = 0.01
EFFORTS: Mapping[str, Mapping[str, Any]] = {
    "quick": {"random": (0.05,), "worst": (0.05,), "folds": 3},
    "standard": {"random": (0.01, 0.05, 0.1), "worst": (0.05, 0.1), "folds": 3},
    "thorough": {"random": (0.01, 0.05, 0.1), "worst": (0.01, 0.05, 0.1), "folds": 5},
}


class LabelFlip:
    """Flip labels at random and where it hurts most, train again, and rank the labels.

    Options (``[assess."poisoning.label_flip"]``): ``random`` and ``worst`` (rates of flips), ``folds``.
    """

    spec: AssessmentSpec = LABEL_FLIP

    def applies(self, engagement: Engagement) -> str:
        """A recipe, two classes, and held-out rows to trust and to judge on are needed."""
        if engagement.recipe is None:
            return "no recipe: the model cannot be trained again on poisoned rows"
        if len(engagement.members.classes) != 2 or len(set(engagement.members.labels.tolist())) != 2:
            return "labels of two classes are needed"
        return "" if len(engagement.nonmembers) >= 100 else "fewer than 100 held-out rows"

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """The untouched control, and one for each adversary and rate."""
        options = settings(engagement)
        plan = [(who, float(rate)) for who in ("random", "worst") for rate in options[who]]
        return (
            Task(CLEAN, {"attacker": CLEAN, "rate": 0.0}, seconds=1.5),
            *(Task(f"{who}-{rate:g}", {"attacker": who, "rate": rate}, seconds=2.0) for who, rate in plan),
        )

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Poison, train again and rank.

        Returns:
            "right" (m,) whether each judged row is answered correctly; "suspicion" (n,) and "flagged" (n,) of each
            training label; "flipped" (n,).
        """
        recipe = recipe_of(engagement)
        trusted_at, judged_at = halves(engagement)
        trusted, judged = (engagement.nonmembers.take(rows) for rows in (trusted_at, judged_at))
        flipped = _flips(engagement, recipe, str(task.parameters["attacker"]), float(task.parameters["rate"]))
        labels = engagement.members.labels
        rows = engagement.members.relabel(np.where(flipped, 1 - labels, labels))
        seed = derive(engagement.seed, LABEL_FLIP.id, "fit")
        right = recipe.fit(rows, seed).labels(judged.features) == judged.labels
        ranking, inner = _ranking(engagement, recipe)
        ranked = ranking(inner, rows, seed, trusted)
        return {"right": right, "suspicion": ranked.suspicion, "flagged": ranked.flagged, "flipped": flipped}

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """Harm and detection by adversary and rate, and the false alarms on the untouched set."""
        clean = results[CLEAN]
        measurements: list[Measurement] = []
        for task in self.tasks(engagement)[1:]:
            where: dict[str, float | str] = dict(task.parameters)
            measurements += _harm(engagement, clean["right"], results[task.id]["right"], where)
            measurements += _detection(engagement, results[task.id], where)
        flagged = clean["flagged"]
        interval = clopper_pearson(int(flagged.sum()), len(flagged))
        share = float(flagged.mean())
        measurements.append(
            _row(engagement, RANKING, "flagged_clean", share, interval, at={}, n=len(flagged), k=int(flagged.sum()))
        )
        outcomes: dict[int, Array] = {len(measurements) - 1: flagged}
        return Conclusion(measurements, outcomes, {"label_suspicion": clean["suspicion"]})


def settings(engagement: Engagement) -> dict[str, Any]:
    """The rates and folds of this effort with the user's options over them.

    Raises:
        UsageError: an option that does not exist, or a rate that is not between 0 and 1/2.
    """
    given = engagement.settings(LABEL_FLIP.id)
    options = {**EFFORTS[engagement.effort], **given}
    unknown = sorted(set(given) - set(EFFORTS["standard"]))
    if unknown or not all(0 < rate < 0.5 for rate in (*options["random"], *options["worst"])):
        raise UsageError(
            f"the options of {LABEL_FLIP.id} cannot be used",
            cause=f"unknown: {', '.join(unknown)}" if unknown else "rates lie between 0 and 0.5",
            next_step="use random, worst and folds",
        )
    return options


def _ranking(engagement: Engagement, recipe: Recipe) -> tuple[Ranking, Recipe]:
    """The ranking that is graded, and the recipe whose models it asks: the defender's own where there is one."""
    if isinstance(recipe, CleansedRecipe):
        return recipe.ranking, recipe.inner
    return Ranking(folds=int(settings(engagement)["folds"])), recipe


def _flips(engagement: Engagement, recipe: Recipe, attacker: str, rate: float) -> Flags:
    rows = engagement.members
    if attacker == CLEAN:
        return np.zeros(len(rows), dtype=bool)
    if attacker == "random":
        rng = np.random.default_rng(derive(engagement.seed, LABEL_FLIP.id, "random", str(rate)))
        return random_flips(len(rows), rate, rng)
    fit, _ = linear_view(rows)
    limit = None
    if isinstance(recipe, CleansedRecipe):  # whoever knows the defense knows how suspicious is too suspicious
        seed = derive(engagement.seed, LABEL_FLIP.id, "attacker")
        limit = recipe.ranking(recipe.inner, rows, seed, recipe.trusted).limit
    return worst_flips(fit, rate, limit)


def _harm(engagement: Engagement, clean: Array, poisoned: Array, at: dict[str, float | str]) -> list[Measurement]:
    both, lost, won = int((clean & poisoned).sum()), int((clean & ~poisoned).sum()), int((poisoned & ~clean).sum())
    n = len(clean)
    change = newcombe_paired(both, lost, won, n - both - lost - won)
    drop = Interval(-change.high, -change.low, 0.95, change.method)
    success = clopper_pearson(lost, both + lost)
    return [
        _row(engagement, FLIP, "accuracy_drop", -change.value, drop, at=at, n=n),
        _row(engagement, FLIP, "attack_success_rate", lost / (both + lost), success, at=at, n=both + lost, k=lost),
    ]


def _detection(engagement: Engagement, result: Result, at: dict[str, float | str]) -> list[Measurement]:
    flips, clean = result["suspicion"][result["flipped"]], result["suspicion"][~result["flipped"]]
    if len(flips) < 2:
        return []
    area, found = auc(flips, clean), tpr_at_fpr(flips, clean, FPR)
    n = len(flips) + len(clean)
    return [
        _row(engagement, RANKING, "auroc", area.value, area.interval, at=at, n=n, unit="auc"),
        _row(engagement, RANKING, "tpr", found.value, found.interval, at={**at, "fpr": FPR}, n=len(flips)),
    ]


def _row(
    engagement: Engagement,
    kind: str,
    metric: str,
    estimate: float,
    interval: Interval,
    *,
    at: dict[str, float | str],
    **more: Any,
) -> Measurement:
    worst = at.get("attacker") == "worst"
    knows = ["the training set", "a linear stand-in for the model"] if worst else []
    if worst and engagement.defense:
        knows.append(f"the defense {engagement.defense} and its limit")
    return Measurement(
        assessment=LABEL_FLIP.id,
        kind=kind,
        metric=metric,
        subject=engagement.name,
        estimate=estimate,
        low=interval.low,
        high=interval.high,
        k=more.pop("k", None),
        method=interval.method,
        threat_model=ThreatModel(
            goal="lower the model's accuracy by flipping training labels",
            knowledge=tuple(knows),
            access=Access.LABELS,
            queries=0,
        ),
        seed=engagement.seed,
        at=at,
        direction="higher" if metric in ("auroc", "tpr") else "lower",
        **more,
    )
