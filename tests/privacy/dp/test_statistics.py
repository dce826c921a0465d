"""Statistics with noise: near the truth by what the noise explains, and sensitivities that no neighbor exceeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.core.errors import DataError, UsageError
from casemate.privacy.dp import statistics as module
from casemate.privacy.dp.noise import SeededEntropy
from casemate.privacy.dp.statistics import Statistics

BUDGETS = [(0.5, 0.0), (0.5, 1e-6)]
every_budget = pytest.mark.parametrize(("epsilon", "delta"), BUDGETS, ids=["pure", "approximate"])


def values(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(40, 12, count)


@every_budget
def test_releases_are_as_far_from_the_truth_as_their_noise_says(epsilon: float, delta: float) -> None:
    data = values(3000)
    inside = np.clip(data, 10, 90)
    colors = np.array(["red", "green", "blue"])[(data // 9).astype(int) % 3].tolist()
    truth = {
        "count": 3000,
        "sum": inside.sum(),
        "mean": inside.mean(),
        "histogram": [colors.count(each) for each in ("red", "green", "blue", "violet")],
    }
    errors: dict[str, list[float]] = {name: [] for name in truth}
    for seed in range(300):
        ask = Statistics(epsilon, delta, SeededEntropy(seed))
        for name, released in (
            ("count", ask.count(data)),
            ("sum", ask.sum(data, (10, 90))),
            ("mean", ask.mean(data, (10, 90))),
            ("histogram", ask.histogram(colors, ["red", "green", "blue", "violet"])),
        ):
            errors[name].extend(np.ravel((released.value - truth[name]) / released.deviation))
    for name, each in errors.items():
        assert abs(np.mean(each)) < 4 / math.sqrt(len(each)), name
        assert 0.85 < np.std(each) < 1.15, name


@every_budget
def test_quantiles_lie_near_those_of_the_data(epsilon: float, delta: float) -> None:
    data = values(5000)
    for share in (0.1, 0.5, 0.9):
        found = float(Statistics(epsilon, delta, SeededEntropy(1)).quantile(data, share, (0, 100)))
        assert abs((data <= found).mean() - share) < 0.05
    assert math.isnan(Statistics(epsilon, delta).quantile(data, 0.5, (0, 100)).deviation)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-50, 150), max_size=12),
    st.floats(-1e9, 1e9) | st.sampled_from([math.inf, -math.inf]),
    st.floats(0, 1),
    st.sampled_from([(0.0, 100.0), (-100.0, -20.0), (1e6, 1e6 + 1), (-3.0, 7.0)]),
)
def test_no_neighbor_moves_an_answer_farther_than_its_sensitivity(
    data: list[float], more: float, share: float, bounds: tuple[float, float]
) -> None:
    """Without noise, both answers in grid steps."""
    seen: list[tuple[np.ndarray, float]] = []

    class Quiet(module._Noise):
        def draw(self, size: int) -> np.ndarray:
            return np.zeros(size, dtype=np.int64)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_Noise", Quiet)
        ask = Statistics(1.0)
        for query in (
            ask.count,
            lambda given: ask.sum(given, bounds),
            lambda given: ask.histogram([round(each / 10) if abs(each) < 1e9 else 0 for each in given], range(-5, 16)),
        ):
            first, second = query(data), query([*data, more])
            grid = first.certificate.grid
            assert np.abs((second.value - first.value) / grid).sum() <= first.certificate.sensitivity + 1e-3
            seen.append((first.value, first.certificate.sensitivity))
        assert bounds[0] <= float(ask.quantile([*data, more], share, bounds)) <= bounds[1]
    assert seen[0][1] == seen[2][1] == 1
    # the query of a quantile: (1 - share) below - share above, at every place
    whole = ask._whole([*data, more], bounds)
    weight = round(share * module.SHARES)
    for place in {0, module.STEPS, *whole.tolist()}:
        below = [int((part <= place).sum()) for part in (whole[:-1], whole)]
        excess = [
            (module.SHARES - weight) * low - weight * (count - low)
            for low, count in zip(below, (len(data), len(data) + 1), strict=True)
        ]
        assert abs(excess[1] - excess[0]) <= max(weight, module.SHARES - weight)


@every_budget
def test_certificates_say_what_was_done(epsilon: float, delta: float) -> None:
    ask = Statistics(epsilon, delta)
    for released in (ask.count([1, 2]), ask.mean([1.0, 2.0], (0, 5)), ask.quantile([1.0, 2.0], 0.5, (0, 5))):
        said = released.certificate
        assert (said.epsilon, said.delta, said.relation, said.trusted) == (epsilon, delta, "add_remove", True)
        assert said.distance < 2.0**-80
        assert ("Gaussian" in said.mechanism) or not delta or "half" in said.mechanism
    assert ask.quantile([1.0], 0.5, (0, 5)).certificate.releases == module.HALVINGS


def test_empty_columns_have_answers_and_bad_ones_errors() -> None:
    ask = Statistics(1.0)
    assert abs(float(ask.count([]))) < 100
    assert 0 <= float(ask.mean([], (0, 5))) <= 5
    assert 0 <= float(ask.quantile([], 0.5, (0, 5))) <= 5
    assert ask.histogram([], ["a"]).value.shape == (1,)
    for error, query in (
        (DataError, lambda: ask.sum([1.0, math.nan], (0, 5))),
        (UsageError, lambda: ask.sum([1.0], (5, 5))),
        (UsageError, lambda: ask.mean([1.0], (0, math.inf))),
        (UsageError, lambda: ask.quantile([1.0], 1.5, (0, 5))),
        (UsageError, lambda: ask.histogram(["a"], ["a", "a"])),
        (UsageError, lambda: Statistics(0.0)),
        (UsageError, lambda: Statistics(1.0, 1.0)),
    ):
        with pytest.raises(error) as caught:
            query()
        assert caught.value.next_step
