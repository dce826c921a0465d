"""Coverage and mean width of every kind of interval, ours beside what other tools print, on the same draws.

garak 0.17 prints a percentile bootstrap (drawn here by its definition; its code is not run); most scripts print the
normal approximation. A 95 % interval must hold the truth 95 % of the time: the worst cell counts, and an interval that
does not cover is not narrow but wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np
from scipy.special import ndtri
from tests.stats.populations import SCORES, Clusters, Floats, binomial, covered, true_auc, true_tpr

from casemate.stats import (
    auc_bounds,
    clopper_pearson_bounds,
    clustered_bounds,
    difference_bounds,
    korn_graubard_bounds,
    newcombe_bounds,
    newcombe_paired_bounds,
    paired_difference_bounds,
    replicates_bounds,
    tpr_at_fpr_bounds,
    wilson_bounds,
)

Z = float(ndtri(0.975))
REPEATS = 2000
RESAMPLES = 1000
Bounds = tuple[Floats, Floats]


class Tally:
    """Coverage and width of each method over the cells of one section."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.rows: dict[str, list[tuple[float, float, str]]] = {}

    def add(self, method: str, coverage: float, width: float, cell: str) -> None:
        """Note one cell."""
        self.rows.setdefault(method, []).append((coverage, width, cell))

    def show(self) -> None:
        """Print the table: worst cell, cells below 94 %, mean width."""
        print(f"\n### {self.title}\n")
        print("| method | worst coverage | in the cell | cells below 94 % | mean coverage | mean width |")
        print("|---|---|---|---|---|---|")
        for method, cells in self.rows.items():
            worst, _, where = min(cells)
            low = sum(coverage < 0.94 for coverage, _, _ in cells)
            mean, width = (float(np.mean([cell[part] for cell in cells])) for part in (0, 1))
            print(f"| {method} | {worst:.1%} | {where} | {low} of {len(cells)} | {mean:.1%} | {width:.4f} |")


def normal_bounds(k: Floats, n: float) -> Bounds:
    """The normal approximation (Wald)."""
    p = k / n
    half = Z * np.sqrt(p * (1 - p) / n)
    return p - half, p + half


def percentile_bounds(k: Floats, n: int) -> Bounds:
    """The percentile bootstrap of a proportion: its resamples are binomial, so it is drawn as such."""
    rng = np.random.default_rng(3)
    draws = rng.binomial(n, np.asarray(k)[:, None] / n, (np.size(k), RESAMPLES)) / n
    low, high = np.quantile(draws, [0.025, 0.975], axis=1)
    return low, high


def single() -> None:
    """Exact coverage: every outcome is summed, nothing is simulated but the bootstrap's resamples."""
    tally = Tally("One proportion: p in 0, 0.5, 1, 2, 5, 20, 50 %, n in 20, 50, 100, 500 (exact sums)")
    methods: dict[str, Callable[[Floats, int], Bounds]] = {
        "**Clopper-Pearson (ours)**": clopper_pearson_bounds,
        "Wilson": wilson_bounds,
        "percentile bootstrap (as garak's)": percentile_bounds,
        "normal approximation": normal_bounds,
    }
    for n in (20, 50, 100, 500):
        k = np.arange(n + 1.0)
        for method, bounds in methods.items():
            low, high = bounds(k, n)
            for p in (0.0, 0.005, 0.01, 0.02, 0.05, 0.2, 0.5):
                weight = binomial(n, p)
                holds = (low <= p + 1e-12) & (p - 1e-12 <= high)
                tally.add(method, float(weight[holds].sum()), float((weight * (high - low)).sum()), f"p={p:.1%}, n={n}")
    tally.show()


def paired() -> None:
    """Same inputs before and after a defense."""
    tally = Tally("Change of a proportion on the same inputs: 1 to 30 % flipped, n in 50, 200, 500")
    rng = np.random.default_rng(4)
    for n in (50, 200, 500):
        for first, second in ((0.01, 0.0), (0.02, 0.0), (0.05, 0.0), (0.05, 0.01), (0.05, 0.05), (0.3, 0.1)):
            rest = 1 - first - second
            a, b, c, d = rng.multinomial(n, [rest / 2, first, second, rest / 2], size=REPEATS).T.astype(float)
            change = (c - b) / n
            half = Z * np.sqrt(np.maximum((b + c) / n - change**2, 0) / n)
            for method, (low, high) in {
                "**square-and-add of exact cells (ours)**": paired_difference_bounds(b, c, n),
                "Newcombe paired (method 10)": newcombe_paired_bounds(a, b, c, d),
                "unpaired Newcombe": newcombe_bounds(a + b, n, a + c, n),
                "normal approximation": (change - half, change + half),
            }.items():
                cell = f"{first:.1%} lost, {second:.1%} won, n={n}"
                tally.add(method, covered(low, high, second - first), float((high - low).mean()), cell)
    tally.show()


def independent() -> None:
    """Other inputs after than before."""
    tally = Tally("Change of a proportion on other inputs: 0.5 to 50 %, n in 20, 100 (exact sums)")
    for n in (20, 100):
        k1, k2 = np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0), indexing="ij")
        gap = (k2 - k1) / n
        half = Z * np.sqrt((k1 * (n - k1) + k2 * (n - k2)) / n**3)
        for method, (low, high) in {
            "**square-and-add of exact (ours)**": difference_bounds(k1, n, k2, n),
            "Newcombe (method 10)": newcombe_bounds(k1, n, k2, n),
            "normal approximation": (gap - half, gap + half),
        }.items():
            for p in (0.005, 0.02, 0.1, 0.5):
                for q in (0.005, 0.02, 0.1, 0.5):
                    weight = np.outer(binomial(n, p), binomial(n, q))
                    holds = (low <= q - p + 1e-12) & (q - p - 1e-12 <= high)
                    cell = f"{p:.1%} to {q:.1%}, n={n}"
                    tally.add(method, float(weight[holds].sum()), float((weight * (high - low)).sum()), cell)
    tally.show()


def clustered() -> None:
    """Prompts of one template, visits of one patient."""
    tally = Tally("Clustered trials: 5 to 150 clusters, 1 to 50 %, intra-cluster correlation 0, 0.05, 0.2, 0.5")
    for number in (5, 20, 50, 150):
        for sizes in ("50", "lognormal"):
            for rate in (0.01, 0.05, 0.2, 0.5):
                for icc in (0.0, 0.05, 0.2, 0.5):
                    cell = Clusters(number, sizes, rate, icc)
                    k, n = cell.draw(np.random.default_rng(5), REPEATS)
                    total, trials = k.sum(axis=1), n.sum(axis=1)
                    for method, (low, high) in {
                        "**one more cluster (ours)**": clustered_bounds(k, n),
                        "Korn-Graubard": korn_graubard_bounds(k, n),
                        "bootstrap over clusters": _cluster_bootstrap(k[:300], n[:300]),
                        "clusters ignored (Clopper-Pearson)": clopper_pearson_bounds(total, trials),
                    }.items():
                        name = f"{number} clusters ({sizes}), p={rate:.0%}, icc={icc}"
                        tally.add(method, covered(low, high, rate), float((high - low).mean()), name)
    tally.show()


def _cluster_bootstrap(k: Floats, n: Floats) -> Bounds:
    rng, size = np.random.default_rng(6), k.shape[1]
    weights = rng.multinomial(size, np.full(size, 1 / size), 400).astype(float)
    draws = (k @ weights.T) / (n @ weights.T)
    low, high = np.quantile(draws, [0.025, 0.975], axis=1)
    return low, high


def figures_of_targets() -> None:
    """A rate averaged over many target models."""
    tally = Tally("Mean over 10, 30, 100 target models of a rate near 0 (skewed) and of an area near 0.6")
    rng = np.random.default_rng(7)
    for targets in (10, 30, 100):
        shape = (REPEATS, targets)
        for name, values, truth in (
            ("rates, mean 3 %", rng.beta(0.3, 9.7, shape), 0.03),
            ("rates, mean 0.1 %", rng.binomial(500, rng.beta(0.5, 499.5, shape)) / 500, 0.001),
            ("areas", rng.normal(0.6, 0.015, shape), 0.6),
        ):
            mean, spread = values.mean(axis=1), values.std(axis=1, ddof=1) / targets**0.5
            for method, (low, high) in {
                "**replicates (ours)**": replicates_bounds(values),
                "normal approximation": (mean - Z * spread, mean + Z * spread),
            }.items():
                tally.add(method, covered(low, high, truth), float((high - low).mean()), f"{name}, {targets} targets")
    tally.show()


def areas() -> None:
    """The area under the ROC curve."""
    tally = Tally("AUC: normal, heavy-tailed, skewed, tied, unequal scores; 10 to 200 an arm; true AUC 0.5 to 0.98")
    for kind in SCORES:
        for shift in (0.0, 1.0, 3.0):
            for m, n in ((10, 10), (20, 100), (50, 50), (200, 200)):
                rng = np.random.default_rng(8)
                pos, neg = SCORES[kind](rng, (REPEATS, m), shift), SCORES[kind](rng, (REPEATS, n), 0.0)
                truth = true_auc(kind, shift)
                for method, (low, high) in {
                    "**DeLong placements, Wilson bounds (ours)**": auc_bounds(pos, neg),
                    "Hanley-McNeil, normal approximation": _hanley_mcneil(pos, neg),
                }.items():
                    cell = f"{kind}, AUC {truth:.2f}, {m}+{n}"
                    tally.add(method, covered(low, high, truth), float((high - low).mean()), cell)
    tally.show()


def _hanley_mcneil(pos: Floats, neg: Floats) -> Bounds:
    m, n = pos.shape[1], neg.shape[1]
    area = (
        (pos[:, :, None] > neg[:, None, :]).mean(axis=(1, 2)) + (pos[:, :, None] >= neg[:, None, :]).mean(axis=(1, 2))
    ) / 2
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    spread = np.sqrt((area * (1 - area) + (m - 1) * (one - area**2) + (n - 1) * (two - area**2)) / (m * n))
    return area - Z * spread, area + Z * spread


def operating_points() -> None:
    """TPR at a promised FPR."""
    tally = Tally("TPR at FPR 0.1, 1, 5, 10 %: the same scores; 50 to 1,000 negatives")
    sizes = ((50, 50, 0.1), (50, 100, 0.05), (500, 500, 0.01), (500, 500, 0.05), (1000, 200, 0.05), (300, 1000, 0.001))
    for kind in SCORES:
        for shift in (0.0, 1.0, 2.0):
            for m, n, fpr in sizes:
                rng = np.random.default_rng(9)
                pos, neg = SCORES[kind](rng, (REPEATS, m), shift), SCORES[kind](rng, (REPEATS, n), 0.0)
                truth = true_tpr(kind, shift, fpr)
                low, high, value = tpr_at_fpr_bounds(pos, neg, fpr)
                methods: Iterable[tuple[str, Bounds]] = (
                    ("**threshold and positives (ours)**", (low, high)),
                    ("guaranteed form (ours)", tpr_at_fpr_bounds(pos, neg, fpr, exact=True)[:2]),
                    ("threshold taken as known, Clopper-Pearson", clopper_pearson_bounds(value * m, m)),
                    ("percentile bootstrap of both arms", _tpr_bootstrap(pos[:100], neg[:100], fpr)),
                )
                for method, (down, up) in methods:
                    cell = f"{kind}, TPR {truth:.2f} at {fpr:.1%}, {m}+{n}"
                    tally.add(method, covered(down, up, truth), float((up - down).mean()), cell)
    tally.show()


def _tpr_bootstrap(pos: Floats, neg: Floats, fpr: float) -> Bounds:
    rng, draws = np.random.default_rng(10), []
    rank = neg.shape[1] - 1 - int(fpr * neg.shape[1] + 1e-9)
    for _ in range(100):
        again = pos[:, rng.integers(0, pos.shape[1], pos.shape[1])]
        others = np.partition(neg[:, rng.integers(0, neg.shape[1], neg.shape[1])], rank, axis=1)[:, rank]
        draws.append((again > others[:, None]).mean(axis=1))
    low, high = np.quantile(np.array(draws), [0.025, 0.975], axis=0)
    return low, high


def main() -> None:
    """Print the section of docs/benchmarks.md."""
    start = time.process_time()
    print("## Intervals: coverage of what says 95 %, and width")
    print(f"\n{REPEATS:,} repeats a cell where nothing exact is said (the bootstraps fewer), fixed seeds.")
    for section in (single, paired, independent, clustered, figures_of_targets, areas, operating_points):
        section()
    print(f"\n{time.process_time() - start:.0f} s CPU.")


if __name__ == "__main__":
    main()
