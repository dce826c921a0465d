"""An oracle for tree radii: the mixed-integer program of Kantchelian et al. 2016, solved by HiGHS.

It shares the ensemble's arrays with the engine and nothing else: thresholds, boxes and distances are made here, in
plain float64, so that it agrees up to the width of a rounding and not to the last digit.

A. Kantchelian, J. D. Tygar, A. D. Joseph, "Evasion and Hardening of Tree Ensemble Classifiers", ICML 2016, section 4.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix

from casemate.threats.evasion.trees.form import LEAF, Ensemble

LEAD = 1e-5
"""The rival must lead by this much, or not be behind by more where it wins ties (forests tie often, and the first of
two classes wins): the solver takes a constraint for met that is missed by 1e-6."""


def radius(ensemble: Ensemble, row: np.ndarray, code: int, *, most: float = 1.0, seconds: float = 60.0) -> float:
    """Least Linf distance to a row that another class wins.

    Args:
        ensemble: the trees.
        row: (d,) the row.
        code: the class that it is now.
        most: examples farther away are not looked for.
        seconds: time limit for each rival.

    Returns:
        the distance, infinite where there is none within ``most``, NaN where the solver did not finish.
    """
    rivals = [1 - code] if ensemble.outputs == 1 else [each for each in range(ensemble.outputs) if each != code]
    found = []
    for rival in rivals:
        best = _against(ensemble, row, code, rival, min([most, *found]), seconds)
        if np.isnan(best):
            return best
        found.append(best)
    return min(found)


def _against(ensemble: Ensemble, row: np.ndarray, code: int, rival: int, most: float, seconds: float) -> float:
    if ensemble.outputs == 1:
        weight, start = (1.0 if rival else -1.0), float(ensemble.base[0]) * (1.0 if rival else -1.0)
        gains = [weight * tree.value[:, 0] for tree in ensemble.trees]
    else:
        start = float(ensemble.base[rival] - ensemble.base[code])
        gains = [tree.value[:, rival] - tree.value[:, code] for tree in ensemble.trees]
    cuts = {
        column: np.unique(np.concatenate([tree.threshold[tree.feature == column] for tree in ensemble.trees]))
        for column in range(ensemble.features)
    }
    # one variable a threshold ("x lies left of it"), then one a leaf, then the distance
    offset, count = {}, 0
    for column, values in cuts.items():
        offset[column] = count
        count += len(values)
    lower, upper, whole = [0.0] * count, [1.0] * count, [1] * count
    rows: list[dict[int, float]] = []
    least: list[float] = []
    limits: list[float] = []

    def constrain(terms: dict[int, float], low: float, high: float) -> None:
        rows.append(terms)
        least.append(low)
        limits.append(high)

    for column, values in cuts.items():
        at, here = offset[column], row[column]
        for place, value in enumerate(values):
            if value > here + most:
                lower[at + place] = 1.0
            if value < here - most:
                upper[at + place] = 0.0
        for place in range(len(values) - 1):
            constrain({at + place: 1.0, at + place + 1: -1.0}, -np.inf, 0.0)
    lead: dict[int, float] = {}
    for tree, gain in zip(ensemble.trees, gains, strict=True):
        leaves = np.flatnonzero(tree.feature == LEAF)
        if not gain[leaves].any():
            continue
        number = {int(leaf): count + place for place, leaf in enumerate(leaves)}
        count += len(leaves)
        lower += [0.0] * len(leaves)
        upper += [1.0] * len(leaves)
        whole += [0] * len(leaves)
        constrain(dict.fromkeys(number.values(), 1.0), 1.0, 1.0)
        lead |= {number[int(leaf)]: float(gain[leaf]) for leaf in leaves}
        below: dict[int, list[int]] = {}
        for node in range(len(tree.feature) - 1, -1, -1):  # children lie behind their parents
            if tree.feature[node] == LEAF:
                below[node] = [number[node]]
                continue
            left, right = below[int(tree.left[node])], below[int(tree.right[node])]
            below[node] = left + right
            column = int(tree.feature[node])
            goes_left = offset[column] + int(np.searchsorted(cuts[column], tree.threshold[node]))
            constrain({**dict.fromkeys(left, 1.0), goes_left: -1.0}, -np.inf, 0.0)
            constrain({**dict.fromkeys(right, 1.0), goes_left: 1.0}, -np.inf, 1.0)
    tie_wins = ensemble.rule.even == rival if ensemble.outputs == 1 else rival < code
    constrain(lead, (-LEAD if tie_wins else LEAD) - start, np.inf)
    distance = count
    for column, values in cuts.items():
        if not len(values):
            continue
        # distance of each interval from the row; the interval is the first whose threshold lies right
        away = np.concatenate([np.maximum(row[column] - values, 0.0), [0.0]])
        away = np.maximum(away, np.concatenate([[0.0], np.maximum(values - row[column], 0.0)]))
        terms = {offset[column] + place: float(away[place] - away[place + 1]) for place in range(len(values))}
        constrain({**terms, distance: -1.0}, -np.inf, -float(away[-1]))
    lower.append(0.0)
    upper.append(most)
    whole.append(0)
    places = [(line, at, value) for line, terms in enumerate(rows) for at, value in terms.items()]
    line, at, value = (np.array(part) for part in zip(*places, strict=True))
    with silent():
        solved = milp(
            np.eye(1, count + 1, distance)[0],
            constraints=LinearConstraint(csr_matrix((value, (line, at)), shape=(len(rows), count + 1)), least, limits),
            bounds=Bounds(lower, upper),
            integrality=np.array(whole),
            options={"time_limit": seconds, "mip_rel_gap": 0.0},
        )
    if solved.status == 2:
        return float("inf")
    return float(solved.fun) if solved.status == 0 else float("nan")


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """HiGHS says some things past Python, on the process's own standard output."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
