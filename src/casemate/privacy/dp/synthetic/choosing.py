"""Which marginals are measured: MST, a tree of pairs; or AIM, whatever the model is worst at, again and again.

What is compared to choose is the L1 distance of a marginal of the records to the model's. The model's is rounded to
2^-10 first, so that the sum is exact and one record moves it by 1, not by a little more. What is chosen from, and how
large marginals may get, is decided without a look at the records.

References:
    McKenna, Miklau and Sheldon 2021, "Winning the NIST contest" (MST, arXiv 2108.04978), algorithm 1; McKenna, Mullins,
    Sheldon and Miklau 2022, "AIM: an adaptive and iterative mechanism for differentially private synthetic data"
    (arXiv 2201.12677), algorithms 2 and 3.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from casemate.privacy.dp.synthetic.meter import Measured, Meter, Sets, Whole, counted
from casemate.privacy.dp.synthetic.model import Model, fit
from casemate.privacy.dp.synthetic.tree import junction_tree

GRID: Final = 2.0**10
"""Steps of a record to which a model's counts are rounded before they are compared."""
CARE: Final = 1e-6
"""By which a sensitivity is larger: weighted scores of up to 10^8 records are rounded by less."""
CHOOSING: Final = 0.1
"""Of a round of AIM, the share that goes into the choice."""
WIDE: Final = 16
"""Columns beyond which AIM looks at pairs only."""
QUICK: Final = 300
"""Steps of a descent between two rounds of AIM."""


@dataclass(frozen=True, eq=False)
class Coded:
    """Records as codes.

    Attributes:
        codes: of each column, (n,).
        sizes: of each column, how many there are.
        singles: of each column, its marginal, measured.
    """

    codes: list[Whole]
    sizes: list[int]
    singles: list[Measured]

    def error(self, columns: Sets, model: Model, kept: dict[Sets, Whole]) -> float:
        """L1 distance of the records' marginal to the model's; one record more or less changes it by 1 at most."""
        if columns not in kept:
            kept[columns] = counted(self.codes, self.sizes, columns)
        expected = np.rint(model.marginal(columns) * GRID) / GRID
        return float(np.abs(kept[columns] - expected).sum())


def mst(meter: Meter, records: Coded) -> Model:
    """A tree of pairs that the model without them is worst at; half of what is left chooses, half measures."""
    many = len(records.sizes)
    if many < 2:
        return fit(records.sizes, records.singles)
    alone, kept = fit(records.sizes, records.singles), dict[Sets, Whole]()
    errors = {pair: records.error(pair, alone, kept) for pair in itertools.combinations(range(many), 2)}
    part, share = list(range(many)), meter.left / 2 / (many - 1)
    chosen: list[Sets] = []
    for _ in range(many - 1):
        open_ = [(a, b) for a, b in errors if part[a] != part[b]]
        a, b = open_[meter.choose(np.array([errors[pair] for pair in open_]), 1.0, share)]
        chosen.append((a, b))
        part = [part[a] if each == part[b] else each for each in part]
    pairs = [meter.marginal(records.codes, records.sizes, pair, share) for pair in chosen]
    return fit(records.sizes, [*records.singles, *pairs])


def aim(meter: Meter, records: Coded, cells: int) -> Model:
    """Measure what the model is worst at, with little noise once much does not help any more, until nothing is left.

    Args:
        meter: pays.
        records: with marginals of single columns.
        cells: of all cliques together, at most.
    """
    model, measured, kept = fit(records.sizes, records.singles), list(records.singles), dict[Sets, Whole]()
    weights = _workload(len(records.sizes))
    share = meter.left / ((2 if meter.pure else 16) * max(len(records.sizes), 1))
    whole = meter.left
    while weights and meter.left > 1e-6:  # each turn takes a share that never falls
        if meter.left < 2 * share:
            share = meter.left
        used = 1 - (meter.left - share) / whole
        fitting = [each for each in weights if _fits(each, measured, records.sizes, used * cells)]
        if not fitting:  # pairs too large for the model: nothing more can be learned
            break
        noise = meter.noise_of(share * (1 - CHOOSING))
        typical = noise * (1 / math.sqrt(2) if meter.pure else math.sqrt(2 / math.pi))
        scores = [
            weights[each] * (records.error(each, model, kept) - typical * _cells(each, records)) for each in fitting
        ]
        most = max(weights[each] for each in fitting)
        chosen = fitting[meter.choose(np.array(scores), most * (1 + CARE), share * CHOOSING)]
        measured.append(meter.marginal(records.codes, records.sizes, chosen, share * (1 - CHOOSING)))
        before = model.marginal(chosen)
        model = fit(records.sizes, measured, model, QUICK)
        if np.abs(model.marginal(chosen) - before).sum() <= typical * _cells(chosen, records):
            share *= 2 if meter.pure else 4
    return fit(records.sizes, measured, model)


def _workload(many: int) -> dict[Sets, float]:
    """What can be measured, each with how much it has in common with what is wanted: all triples, or all pairs."""
    order = 3 if many <= WIDE else 2
    wanted = list(itertools.combinations(range(many), min(order, many)))
    offered = [each for size in range(2, order + 1) for each in itertools.combinations(range(many), size)]
    return {each: float(sum(len({*each} & {*other}) for other in wanted)) for each in offered}


def _fits(columns: Sets, measured: list[Measured], sizes: list[int], cells: float) -> bool:
    """Whether the model would stay small; decided by sizes, which noise has decided, not by records."""
    if math.prod(sizes[each] for each in columns) > cells:
        return False
    return junction_tree([columns, *(each.columns for each in measured)], sizes).cells(sizes) <= cells


def _cells(columns: Sets, records: Coded) -> int:
    return math.prod(records.sizes[each] for each in columns)
