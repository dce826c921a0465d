"""What an attacker knows before the first query: which way each class lies, from labeled rows of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from casemate.targets.target import Codes
from casemate.threats.evasion.space import Flags, Floats, Space

RIDGE = 10.0


@dataclass(frozen=True)
class Prior:
    """A linear model of the classes, one against the rest, over the coordinates of a space.

    Attributes:
        slope: (d, classes) how much one unit of cost speaks for each class; 0 for categories.
        levels: for each coordinate (values, classes) how much each category speaks for each class; empty for numbers.
    """

    slope: Floats
    levels: tuple[Floats, ...]

    @classmethod
    def fit(cls, space: Space, values: Floats, there: Flags, labels: Codes, classes: int) -> Prior:
        """Ridge regression on one indicator a class.

        Args:
            space: the coordinates.
            values: (n, d) the attacker's own rows, encoded.
            there: (n, d) which of their cells are there.
            labels: (n,) their labels.
            classes: how many classes there are.
        """
        numbers = np.flatnonzero(~space.categorical)
        spans: dict[int, slice] = {}
        blocks: list[Floats] = []
        width = len(numbers)
        if width:
            known = np.where(there[:, numbers], values[:, numbers], np.nan) / space.scale[numbers]
            centered = known - np.nanmean(known, axis=0)
            blocks.append(np.nan_to_num(np.clip(centered, -5, 5)))
        for j in np.flatnonzero(space.categorical):
            size = len(space.axes[j].palette)
            block = np.zeros((len(values), size))
            seen = np.flatnonzero(there[:, j])
            block[seen, values[seen, j].astype(np.intp)] = 1.0
            spans[int(j)] = slice(width, width + size)
            blocks.append(block - block.mean(axis=0))
            width += size
        design = np.concatenate(blocks, axis=1)
        truth: npt.NDArray[np.float64] = np.eye(classes)[labels]
        weights = np.linalg.solve(design.T @ design + RIDGE * np.eye(width), design.T @ (truth - truth.mean(axis=0)))
        slope = np.zeros((len(space), classes))
        slope[numbers] = weights[: len(numbers)]
        levels = tuple(weights[spans[j]] if j in spans else np.empty((0, classes)) for j in range(len(space)))
        return cls(slope, levels)

    def away(self, labels: Codes) -> Floats:
        """(v, d) the direction away from each victim's label, a unit of cost each."""
        away: Floats = -self.slope[:, labels].T
        return away

    def additions(self, origin: Floats, best: Floats, movable: Flags, labels: Codes, most: int) -> list[Floats]:
        """Copies of the best examples, each with one more category changed: those that speak most against the label.

        Args:
            origin: (v, d) the victims.
            best: (v, d) their best examples.
            movable: (v, d) which cells may change.
            labels: (v,) the victims' labels.
            most: how many copies.

        Returns:
            Up to ``most`` arrays (v, d).
        """
        axes = [j for j, level in enumerate(self.levels) if len(level)]
        if not axes:
            return []
        rows = np.arange(len(origin))
        gains, codes = np.full((len(origin), len(axes)), -np.inf), np.zeros((len(origin), len(axes)))
        for at, j in enumerate(axes):
            level = -self.levels[j][:, labels].T
            now = np.where(movable[:, j], origin[:, j], 0).astype(np.intp)
            codes[:, at] = level.argmax(axis=1)
            gain = level.max(axis=1) - level[rows, now]
            gains[:, at] = np.where(movable[:, j] & (best[:, j] == origin[:, j]) & (gain > 0), gain, -np.inf)
        order = np.argsort(-gains, axis=1, kind="stable")[:, :most]
        copies = []
        for turn in range(order.shape[1]):
            pick, copy = order[:, turn], best.copy()
            good = np.isfinite(gains[rows, pick])
            copy[rows[good], np.array(axes)[pick[good]]] = codes[rows[good], pick[good]]
            copies.append(copy)
        return copies

    def margin(self, values: Floats, origin: Floats, scale: Floats, labels: Codes) -> Floats:
        """(n,) how far changes of rows speak against their label, compared with the rows themselves."""
        total = (((values - origin) / scale) * self.away(labels)).sum(axis=1)
        for j, level in enumerate(self.levels):
            if len(level):
                moved = values[:, j] != origin[:, j]
                now, then = (np.where(moved, cells[:, j], 0).astype(np.intp) for cells in (values, origin))
                total += np.where(moved, level[then, labels] - level[now, labels], 0.0)
        result: Floats = total
        return result
