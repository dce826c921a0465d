"""Nothing is asked of the records that is not paid for, and what is paid is what the noise is worth."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from casemate.core.errors import SpentError, UsageError
from casemate.privacy.dp.curves import delta_of, mu_of_choice
from casemate.privacy.dp.noise import DISTANCE, SeededEntropy
from casemate.privacy.dp.synthetic import Categories, SyntheticTable, meter
from casemate.privacy.dp.synthetic.meter import Meter


class Overheard:
    """Every draw of noise and every choice, as they happen, whatever the meter says of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.scales: list[float] = []
        self.factors: list[float] = []
        self.cells = 0
        for name in ("gaussian", "laplace"):
            monkeypatch.setattr(meter, name, self._drawing(getattr(meter, name)))
        real = meter.choose

        def choose(scores, factor, entropy):
            self.factors.append(factor)
            return real(scores, factor, entropy)

        monkeypatch.setattr(meter, "choose", choose)

    def _drawing(self, real):
        def draw(scale, size, entropy):
            self.scales.append(scale)
            self.cells += size
            return real(scale, size, entropy)

        return draw


def table(rows: int = 3000) -> tuple[pd.DataFrame, dict[str, Categories]]:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 3, rows)
    frame = pd.DataFrame({"a": first, "b": (first + rng.integers(0, 2, rows)) % 3, "c": rng.integers(0, 2, rows)})
    return frame, {"a": Categories(range(3)), "b": Categories(range(3)), "c": Categories(range(2))}


@pytest.mark.filterwarnings("ignore::casemate.privacy.dp.warning.PrivacyWarning")
@pytest.mark.parametrize("method", ["mst", "aim"])
@pytest.mark.parametrize("delta", [None, 1e-6])
def test_noise_that_was_drawn_spends_the_budget_and_no_more(
    monkeypatch: pytest.MonkeyPatch, method: str, delta: float | None
) -> None:
    """Recomputed from the noise that was really drawn: one marginal that is not charged would exceed it."""
    heard, epsilons = Overheard(monkeypatch), []
    real = Meter.choose

    def choose(self, scores, sensitivity, share):
        place = real(self, scores, sensitivity, share)
        epsilons.append(2 * sensitivity * heard.factors[-1])
        return place

    monkeypatch.setattr(Meter, "choose", choose)
    frame, domains = table()
    made = SyntheticTable(1.0, delta=delta, domains=domains, method=method, random_state=0).fit(frame)
    assert len(heard.scales) >= 5
    assert len(epsilons) >= 2
    if delta is None:
        spent = sum(1 / scale for scale in heard.scales) + sum(epsilons)
        assert 0.98 < spent <= 1.0
    else:
        signal = math.sqrt(sum(scale**-2 for scale in heard.scales) + sum(mu_of_choice(each) ** 2 for each in epsilons))
        assert delta_of(signal, 1.0) + heard.cells * DISTANCE * 4 <= delta
        assert delta_of(signal * 1.02, 1.0) > delta
        assert dict(made.certificate_.curve)[1.0] == pytest.approx(delta_of(signal, 1.0), rel=1e-4)
    assert made.certificate_.releases == len(heard.scales) + len(epsilons)
    assert made.certificate_.noise == min(heard.scales)


def test_a_meter_that_is_empty_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, sizes = [np.zeros(10, dtype=np.int64)], [2]
    for delta in (0.0, 1e-6):
        asked = Meter(1.0, delta, SeededEntropy(0))
        asked.marginal(codes, sizes, (0,), 0.6)
        heard = Overheard(monkeypatch)
        with pytest.raises(SpentError):
            asked.marginal(codes, sizes, (0,), 0.5)
        with pytest.raises(SpentError):
            asked.choose(np.zeros(3), 1.0, 0.5)
        assert heard.scales == []
        assert heard.factors == []
        asked.marginal(codes, sizes, (0,), 0.4)


def test_the_noise_of_a_marginal_is_as_large_as_it_says() -> None:
    codes, sizes = [np.zeros(500, dtype=np.int64), np.arange(500) % 400], [2, 400]
    for delta in (0.0, 1e-6):
        found = Meter(1.0, delta, SeededEntropy(3)).marginal(codes, sizes, (0, 1), 0.5)
        off = found.counts.copy()
        off[0] -= np.bincount(codes[1])
        assert np.std(off) == pytest.approx(found.deviation, rel=0.15)


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(UsageError, match="too large"):
        Meter(1.0, 1e-6, SeededEntropy(0)).marginal([], [1 << 14, 1 << 14], (0, 1), 0.1)
    with pytest.raises(UsageError, match="errs by"):
        Meter(1.0, 1e-30, SeededEntropy(0))
