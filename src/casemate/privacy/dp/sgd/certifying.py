"""The certificate of a descent, from what was spent and what released it."""

from __future__ import annotations

import math
from typing import Final

from casemate.privacy.dp.accounting.accountant import Accountant
from casemate.privacy.dp.certificate import CURVE, Certificate
from casemate.privacy.dp.sgd.correlated import CorrelatedRelease
from casemate.privacy.dp.sgd.release import GradientRelease

ROUNDING: Final = "rounding of gradients in floating point below 2^-10 of the clip norm"
"""Assumed by every descent."""


def certify(
    spent: Accountant,
    release: GradientRelease | CorrelatedRelease,
    *,
    epsilon: float,
    delta: float,
    distance: float,
    releases: int,
    mechanism: str,
    sampler: str,
    assumed: tuple[str, ...] = (),
    settings: dict[str, float | int | str | bool],
) -> Certificate:
    """Say what a descent guarantees; ``distance`` is of all its noise, and becomes part of delta."""
    curve = tuple(
        (each, min(spent.delta(each) + distance * (1 + math.exp(each)), 1.0))
        for each in (epsilon * factor for factor in CURVE)
    )
    return Certificate(
        mechanism=mechanism,
        relation="zero_out",
        epsilon=epsilon,
        delta=delta,
        curve=curve,
        sensitivity=release.sensitivity,
        noise=release.scale,
        releases=releases,
        grid=release.grid,
        sampler=sampler,
        entropy=release.entropy.name,
        trusted=release.entropy.trusted,
        distance=distance,
        assumed=(ROUNDING, *assumed),
        settings=settings,
    )
