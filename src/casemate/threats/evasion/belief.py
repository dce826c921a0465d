"""What an attack believes about the boundary near each victim, and the random numbers it asks with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from casemate.core.seeds import derive
from casemate.threats.evasion.space import Floats, Positions


@dataclass
class Draws:
    """One stream of random numbers a victim, so that none depends on who is attacked beside it."""

    streams: list[np.random.Generator]

    @classmethod
    def of(cls, numbers: npt.NDArray[np.int64], root: int) -> Draws:
        """Streams for victims by their numbers in the whole data set."""
        return cls([np.random.default_rng(derive(root, "victim", int(number))) for number in numbers])

    def normal(self, rows: Positions, shape: tuple[int, ...]) -> Floats:
        """(m, *shape) standard normal numbers."""
        return np.stack([self.streams[row].standard_normal(shape) for row in rows])

    def uniform(self, rows: Positions, shape: tuple[int, ...]) -> Floats:
        """(m, *shape) numbers between 0 and 1."""
        return np.stack([self.streams[row].random(shape) for row in rows]) if len(rows) else np.empty((0, *shape))


@dataclass
class Belief:
    """The direction in which each victim's answer turns: a ridge regression of answers on probes, updated in place.

    Attributes:
        gram: (v, d, d) weighted second moments of probes.
        pull: (v, d) weighted sum of probes times answers.
    """

    gram: Floats
    pull: Floats

    @classmethod
    def start(cls, directions: Floats, trust: float) -> Belief:
        """Before any probe: (v, d) directions that weigh as much as ``trust`` probes."""
        victims, axes = directions.shape
        gram = np.repeat(np.eye(axes)[None] * (trust / axes), victims, axis=0)
        unit = directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
        return cls(gram, unit * trust / axes)

    def normal(self, rows: Positions) -> Floats:
        """(m, d) unit directions in which the answers of these victims most likely turn."""
        solved = np.linalg.solve(self.gram[rows], self.pull[rows][..., None])[..., 0]
        unit: Floats = solved / np.maximum(np.linalg.norm(solved, axis=1, keepdims=True), 1e-12)
        return unit

    def learn(self, rows: Positions, probes: Floats, answers: Floats, keep: float) -> None:
        """Add probes (m, b, d) of about unit length and their answers (m, b); earlier ones count ``keep`` times."""
        self.gram[rows] = keep * self.gram[rows] + np.einsum("mbi,mbj->mij", probes, probes)
        self.gram[rows] += 1e-3 * np.eye(self.gram.shape[1])
        self.pull[rows] = keep * self.pull[rows] + np.einsum("mbi,mb->mi", probes, answers)
