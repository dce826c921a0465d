"""The assessment behind ``evasion.trees``: rows that no change within the schema turns, proven, or that one turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.declarations import AssessmentSpec
from casemate.core.errors import DataError, TargetError, UsageError
from casemate.core.measurement import Measurement
from casemate.core.seeds import derive
from casemate.threats.evasion.declarations import TREES
from casemate.threats.evasion.space import violations
from casemate.threats.evasion.trees.attack import TreeAttack
from casemate.threats.evasion.trees.evaluate import TreeRobustness, figure
from casemate.threats.evasion.trees.pipeline import TableTrees
from casemate.training.engagement import Array, Conclusion, Engagement, Result, Task

BUDGETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {"rows": 60, "boxes": 500},
    "standard": {"rows": 200, "boxes": 2000},
    "thorough": {"rows": 500, "boxes": 20_000},
}
DEFAULTS: Mapping[str, Any] = {"eps": (0.05, 0.1, 0.25, 0.5), "chunk": 50}
UNITS = "a number's interquartile range; another category counts as 1"


class TreesEvasion:
    """Search the nearest row that the schema allows and the model answers otherwise, for a sample of unseen rows.

    Options (``[assess."evasion.trees"]``): ``eps`` (largest changes of a column: 1 is the interquartile range of a
    number, or another category), ``rows`` (sampled), ``boxes`` (judged a row until the search stops and its bounds stay
    apart), ``chunk`` (rows a task).

    Rows that the search cannot take, with a category that the encoder does not know or a value out of the schema's
    bounds, count as standing and as not certified; how many is said with every figure.
    """

    spec: AssessmentSpec = TREES

    def applies(self, engagement: Engagement) -> str:
        """The model is trees, alone or behind scalers and encoders, over a table, of which 20 rows are held out."""
        if len(engagement.nonmembers) < 20:
            return "fewer than 20 held-out rows"
        try:
            TableTrees.check(engagement.target.model, everything(engagement), engagement.nonmembers.schema)
        except (DataError, TargetError) as error:
            return f"{error.message}: {error.cause}" if error.cause else error.message
        return ""

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """One for each chunk of sampled rows."""
        options = settings(engagement)
        count, chunk = len(sampled(engagement)), int(options["chunk"])
        return tuple(
            Task(f"rows-{at:05d}", {"start": at, "stop": stop}, 2 * (stop - at), seconds=0.2 * (stop - at))
            for at in range(0, count, chunk)
            for stop in [min(at + chunk, count)]
        )

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Search for one chunk.

        Returns:
            "standing" and "certified" (eps, n) bool, "untaken" and "broken" (n,) bool: rows that the search cannot
            take, and examples that broke the schema, which count as none; "values" (n, d) the examples' coordinates,
            the row's own where none was found, and "boxes" (n,).
        """
        options = settings(engagement)
        numbers = sampled(engagement)[int(task.parameters["start"]) : int(task.parameters["stop"])]
        data = engagement.nonmembers.take(numbers)
        table = TableTrees.of(engagement.target.model, everything(engagement), data.schema)
        known = table.known(data.features)
        known[known] = table.constraints.admitted(table.rows(data.features[known]))
        correct = engagement.target.labels(data.features) == data.labels
        radii = radii_of(options)
        standing = np.repeat(correct[None], len(radii), axis=0)
        certified = np.zeros_like(standing)
        broken, boxes = np.zeros(len(data), dtype=bool), np.zeros(len(data), dtype=np.int64)
        values = np.full((len(data), len(table.coordinates)), np.nan)
        if known.any():
            rows = table.rows(data.features[known])
            search = TreeAttack(table.constraints, seconds=float("inf"), boxes=int(options["boxes"]))
            names = table.ensemble.classes[data.labels[known]]
            found = TreeRobustness(radii, search).evaluate(table, rows, names)
            right = np.flatnonzero(known)[found.correct]
            values[known] = rows
            values[right], boxes[right] = found.radius.examples, found.radius.boxes
            before = data.features.iloc[right]
            broken[right] = violations(data.schema, before, table.frame(found.radius.examples, before))
            standing[:, known] = [found.standing(eps) for eps in radii]
            certified[:, known] = [found.certified(eps) for eps in radii]
            standing[:, broken] = True
        return {
            "standing": standing,
            "certified": certified,
            "untaken": ~known,
            "broken": broken,
            "values": values,
            "boxes": boxes,
        }

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """Attacked and certified accuracy at every radius."""
        parts = [results[task.id] for task in self.tasks(engagement)]
        untaken = int(sum((part["untaken"] | part["broken"]).sum() for part in parts))
        measurements: list[Measurement] = []
        outcomes: dict[int, Array] = {}
        for at, eps in enumerate(radii_of(settings(engagement))):
            for metric, name in (("robust_accuracy", "standing"), ("certified_accuracy", "certified")):
                held = np.concatenate([part[name][at] for part in parts])
                outcomes[len(measurements)] = held
                measurements.append(_said(engagement, metric, eps, held, untaken))
        return Conclusion(measurements, outcomes)


def _said(engagement: Engagement, metric: str, eps: float, held: npt.NDArray[np.bool_], untaken: int) -> Measurement:
    knowledge = ("the schema", *([f"the defense {engagement.defense}"] if engagement.defense else []))
    made = figure(metric, eps, held, engagement.name, engagement.seed, UNITS, knowledge)
    note = "by search, which needs no gradients"
    if untaken:
        note += f"; {untaken} of the rows cannot be searched: counted as standing, not as certified"
    return msgspec.structs.replace(made, errors=untaken, note=note)


def settings(engagement: Engagement) -> dict[str, Any]:
    """The budgets of this effort with the user's options over them.

    Raises:
        UsageError: an option that does not exist, or a value that makes no sense.
    """
    given = engagement.settings(TREES.id)
    known = {*DEFAULTS, *BUDGETS["standard"]}
    options = {**DEFAULTS, **BUDGETS[engagement.effort], **given}
    unknown = sorted(set(given) - known)
    counts = min(int(options[name]) for name in ("rows", "boxes", "chunk"))
    if unknown or not options["eps"] or not all(0 < eps < np.inf for eps in options["eps"]) or counts < 1:
        raise UsageError(
            f"the options of {TREES.id} cannot be used",
            cause=f"unknown: {', '.join(unknown)}" if unknown else "eps are above 0 and finite, counts 1 or more",
            next_step=f"use: {', '.join(sorted(known))}",
        )
    return options


def radii_of(options: Mapping[str, Any]) -> tuple[float, ...]:
    """The largest changes of a column, ascending."""
    return tuple(sorted({float(eps) for eps in options["eps"]}))


def sampled(engagement: Engagement) -> npt.NDArray[np.intp]:
    """Positions of the rows under attack, in the order of the results."""
    order = np.random.default_rng(derive(engagement.seed, TREES.id, "sample")).permutation(len(engagement.nonmembers))
    return np.sort(order[: int(settings(engagement)["rows"])])


def everything(engagement: Engagement) -> pd.DataFrame:
    """All rows, which scales are taken from."""
    return pd.concat([engagement.members.features, engagement.nonmembers.features], ignore_index=True)
