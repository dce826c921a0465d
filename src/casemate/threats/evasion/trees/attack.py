"""The exact distance at which a tree ensemble changes its answer, or bounds of it that hold whenever one stops."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from casemate.core.errors import TargetError, UsageError
from casemate.threats.evasion.trees.constraints import Constraints
from casemate.threats.evasion.trees.cuts import make
from casemate.threats.evasion.trees.form import Ensemble, Flags, Floats, Number, Whole, as_rows
from casemate.threats.evasion.trees.model import Model
from casemate.threats.evasion.trees.search import OPEN, Judge, Search
from casemate.threats.evasion.trees.start import Stand
from casemate.threats.evasion.trees.window import Contest, contest, root_radii

FIRST_WINDOW = 1.1
"""The first window reaches this many times as far as the bound of the whole box."""

DIVE = 40
"""While there is no example, a greedy one is looked for after so many steps, then after twice as many, and so on."""


@dataclass(frozen=True)
class TreeRadius:
    """How far each row must move until the model answers otherwise: ``lower`` <= the true radius <= ``upper``.

    Attributes:
        lower: (n,) no example that the constraints allow lies nearer, in float64, whatever the model rounds.
        upper: (n,) distance of the example; infinite where none was found.
        examples: (n, d) the examples, in the type of the rows; the row itself where none was found. The model itself
            answered otherwise for every one of them.
        exact: (n,) whether both bounds are the same; both infinite means that no example exists.
        codes: (n,) codes of the model's answers for the rows.
        boxes: (n,) boxes judged.
        seconds: (n,) CPU seconds.
    """

    lower: Floats
    upper: Floats
    examples: npt.NDArray[np.floating]
    exact: Flags
    codes: Whole
    boxes: Whole
    seconds: Floats


@dataclass(frozen=True)
class TreeAttack:
    """Search for the nearest row, in the maximum norm, that a tree ensemble answers otherwise.

    Attributes:
        constraints: what may be changed and at what cost; the radius is in units of cost.
        within: rows are only asked about up to this radius; beyond it, ``lower`` says no more than that it is beyond.
        seconds: CPU seconds a row, after which the bounds known are returned.
        boxes: boxes judged a row, likewise; unlike seconds, the same on every machine. None: as many as it takes.

    Example:
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> model = DecisionTreeClassifier().fit([[0.0, 5.0], [1.0, 5.0]], [0, 1])
        >>> found = TreeAttack()(model, np.array([[0.25, 5.0]]))
        >>> found.exact.tolist(), found.upper.round(6).tolist(), model.predict(found.examples).tolist()
        ([True], [0.25], [1])
    """

    constraints: Constraints = field(default_factory=Constraints)
    within: float = np.inf
    seconds: float = 10.0
    boxes: int | None = None

    def __post_init__(self) -> None:
        if not self.within >= 0 or not self.seconds > 0 or (self.boxes is not None and self.boxes < 1):
            raise UsageError(
                "a search with these limits cannot find anything",
                cause=f"within={self.within}, seconds={self.seconds}, boxes={self.boxes}",
                next_step="within is 0 or more; seconds and boxes are positive",
            )

    def __call__(self, model: Any, x: Any) -> TreeRadius:
        """Attack every row.

        Args:
            model: a fitted tree classifier (see ``read``), or a ``Target`` of one with access to its weights.
            x: (n, d) rows of numbers: an array, or a frame. Rows in float32 get examples in float32.

        Raises:
            TargetError: the model cannot be read, or answers otherwise than its trees say.
            DataError: rows do not fit the model or break the constraints.
        """
        return self.run(Model.of(model, x))

    def run(self, asked: Model) -> TreeRadius:
        """Attack every row of a model that was read before."""
        rows = as_rows(asked.rows, asked.ensemble)
        self.constraints.admit(rows)
        prepared = _Prepared(asked, self.constraints, "float32" if asked.rows.dtype == np.float32 else "float64")
        codes = asked.codes(rows) if len(rows) else np.empty(0, dtype=np.int64)
        found = [self._row(prepared, row, int(code)) for row, code in zip(rows, codes, strict=True)]
        lower, upper = np.array([each[0] for each in found]), np.array([each[1] for each in found])
        examples = np.stack([each[2] for each in found]) if found else rows.copy()
        hit = np.isfinite(upper)
        if hit.any() and (asked.codes(examples[hit]) == codes[hit]).any():
            raise TargetError(
                f"{asked.ensemble.kind} answers otherwise than its trees say",
                cause="an example beyond all rounding did not change its answer",
                next_step="report it with the versions of the libraries; until then use evasion.decision",
            )
        return TreeRadius(
            lower,
            upper,
            examples.astype(asked.rows.dtype),
            lower == upper,
            codes,
            np.array([each[3] for each in found], dtype=np.int64),
            np.array([each[4] for each in found]),
        )

    def _row(self, prepared: _Prepared, row: Floats, code: int) -> tuple[float, float, Floats, int, float]:
        begun = time.process_time()
        start = prepared.stand(row)
        judge = prepared.judge(row, code)
        contests = prepared.contests(code)
        roots = root_radii(start, prepared.cuts, contests).tolist()
        limit = float(np.nextafter(self.within, np.inf)) if np.isfinite(self.within) else np.inf
        upper, example, judged, steps, dive = limit, row, 0, 0, DIVE
        bounds = {at: root for at, root in enumerate(roots) if root < np.inf}
        searches: dict[int, Search] = {}
        doubted = np.inf
        # every turn opens boxes of one search or drops it, and searches end
        while bounds:
            at = min(bounds, key=lambda each: (bounds[each], each))
            if bounds[at] >= upper or time.process_time() - begun > self.seconds:
                break
            if (self.boxes is not None and judged >= self.boxes) or sum(each.open for each in searches.values()) > OPEN:
                break
            search = searches.get(at)
            if search is None:
                radius = min(FIRST_WINDOW * roots[at], upper, start.farthest)
                search = Search(
                    start, prepared.stand, prepared.cuts, contests[at], judge, max(radius, roots[at]), upper
                )
                searches[at] = search
            else:
                judged -= search.judged
                search.upper = upper
                search.step()
                steps += 1
                if upper == limit and steps >= dive:
                    dive *= 2
                    search.dive(min(search.window.radius * 2, start.farthest, limit))
            judged += search.judged
            if search.found is not None and search.upper < upper:
                upper, example = search.upper, search.found
            doubted = min(doubted, search.doubted)
            bounds[at] = search.lower
            if bounds[at] >= upper or search.open == 0:
                del bounds[at], searches[at]
        lower = min(upper, doubted, *bounds.values()) if bounds else min(upper, doubted)
        known = upper if upper < limit else np.inf
        if known == np.inf and lower >= limit:
            lower = limit
        return lower, known, example, judged, time.process_time() - begun


class _Prepared:
    """What all rows share: the cuts, and the contests between classes, made when first asked for."""

    def __init__(self, asked: Model, constraints: Constraints, grid: Number) -> None:
        self.asked, self.constraints = asked, constraints
        self.ensemble: Ensemble = asked.ensemble
        rules = constraints.table(self.ensemble.features)
        grouped = [column for group in constraints.one_hot for column in group]
        self.cuts = make(self.ensemble, rules, grid, grouped)
        self.stand = Stand(self.cuts, rules, constraints)
        self.contests = lru_cache(maxsize=None)(self._contests)

    def _contests(self, code: int) -> tuple[Contest, ...]:
        rivals: Sequence[int] = [1 - code] if self.ensemble.outputs == 1 else range(self.ensemble.outputs)
        return tuple(contest(self.ensemble, self.cuts, code, rival) for rival in rivals if rival != code)

    def judge(self, row: Floats, code: int) -> Judge:
        """Which rows are examples; the model is asked only where rounding could decide."""
        check = self.constraints.check

        def said(moved: Floats, sure: Flags) -> list[bool | None]:
            wins = sure.copy()
            if not sure.all():
                wins[~sure] = self.asked.codes(moved[~sure]) != code
            refused = [check is not None and not check(row.copy(), one.copy()) for one in moved]
            return [None if no and win else bool(win) for no, win in zip(refused, wins, strict=True)]

        return said
