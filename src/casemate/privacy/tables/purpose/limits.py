"""The assessment ``data.purpose``: what a model uses that its purpose does not allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.declarations import AssessmentSpec
from casemate.core.seeds import derive
from casemate.data.dataset import Dataset
from casemate.privacy.tables.purpose.declared import PURPOSE
from casemate.privacy.tables.purpose.figures import answers_of, by_pairs, figure
from casemate.stats import Estimate, clopper_pearson
from casemate.training.engagement import Conclusion, Engagement, Result, Task

EQUAL: Final = 1e-9
"""Scores nearer than this are the same answer: sums in another order are no use of a column."""
NUMBERS: Final = ("number", "integer")


class Limits:
    """Exchanges or rounds what is not allowed, and looks whether answers change."""

    spec: AssessmentSpec = PURPOSE

    def applies(self, engagement: Engagement) -> str:
        """A purpose has to be stated, and a precision is one of numbers."""
        settings = engagement.settings(self.spec.id)
        if settings.get("allowed") is None and not settings.get("precision"):
            return "[purpose] names no columns"
        schema = engagement.members.schema
        odd = [name for name in settings.get("precision") or {} if schema[name].type not in NUMBERS]
        return f"[purpose] gives a precision to {', '.join(odd)}, which holds no numbers" if odd else ""

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """Asking about every limited column; training anew without what is not allowed, where there is a recipe."""
        many = len(engagement.nonmembers) * (1 + len(self._limited(engagement)))
        tasks = [Task("use", queries=many, seconds=0.1 + many / 50_000)]
        if engagement.recipe is not None and self._limited(engagement):
            tasks.append(Task("anew", queries=len(engagement.nonmembers), seconds=2.0))
        return tasks

    def work(self, engagement: Engagement, task: Task) -> Result:
        """``use``: (columns, n) which answers change and which are right; ``anew``: (n,) which are right."""
        rows, limited = engagement.nonmembers, self._limited(engagement)
        seed = derive(engagement.seed, self.spec.id)
        if task.id == "anew" and engagement.recipe is not None:
            usual = engagement.members.features.mode().iloc[0]
            anew = engagement.recipe.fit(_told(engagement.members, limited, usual), seed)
            before = engagement.target.labels(rows.features) == rows.labels
            return {"before": before, "after": anew.labels(_told(rows, limited, usual).features) == rows.labels}
        answers = answers_of(engagement.target, rows.features)
        changed, right = [], []
        for name, step in limited.items():
            order = np.random.default_rng(derive(seed, name)).permutation(len(rows))
            column = rows.features[name]
            other = _rounded(column, step) if step else column.iloc[order].set_axis(column.index)
            after = answers_of(engagement.target, rows.features.assign(**{name: other}))
            changed.append(np.abs(after - answers).max(axis=1) > EQUAL)
            right.append(after.argmax(axis=1) == rows.labels)
        shape = (len(limited), len(rows))
        return {
            "before": answers.argmax(axis=1) == rows.labels,
            "changed": np.array(changed, dtype=bool).reshape(shape),
            "after": np.array(right, dtype=bool).reshape(shape),
        }

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """How many columns are used, and of each how often, and what it is worth."""
        limited, found = self._limited(engagement), results["use"]
        changed, before, n = found["changed"], found["before"], len(found["before"])
        used = [name for name, rows in zip(limited, changed, strict=True) if rows.any()]
        said = f"used: {', '.join(used)}" if used else "nothing that is not allowed changes an answer"
        made = [figure(engagement, self.spec, "disallowed_fields", float(len(used)), note=said, n=n)]
        outcomes = dict[int, npt.NDArray[Any]]()
        for (name, step), rows, after in zip(limited.items(), changed, found["after"], strict=True):
            what = f"more precisely than to {step:g}" if step else "not allowed at all"
            k = int(rows.sum())
            share = Estimate(k / n, clopper_pearson(k, n), n)
            outcomes[len(made)] = rows
            made.append(figure(engagement, self.spec, "disallowed_use", share, column=name, note=what, k=k))
            made.append(
                figure(engagement, self.spec, "disallowed_worth", by_pairs(before, after), column=name, note=what)
            )
        if "anew" in results:
            loss = by_pairs(results["anew"]["before"], results["anew"]["after"])
            made.append(figure(engagement, self.spec, "purpose_loss", loss, note="trained anew on what is allowed"))
        return Conclusion(made, outcomes)

    def _limited(self, engagement: Engagement) -> dict[str, float | None]:
        """Columns that are not allowed: None; those allowed to a precision: its step."""
        settings, names = engagement.settings(self.spec.id), engagement.members.schema.names
        allowed = settings.get("allowed")
        without: dict[str, float | None] = {name: None for name in names if allowed is not None and name not in allowed}
        return {**without, **{str(name): float(step) for name, step in (settings.get("precision") or {}).items()}}


def _rounded(column: pd.Series, step: float) -> pd.Series:
    """The column at multiples of a step, of the type it has."""
    near = (column.astype(np.float64) / step).round() * step
    return near.astype(column.dtype) if not pd.api.types.is_integer_dtype(column) or step == int(step) else near


def _told(rows: Dataset, limited: Mapping[str, float | None], usual: pd.Series) -> Dataset:
    """Rows with what is not allowed taken away: the usual value in columns that are not allowed, steps in others.

    One value everywhere tells nothing, and any recipe that could take the column can take it.
    """
    told = {}
    for name, step in limited.items():
        column = rows.features[name]
        one = pd.Series([usual[name]] * len(rows), column.index, column.dtype, name)
        told[name] = _rounded(column, step) if step else one
    return replace(rows, features=rows.features.assign(**told))
