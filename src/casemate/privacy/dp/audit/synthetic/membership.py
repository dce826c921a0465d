"""A game about synthetic tables: coins decide who is in the private table, adversaries guess from the synthetic one.

In each of several worlds every record of a pool is in or out by a coin of its own, a synthesizer is fitted to those
that are in, and each adversary scores the whole pool. A mechanism that is (epsilon, delta)-private leaves little to
guess. Two things speak against a claim, each at a stated confidence:

- more right guesses than the claim allows, whatever the mechanism and however records influence each other
  (`casemate.privacy.dp.audit.one_run`). Worlds have independent coins, so their guesses count as those of one run;
- a point of the curve above the bound: at some threshold, a share of those that are in found that is larger than
  exp(epsilon) times the share of those that are out, plus delta. Thresholds come from one half of the pool, shares from
  the other, intervals from the spread between worlds.

The control judges each world's scores by the coins of the next: without a leak in the game itself it is at 0.5.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from casemate.core.errors import DataError, UsageError
from casemate.core.measurement import Measurement
from casemate.core.threat import Access, ThreatModel
from casemate.privacy.dp.audit.one_run import Guesses, guess, lower_bound
from casemate.privacy.dp.audit.synthetic.records import Coded, Floats, side_by_side
from casemate.privacy.dp.audit.synthetic.scores import ClosestRecord, DensityRatio, MarginalRatio, Score, Seen
from casemate.privacy.dp.certificate import Certificate
from casemate.privacy.dp.warning import PrivacyWarning
from casemate.stats import Estimate, auc, replicates

Coins = npt.NDArray[np.bool_]

ADVERSARIES: Final[tuple[Score, ...]] = (ClosestRecord(), DensityRatio(), MarginalRatio())
RATES: Final = (0.01, 0.05, 0.2)
"""False alarms at which the curve is looked at."""
SURE: Final = (0.02, 0.1, 0.5)
"""Shares of the coins that are guessed, the surest ones."""
KIND: Final = "attack/membership/synthetic"
ADVERSARY: Final = ThreatModel(
    goal="tell whether a record was in the table that a synthetic one was made of",
    knowledge=("the synthetic table", "records of the population that were not in", "the certificate"),
    access=Access.LABELS,
)
FEWEST: Final = 100
"""Records of a pool."""


@dataclass(frozen=True)
class Point:
    """A point of the curve.

    Attributes:
        rate: of false alarms that the threshold was set for.
        found: share of those that are in that lie above it.
        false: share of those that are out that do.
    """

    rate: float
    found: Estimate
    false: Estimate

    def above(self, curve: Sequence[tuple[float, float]]) -> bool:
        """Whether the claimed curve does not allow it."""
        return any(self.found.low > math.exp(min(epsilon, 700.0)) * self.false.high + delta for epsilon, delta in curve)


@dataclass(frozen=True)
class Outcome:
    """What one adversary got.

    Attributes:
        name: of the adversary.
        area: under the curve, the mean over worlds; 0.5 tells nothing.
        control: the same with coins of another world.
        points: of the curve.
        lower: epsilon that the mechanism exceeds at the claimed delta.
    """

    name: str
    area: Estimate
    control: Estimate
    points: tuple[Point, ...]
    lower: float


@dataclass(frozen=True)
class Membership:
    """What a game showed.

    Attributes:
        certificate: what was claimed; None if nothing was.
        outcomes: of each adversary.
        worlds: how many there were.
        pool: records that coins were tossed for in each.
        confidence: that an honest claim is not refuted.
    """

    certificate: Certificate | None
    outcomes: tuple[Outcome, ...]
    worlds: int
    pool: int
    confidence: float

    @property
    def reasons(self) -> tuple[str, ...]:
        """What speaks against the claim, in words; empty if nothing does, or nothing was claimed."""
        if self.certificate is None:
            return ()
        claimed, found = self.certificate, list[str]()
        curve = claimed.curve or ((claimed.epsilon, claimed.delta),)
        for each in self.outcomes:
            if each.lower > claimed.epsilon:
                found.append(f"{each.name}: right guesses show an epsilon of {each.lower:.3g}")
            found += [
                f"{each.name}: at least {point.found.low:.1%} found at no more than {point.false.high:.1%} false alarms"
                for point in each.points
                if point.above(curve)
            ]
        return tuple(found)

    @property
    def refuted(self) -> bool:
        """Whether the claim cannot hold, at the confidence asked for."""
        return bool(self.reasons)

    def measurements(self, subject: str, seed: int = 0) -> list[Measurement]:
        """For the record: of each adversary, the area, and the share found at each rate of false alarms.

        Args:
            subject: name of the table.
            seed: that was given to the game.
        """
        found = []
        for each in self.outcomes:
            kind = f"{KIND}/{each.name.partition(' (')[0].replace(' ', '-')}"
            figures = [("auc", each.area, {}), *(("tpr", point.found, {"fpr": point.rate}) for point in each.points)]
            found += [
                Measurement(
                    assessment="synthetic.membership",
                    kind=kind,
                    metric=metric,
                    subject=subject,
                    estimate=figure.value,
                    low=figure.low,
                    high=figure.high,
                    n=self.worlds,
                    k=None,
                    confidence=figure.interval.confidence,
                    clusters=self.worlds,
                    method=figure.method,
                    threat_model=ADVERSARY,
                    seed=seed,
                    at={**at},
                    unit="auc" if metric == "auc" else "proportion",
                )
                for metric, figure, at in figures
            ]
        return found

    def __str__(self) -> str:
        claim = f"epsilon {self.certificate.epsilon:g} claimed" if self.certificate else "nothing claimed"
        said = "; ".join(f"{each.name}: AUC {each.area}, epsilon at least {each.lower:.2g}" for each in self.outcomes)
        verdict = f"REFUTED: {'; '.join(self.reasons)}" if self.refuted else "not refuted"
        return f"{claim}; {said}; {verdict} ({self.worlds} worlds, {self.pool} records)"


def attack(
    synthesizer: Any,
    pool: pd.DataFrame,
    reference: pd.DataFrame,
    *,
    adversaries: Sequence[Score] = ADVERSARIES,
    worlds: int = 10,
    confidence: float = 0.999,
    seed: int = 0,
) -> Membership:
    """Play the game.

    Args:
        synthesizer: with ``fit(frame)`` and ``sample()``; cloned for each world. A ``SyntheticTable``'s certificate is
            the claim that is attacked, and the marginals it names are known to the adversary.
        pool: (n, columns) records, about half of which are in each private table.
        reference: records of the same population that are never in; what the adversary knows.
        adversaries: who guesses.
        worlds: independent ones, two or more.
        confidence: that an honest claim is not refuted.
        seed: of coins and of samples; the synthesizer's own noise is its own.

    Raises:
        DataError: the pool is too small, or tables have other columns.
        UsageError: there are fewer than two worlds, or no adversary.
    """
    if len(pool) < FEWEST:
        raise DataError(f"a pool of {len(pool)} records is too small", next_step=f"give {FEWEST} or more")
    if worlds < 2 or not adversaries:
        raise UsageError("a game needs an adversary, and two worlds for an interval", next_step="ask for both")
    if set(pool.columns) != set(reference.columns):
        raise DataError("the pool and the reference have other columns", next_step="give tables of one form")
    reference = reference[list(pool.columns)]
    random = np.random.default_rng(seed)
    coins = random.random((worlds, len(pool))) < 0.5
    setting = random.random(len(pool)) < 0.5  # who sets thresholds, and who is judged by them
    scored = np.empty((len(adversaries), worlds, len(pool)))
    certificate: Certificate | None = None
    for world in range(worlds):
        made = _fitted(clone(synthesizer), pool[coins[world]].reset_index(drop=True))
        certificate = getattr(made, "certificate_", None)
        known, synthetic, targets = side_by_side(reference, made.sample(random_state=seed + world), pool)
        seen = Seen(synthetic, known, int(coins[world].sum()), _marginals(made))
        for at, adversary in enumerate(adversaries):
            scored[at, world] = _scores(adversary, seen, targets)
    doubt = (1 - confidence) / len(adversaries) / 2
    delta = certificate.delta if certificate else 0.0
    outcomes = [
        _outcome(each.name, scores, coins, setting, delta, doubt)
        for each, scores in zip(adversaries, scored, strict=True)
    ]
    return Membership(certificate, tuple(outcomes), worlds, len(pool), confidence)


def _fitted(synthesizer: Any, table: pd.DataFrame) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)  # said when the synthesizer was first used
        return synthesizer.fit(table)


def _marginals(made: Any) -> list[tuple[tuple[int, ...], float]]:
    """What the mechanism tells of itself."""
    return [(columns, scale) for columns, scale in getattr(made, "asked_", ()) if columns]


def _scores(adversary: Score, seen: Seen, targets: Coded) -> Floats:
    found = adversary(seen, targets)
    if not np.isfinite(found).all():
        raise DataError(f"{adversary.name}: scores are missing or infinite", next_step="check the synthetic table")
    return found


def _outcome(name: str, scores: Floats, coins: Coins, setting: Coins, delta: float, doubt: float) -> Outcome:
    areas, control = [], []
    for world, there in enumerate(coins):
        areas.append(auc(scores[world][there], scores[world][~there]).value)
        other = coins[(world + 1) % len(coins)]
        control.append(auc(scores[world][other], scores[world][~other]).value)
    points = [_point(rate, scores, coins, setting, 1 - doubt / len(RATES)) for rate in RATES]
    lowest = 0.0
    for share in SURE:
        made = [guess(each, there, max(int(share * len(there)), 2)) for each, there in zip(scores, coins, strict=True)]
        whole = Guesses(*(sum(getattr(each, part) for each in made) for part in ("canaries", "made", "right")))
        lowest = max(lowest, lower_bound(whole, delta, 1 - doubt / len(SURE)))
    return Outcome(name, replicates(areas), replicates(control), tuple(points), lowest)


def _point(rate: float, scores: Floats, coins: Coins, setting: Coins, confidence: float) -> Point:
    """Shares above a threshold of each world that the other half of the pool has set."""
    found, false = [], []
    for each, there in zip(scores, coins, strict=True):
        threshold = np.quantile(each[setting & ~there], 1 - rate)
        told = each > threshold
        found.append(float(told[~setting & there].mean()))
        false.append(float(told[~setting & ~there].mean()))
    return Point(rate, replicates(found, confidence), replicates(false, confidence))
