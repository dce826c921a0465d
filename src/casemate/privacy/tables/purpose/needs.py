"""The assessment ``data.minimization``: what a model needs of each column, and what a new one loses with no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.declarations import AssessmentSpec
from casemate.core.errors import TargetError
from casemate.core.seeds import derive
from casemate.data.dataset import Dataset
from casemate.privacy.tables.minimization.ladders import Ladder
from casemate.privacy.tables.minimization.minimizer import FEWEST, Minimizer
from casemate.privacy.tables.purpose.declared import NEEDS
from casemate.privacy.tables.purpose.figures import answers_of, by_pairs, figure
from casemate.targets.target import Target
from casemate.training.engagement import Conclusion, Effort, Engagement, Result, Task

ROWS: Final[Mapping[Effort, int]] = {"quick": 1_000, "standard": 5_000, "thorough": 50_000}
"""Held-out rows at most: half of them choose, half judge."""
LOSS: Final = 0.01
LONGEST: Final = 60
"""Letters of a precision in a note."""


@dataclass(frozen=True)
class _Asked:
    """A target as the minimizer asks it."""

    target: Target

    def predict(self, rows: pd.DataFrame) -> npt.NDArray[Any]:
        return self.target.labels(rows)

    def predict_proba(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        return answers_of(self.target, rows)


class Needs:
    """Tells the model less and less, judges on rows that had no say, then trains on what is left."""

    spec: AssessmentSpec = NEEDS

    def applies(self, engagement: Engagement) -> str:
        """A purpose has to be stated, for nothing is needed or not by itself; and rows to choose by and to judge by."""
        if "allowed" not in engagement.settings(self.spec.id):
            return "no [purpose] says what the data may be used for"
        few = len(engagement.nonmembers) < 2 * FEWEST
        return f"{len(engagement.nonmembers)} held-out rows are too few; {2 * FEWEST} are needed" if few else ""

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """One: each step of the search rests on those before it."""
        columns, rows = len(engagement.members.schema.columns), min(ROWS[engagement.effort], len(engagement.nonmembers))
        return (Task("search", queries=columns * (rows * 15 + 10_000), seconds=columns * (0.1 + rows / 20_000)),)

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Figures of each column, and which answers about judged rows are right."""
        seed = derive(engagement.seed, self.spec.id)
        held = engagement.nonmembers
        most = ROWS[engagement.effort]
        if len(held) > most:
            held = held.take(np.random.default_rng(seed).permutation(len(held))[:most])
        settings = engagement.settings(self.spec.id)
        minimizer = Minimizer(float(settings.get("loss", LOSS)), allowed=settings.get("allowed"), seed=seed % 2**32)
        found = minimizer.minimize(_Asked(engagement.target), held.features, held.labels)
        judged = held.take(found.judged)
        told = replace(engagement.members, features=found.transform(engagement.members.features))
        exact = engagement.target.labels(judged.features) == judged.labels
        result = {
            "exact": exact,
            "found": engagement.target.labels(found.transform(judged.features)) == judged.labels,
            "without": np.array([_without(engagement, judged, ladder) == judged.labels for ladder in found.ladders]),
            "bits": np.array([[each.bits, each.bits_before] for each in found.needs]),
            "precision": np.array([each.precision for each in found.needs]),
            "needed": np.array([each.needed for each in found.needs]),
            "allowed": np.array([each.allowed for each in found.needs]),
        }
        if engagement.recipe is not None:
            anew = engagement.recipe.fit(told, seed)
            with suppress(TargetError):  # a group that no training row is in, and an encoder that takes no others
                result["anew"] = anew.labels(found.transform(judged.features)) == judged.labels
        return result

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """What is lost, what is needed of each column, and which are advised away."""
        found, names = results["search"], engagement.members.schema.names
        spare = [
            name for name, need, may in zip(names, found["needed"], found["allowed"], strict=True) if may and not need
        ]
        n = len(found["exact"])
        bits = found["bits"].sum(axis=0)
        advice = f"need not be collected: {', '.join(spare)}" if spare else "something is needed of every column"
        made = [
            figure(engagement, self.spec, "utility_loss", by_pairs(found["exact"], found["found"])),
            figure(engagement, self.spec, "unused_fields", float(len(spare)), note=advice, n=n),
            figure(engagement, self.spec, "needed_bits", float(bits[0]), note=f"of {bits[1]:.1f} bits", n=n),
        ]
        if "anew" in found:
            made.append(figure(engagement, self.spec, "retrained_loss", by_pairs(found["exact"], found["anew"])))
        for at, name in enumerate(names):
            said = _short(str(found["precision"][at])) if found["allowed"][at] else "not allowed"
            worth = by_pairs(found["exact"], found["without"][at])
            made.append(figure(engagement, self.spec, "column_worth", worth, column=name, note=f"needed: {said}"))
            made.append(figure(engagement, self.spec, "needed_bits", float(found["bits"][at, 0]), column=name, n=n))
        return Conclusion(made)


def _without(engagement: Engagement, rows: Dataset, ladder: Ladder) -> npt.NDArray[np.int64]:
    """(n,) what the model as it is answers where one column tells nothing, and all others are as they are."""
    column = ladder.apply(rows.features[ladder.name], ladder.top)
    return engagement.target.labels(rows.features.assign(**{ladder.name: column}))


def _short(precision: str) -> str:
    """A precision without its bounds, where those are many."""
    return precision if len(precision) <= LONGEST else precision.partition(", from ")[0]
