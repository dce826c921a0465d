"""What an adversary who sees a synthetic table thinks of a record: the higher, the more it seems to have been there.

References:
    ClosestRecord: Chen, Yu, Zhang and Fritz 2020, "GAN-Leaks", section 4.1 (arXiv 1909.03935). DensityRatio: van
    Breugel et al. 2023, "Membership inference attacks against synthetic data through overfitting detection" (DOMIAS,
    arXiv 2302.12580), section 4. MarginalRatio: Golob, Pentyala, Maratkhan and De Cock 2024, "Privacy vulnerabilities
    in marginals-based synthetic data" (MAMA-MIA, arXiv 2410.05506); tracing by marginals: Homer et al. 2008.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from casemate.privacy.dp.audit.synthetic.records import Coded, Floats, Whole, in_pieces

LEAST: Final = 1e-300
SHARES: Final = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Of a kernel, that go to other values of a category: tried on the reference."""
WIDTHS: Final = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Of a kernel, in deviations: tried likewise."""
TRIED: Final = 500
"""Records of the reference on which kernels are tried, at most."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What the adversary has.

    Attributes:
        synthetic: the synthetic table.
        reference: records of the same population that were not there.
        rows: how many records the private table has, about.
        marginals: columns of marginals that were measured and the scale of their noise, as the certificate tells;
            none if nothing is known.
    """

    synthetic: Coded
    reference: Coded
    rows: int
    marginals: Sequence[tuple[tuple[int, ...], float]] = ()


class Score(Protocol):
    """An adversary."""

    @property
    def name(self) -> str:
        """In the field's words."""

    def __call__(self, seen: Seen, targets: Coded) -> Floats:
        """(n,) scores of targets."""


@dataclass(frozen=True)
class ClosestRecord:
    """How near the nearest synthetic record is: the plain one, which finds copies."""

    name: str = "distance to the closest record"

    def __call__(self, seen: Seen, targets: Coded) -> Floats:
        """(n,) negative distances: differences in deviations plus the number of other values that differ."""
        found = np.empty(len(targets))
        for piece in in_pieces(len(targets), len(seen.synthetic)):
            far = np.zeros((len(targets.codes[piece]), len(seen.synthetic)))
            for one, other in zip(targets.codes[piece].T, seen.synthetic.codes.T, strict=True):
                far += one[:, None] != other
            for mine, theirs in zip(targets.numbers[piece].T, seen.synthetic.numbers.T, strict=True):
                far += np.abs(mine[:, None] - theirs)
            found[piece] = -far.min(axis=1)
        return found


@dataclass(frozen=True)
class DensityRatio:
    """How much denser the synthetic table is around a record than the population: DOMIAS, by kernels.

    Kernels are normal in numbers, and leave a share for other values in categories (Aitchison and Aitken 1976). Their
    widths are those that make records of the reference likeliest, each by the others.
    """

    name: str = "density ratio (DOMIAS)"

    def __call__(self, seen: Seen, targets: Coded) -> Floats:
        """(n,) logarithms of ratios."""
        share, width = self._widths(seen.reference)
        return _density(seen.synthetic, targets, share, width) - _density(seen.reference, targets, share, width)

    def _widths(self, reference: Coded) -> tuple[float, float]:
        every = max(len(reference) // TRIED, 1)
        tried = np.zeros(len(reference), dtype=bool)
        tried[::every] = True
        known, asked = (reference.where(~tried), reference.where(tried)) if every > 1 else _halves(reference)
        likely = {
            (share, width): float(_density(known, asked, share, width).mean())
            for share in (SHARES if reference.codes.shape[1] else SHARES[:1])
            for width in (WIDTHS if reference.numbers.shape[1] else WIDTHS[:1])
        }
        return max(likely, key=lambda each: likely[each])


@dataclass(frozen=True)
class MarginalRatio:
    """Likelihood ratio of the marginals that were measured: what is known of the mechanism is used.

    A record adds one to one cell of each marginal. Beside it stand the chance that other records fell there and the
    mechanism's noise; the sum over marginals of the normal log-likelihood ratio is the score. Where nothing is known of
    the mechanism, all single columns and pairs are looked at.
    """

    name: str = "likelihood ratio of marginals"

    def __call__(self, seen: Seen, targets: Coded) -> Floats:
        """(n,) log-likelihood ratios."""
        many = targets.cells.shape[1]
        known = list(seen.marginals) or [
            (columns, 0.0) for size in (1, 2) for columns in itertools.combinations(range(many), size)
        ]
        found = np.zeros(len(targets))
        for columns, noise in known:
            target, synthetic, reference = _keys(columns, targets, seen.synthetic, seen.reference)
            size = int(max(target.max(), synthetic.max(), reference.max())) + 1
            seen_share = np.bincount(synthetic, minlength=size)[target] / len(synthetic)
            expected = (np.bincount(reference, minlength=size)[target] + 0.5) / (len(reference) + 0.5 * size)
            doubt = expected / seen.rows + expected / len(reference) + expected / len(synthetic)
            doubt = doubt + (noise / seen.rows) ** 2
            found += ((seen_share - expected) - 0.5 / seen.rows) / (seen.rows * doubt)
        return found


def _halves(table: Coded) -> tuple[Coded, Coded]:
    first = np.arange(len(table)) % 2 == 0
    return table.where(first), table.where(~first)


def _density(table: Coded, targets: Coded, share: float, width: float) -> Floats:
    """(n,) logarithms of a kernel density."""
    found = np.empty(len(targets))
    odds = np.log(share / (1 - share))
    for piece in in_pieces(len(targets), len(table)):
        logs = np.zeros((len(targets.codes[piece]), len(table)))
        for one, other in zip(targets.codes[piece].T, table.codes.T, strict=True):
            logs += odds * (one[:, None] != other)
        for mine, theirs in zip(targets.numbers[piece].T, table.numbers.T, strict=True):
            logs -= ((mine[:, None] - theirs) / width) ** 2 / 2
        most = logs.max(axis=1)
        found[piece] = most + np.log(np.exp(logs - most[:, None]).mean(axis=1) + LEAST)
    constant = table.codes.shape[1] * np.log(1 - share) - table.numbers.shape[1] * np.log(width)
    return np.asarray(found + constant, dtype=np.float64)


def _keys(columns: tuple[int, ...], *tables: Coded) -> list[Whole]:
    """One number for each combination of values, without gaps, of all tables."""
    whole = np.concatenate([each.cells[:, list(columns)] for each in tables])
    _, keys = np.unique(whole, axis=0, return_inverse=True)
    return list(np.split(keys.ravel().astype(np.int64), np.cumsum([len(each) for each in tables])[:-1]))
