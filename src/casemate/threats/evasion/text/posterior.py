"""What an attack believes each change does to the score: a Bayesian linear regression, updated answer by answer."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]


class Posterior:
    """Gaussian beliefs about additive effects of changes on the margin.

    The effect of a change is the effect of touching its word, whichever way, plus that of the way. All words share an
    unknown mean, since touching all of them takes most of the margin away. The scale of effects is learned with the
    answers (a normal-inverse-gamma prior worth four of them).

    Args:
        word: (a,) which word each change is of.
        mean: (a,) what is expected of each change before the first answer.
        scale: how far from that an effect typically lies.
        way: share of the variance that is the way's, not the word's.
        noise: standard deviation of what additivity misses, in units of ``scale``.
    """

    def __init__(self, word: Positions, mean: Floats, scale: float, way: float = 0.25, noise: float = 0.5) -> None:
        self.word, self.mean, self.noise = word, mean, noise
        self.first, self.words = max(scale, 1e-9), int(word.max()) + 1 if len(word) else 0
        self.way, self.own, self.common = way, 1.0 - way, 1.0 / max(self.words, 1)
        self.count = 0
        self._made = np.zeros((16, len(word)))
        self._touched = np.zeros((16, self.words))
        self._moved = np.zeros(16)
        self._root = np.zeros((16, 16))

    def learn(self, chosen: Positions, effect: float) -> None:
        """Add one answer: the changes made together, at most one a word, and by how much the margin moved.

        The root of the covariance of the answers grows by one row (Cholesky), in the square of their number.
        """
        if self.count == len(self._moved):
            self._grow()
        at = self.count
        self._made[at, chosen], self._touched[at, self.word[chosen]] = 1.0, 1.0
        self._moved[at] = effect - float(self.mean[chosen].sum())
        made, touched = self._made[: at + 1], self._touched[: at + 1]
        row = self.way * (made @ made[at]) + self.own * (touched @ touched[at])
        row += self.common * len(chosen) * touched.sum(axis=1)
        if at:
            self._root[at, :at] = _solve(self._root[:at, :at], row[:at])
        rest = row[at] + self.noise**2 - self._root[at, :at] @ self._root[at, :at]
        self._root[at, at] = np.sqrt(max(rest, 1e-9))
        self.count += 1

    def draw(self, stream: np.random.Generator, boldness: float = 1.0) -> Floats:
        """(a,) effects drawn from the posterior; ``boldness`` 0 is its mean, 1 is Thompson sampling.

        A draw from the prior is corrected by what it gets wrong about the answers (Matheron's rule).
        """
        sample = self._effects(
            float(stream.standard_normal()), stream.standard_normal(self.words), stream.standard_normal(len(self.word))
        )
        if not self.count:
            return self.mean + boldness * self.first * sample
        made, root, moved = self._made[: self.count], self._root[: self.count, : self.count], self._moved[: self.count]
        whitened = _solve(root, moved)
        scale = float(np.sqrt((4.0 * self.first**2 + whitened @ whitened) / (4.0 + self.count)))
        imagined = made @ sample + self.noise * stream.standard_normal(self.count)
        weights = _solve(root, whitened - boldness * scale * _solve(root, imagined), trans=1)
        touched = self._touched[: self.count]
        effects: Floats = self.way * (weights @ made) + self.own * (weights @ touched)[self.word]
        shared = self.common * float(weights @ touched.sum(axis=1))
        found: Floats = self.mean + boldness * scale * sample + effects + shared
        return found

    def _effects(self, shared: float, words: Floats, ways: Floats) -> Floats:
        own, way = np.sqrt(self.own) * words[self.word], np.sqrt(self.way) * ways
        effects: Floats = own + way + np.sqrt(self.common) * shared
        return effects

    def _grow(self) -> None:
        size = len(self._moved)
        self._made = np.pad(self._made, ((0, size), (0, 0)))
        self._touched = np.pad(self._touched, ((0, size), (0, 0)))
        self._moved = np.pad(self._moved, (0, size))
        self._root = np.pad(self._root, ((0, size), (0, size)))


def _solve(root: Floats, right: Floats, trans: Literal[0, 1] = 0) -> Floats:
    found: Floats = solve_triangular(root, right, trans=trans, lower=True, check_finite=False)
    return found
