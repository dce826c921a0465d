"""Does the model give away an attribute of the people it was trained on, beyond what anyone could guess?

For each sensitive column the adversary knows everything else about a victim, tries every value in the missing place and
asks the model. What it learns is weighed against an imputation model, trained on people whose attribute is known and
who are neither members nor victims. The imputation alone is the baseline, and people the model never saw are the
control: what works on them just as well is knowledge of the population, not a leak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from casemate.core.errors import UsageError
from casemate.core.measurement import Interval, Measurement
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.data.dataset import Dataset
from casemate.stats.differences import mover
from casemate.stats.estimate import Estimate
from casemate.stats.paired import paired_difference
from casemate.targets.target import Target
from casemate.threats.inversion import declarations
from casemate.threats.inversion.answers import answers, by_class
from casemate.threats.inversion.candidates import Candidates, candidates
from casemate.threats.inversion.imputation import impute, imputed_out_of_fold
from casemate.threats.inversion.pool import pool
from casemate.threats.inversion.posterior import chosen, weigh
from casemate.threats.inversion.signals import Floats, log_odds
from casemate.threats.inversion.tables import encode
from casemate.training.engagement import Array, Conclusion, Engagement, Result, Task

VICTIMS = {"quick": 300, "standard": 1000, "thorough": 3000}
FEWEST = 100
SIDES = ("members", "nonmembers")


@dataclass(frozen=True)
class Gain:
    """One figure of this assessment: metric, point, value with interval, and a note for the reader."""

    metric: str
    at: dict[str, float | str]
    estimate: Estimate
    note: str


class Attribute:
    """The assessment ``inversion.attribute``.

    Options: ``victims`` (how many on each side) and ``columns`` (instead of all that the schema calls sensitive).
    """

    spec = declarations.ATTRIBUTE

    def applies(self, engagement: Engagement) -> str:
        """Why attribute inference cannot be assessed here, or ""."""
        if not self._columns(engagement):
            return "the schema marks no column as sensitive"
        if engagement.recipe is None:
            return "without a recipe the adversary cannot learn how the model treats those it has seen"
        if min(len(engagement.members), len(engagement.nonmembers) // 2) < FEWEST:
            return f"fewer than {FEWEST} members or {2 * FEWEST} nonmembers are known"
        return ""

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """One task a sensitive column."""
        asked = 2 * self._victims(engagement)
        return [
            Task(f"column-{name}", {"column": name}, queries=asked * candidates(engagement.nonmembers, name).count)
            for name in self._columns(engagement)
        ]

    def work(self, engagement: Engagement, task: Task) -> Result:
        """What the imputation and the attack would guess of every victim, and the truth."""
        name, seed = str(task.parameters["column"]), derive(engagement.seed, self.spec.id, task.id)
        recipe = engagement.recipe
        if recipe is None:
            raise UsageError("the assessment needs a recipe", next_step="ask `applies` first")
        everyone, victims = pool(engagement), self._victims(engagement)
        values = candidates(engagement.nonmembers, name)
        truth = values.codes(everyone.rows.features[name])
        usable = np.flatnonzero(everyone.counted & (truth >= 0))
        order = np.random.default_rng(seed).permutation(usable)
        inside, outside = order[order < everyone.members], order[order >= everyone.members]
        chosen_out, known = outside[:victims], outside[victims:]
        table = np.column_stack([encode(everyone.rows.features.drop(columns=name)), everyone.rows.labels])
        # The adversary rehearses on a model of its own: how much do answers say about those it was trained on?
        rehearsal = recipe.fit(everyone.rows.take(known, "adversary"), seed).answering(engagement.target.answers)
        guesses = imputed_out_of_fold(table[known], truth[known], values.count, seed)
        weights = weigh(guesses, tried(rehearsal, everyone.rows.take(known), values), truth[known])
        result: dict[str, Array] = {"weights": weights}
        sides = (inside[:victims], chosen_out)
        priors = impute(table[known], truth[known], table[np.concatenate(sides)], values.count, seed)
        for side, rows, prior in zip(SIDES, sides, np.split(priors, [len(sides[0])]), strict=True):
            answers = tried(engagement.target, everyone.rows.take(rows), values)
            result[f"{side}-truth"] = truth[rows]
            result[f"{side}-baseline"] = chosen(prior, answers, np.array([1.0, 0.0]))
            result[f"{side}-attack"] = chosen(prior, answers, weights)
        return result

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """For each column what the model added on members and on others, and the difference of the two."""
        measurements: list[Measurement] = []
        outcomes: dict[int, Array] = {}
        for task in self.tasks(engagement):
            name, found = str(task.parameters["column"]), results[task.id]
            gains, notes = [], []
            for side in SIDES:
                truth, alone, attack = (found[f"{side}-{what}"] for what in ("truth", "baseline", "attack"))
                right, was = attack == truth, alone == truth
                gains.append(paired_difference(int((was & ~right).sum()), int((right & ~was).sum()), len(truth)))
                notes.append(f"accuracy {right.mean():.1%}, imputation alone {was.mean():.1%}")
                outcomes[len(measurements)] = right.astype(np.float64) - was
                figure = Gain("advantage", {"column": name, "on": side}, gains[-1], notes[-1])
                measurements.append(self._measure(engagement, task, figure))
            low, high = mover(*((gain.value, gain.low, gain.high) for gain in reversed(gains)))
            value = gains[0].value - gains[1].value
            note = f"members: {notes[0]}; nonmembers: {notes[1]}"
            interval = Interval(float(low), float(high), 0.95, "mover")
            excess = Estimate(value, interval, n=sum(gain.n for gain in gains))
            measurements.append(self._measure(engagement, task, Gain("excess", {"column": name}, excess, note)))
        return Conclusion(measurements, outcomes)

    def _columns(self, engagement: Engagement) -> tuple[str, ...]:
        sensitive = [column.name for column in engagement.members.schema.columns if column.sensitive]
        names = engagement.settings(self.spec.id).get("columns", sensitive)
        return tuple(name for name in names if candidates(engagement.nonmembers, name).count > 1)

    def _victims(self, engagement: Engagement) -> int:
        wanted = int(engagement.settings(self.spec.id).get("victims", VICTIMS[engagement.effort]))
        # The adversary keeps at least half of the people outside, to learn from.
        return min(wanted, len(engagement.members), len(engagement.nonmembers) // 2)

    def _measure(self, engagement: Engagement, task: Task, gain: Gain) -> Measurement:
        found = gain.estimate
        return Measurement(
            assessment=self.spec.id,
            kind=declarations.ATTRIBUTE_KIND,
            metric=gain.metric,
            at=gain.at,
            subject=engagement.name,
            estimate=found.value,
            low=found.low,
            high=found.high,
            n=found.n,
            k=None,
            method=found.method,
            threat_model=threat_model(task.queries),
            seed=derive(engagement.seed, self.spec.id, task.id),
            direction="lower" if gain.at.get("on") != "nonmembers" else "none",
            queries=task.queries,
            note=gain.note,
        )


def threat_model(queries: int) -> ThreatModel:
    """The adversary of attribute inference."""
    return ThreatModel(
        goal="learn a sensitive attribute of a person in the training data",
        knowledge=(
            "everything else in the person's record, and the label",
            "how the model was trained",
            "people from the same population whose attribute is known",
        ),
        access=Access.SCORES,
        queries=queries,
    )


def tried(target: Target, rows: Dataset, values: Candidates) -> Floats:
    """(n, candidates) log-odds that a target gives every row's own label, with each candidate in place."""
    found = [
        log_odds(by_class(answers(target, values.put(rows, at)), target.classes, len(rows.classes)), rows.labels)
        for at in range(values.count)
    ]
    return np.stack(found, axis=1)
