"""The game: what is not private is caught, honest tables are not accused, and the game itself gives nothing away."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.metrics import roc_auc_score

from casemate.core.errors import DataError, UsageError
from casemate.privacy.dp.audit.synthetic import ClosestRecord, DensityRatio, MarginalRatio, attack
from casemate.privacy.dp.audit.synthetic.records import Coded, side_by_side
from casemate.privacy.dp.audit.synthetic.scores import Seen
from casemate.privacy.dp.synthetic import Categories, Numbers, SyntheticTable, grouping, meter

WIDTH = 4
DOMAINS = {**{f"c{at}": Categories(range(8)) for at in range(WIDTH)}, "x": Numbers(-5, 5, bins=16)}


def people(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    hidden = rng.integers(0, 8, rows)
    columns = {f"c{at}": np.where(rng.random(rows) < 0.5, hidden, rng.integers(0, 8, rows)) for at in range(WIDTH)}
    return pd.DataFrame({**columns, "x": rng.normal(0, 1, rows).clip(-5, 5)})


class Copies(BaseEstimator):
    """No synthesizer at all: records with a little dirt."""

    def fit(self, frame: pd.DataFrame) -> Copies:
        self.frame = frame
        return self

    def sample(self, n: int | None = None, *, random_state: int = 0) -> pd.DataFrame:
        rng = np.random.default_rng(random_state)
        drawn = self.frame.sample(n or len(self.frame), replace=True, random_state=random_state).reset_index(drop=True)
        drawn["c0"] = np.where(rng.random(len(drawn)) < 0.5, rng.integers(0, 8, len(drawn)), drawn["c0"])
        return drawn


class Fresh(Copies):
    """Records of other people: perfectly private."""

    def sample(self, n: int | None = None, *, random_state: int = 0) -> pd.DataFrame:
        return people(n or len(self.frame), 1000 + random_state)


def test_copies_are_found_by_every_adversary() -> None:
    found = attack(Copies(), people(200, 0), people(400, 1), worlds=8)
    for each in found.outcomes:
        assert each.area.low > 0.6, each.name
        assert each.lower > 0.2, each.name
        assert each.control.low < 0.5 < each.control.high, each.name
    assert not found.refuted  # nothing was claimed
    assert "nothing claimed" in str(found)
    told = found.measurements("copies")
    assert [each.metric for each in told] == ["auc", "tpr", "tpr", "tpr"] * 3
    assert told[1].at == {"fpr": 0.01}
    assert {each.kind for each in told} == {
        "attack/membership/synthetic/distance-to-the-closest-record",
        "attack/membership/synthetic/density-ratio",
        "attack/membership/synthetic/likelihood-ratio-of-marginals",
    }


def test_of_other_people_nothing_is_found() -> None:
    found = attack(Fresh(), people(300, 0), people(400, 1), worlds=6)
    for each in found.outcomes:
        assert abs(each.area.value - 0.5) < 0.06, each.name
        assert each.lower == 0
        assert not any(point.above([(0.0, 0.0)]) for point in each.points)


def test_a_table_whose_noise_was_left_out_does_not_keep_its_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: everything is charged, and the noise is not added."""
    monkeypatch.setattr(meter, "gaussian", lambda scale, size, entropy: np.zeros(size, dtype=np.int64))
    monkeypatch.setattr(grouping, "RARE", 0.0)  # nothing is rare where there is no noise
    claimed = SyntheticTable(0.1, delta=1e-5, domains=DOMAINS, method="mst")
    found = attack(claimed, people(120, 0), people(2000, 1), adversaries=[MarginalRatio()], worlds=8)
    assert found.refuted
    assert found.outcomes[0].lower > 0.1
    assert "REFUTED" in str(found)


def test_an_honest_table_is_not_accused() -> None:
    found = attack(
        SyntheticTable(1.0, delta=1e-5, domains=DOMAINS, method="mst"), people(200, 0), people(400, 1), worlds=6
    )
    assert not found.refuted
    assert found.certificate is not None
    assert found.certificate.epsilon == 1.0
    for each in found.outcomes:
        assert each.area.low < 0.55, each.name


def test_what_is_known_of_the_mechanism_makes_the_sharpest_adversary() -> None:
    """With next to no noise: likelihood ratios of the measured marginals beat distances."""
    open_ = SyntheticTable(5000.0, domains=DOMAINS, method="mst")
    found = attack(open_, people(120, 0), people(2000, 1), adversaries=[ClosestRecord(), MarginalRatio()], worlds=6)
    closest, marginal = found.outcomes
    assert marginal.area.value > closest.area.value + 0.03
    assert marginal.area.low > 0.6


@dataclass(frozen=True)
class MamaMia:
    """The published score, written out: ratios of shares in marginals that were measured, added up."""

    name: str = "MAMA-MIA"

    def __call__(self, seen: Seen, targets: Coded) -> np.ndarray:
        total = np.zeros(len(targets))
        for columns, _ in seen.marginals:
            shares = []
            for table in (seen.synthetic, seen.reference):
                cells, counts = np.unique(table.cells[:, columns], axis=0, return_counts=True)
                known = dict(zip(map(tuple, cells.tolist()), counts / len(table), strict=True))
                shares.append(np.array([known.get(tuple(each), 0.0) for each in targets.cells[:, columns].tolist()]))
            total += shares[0] / np.maximum(shares[1], 1e-3)
        return total


def test_likelihood_ratios_are_as_strong_as_the_published_score() -> None:
    for table in (SyntheticTable(5000.0, domains=DOMAINS, method="mst"), Copies()):
        found = attack(table, people(150, 0), people(1500, 1), adversaries=[MamaMia(), MarginalRatio()], worlds=4)
        theirs, ours = found.outcomes
        if isinstance(table, SyntheticTable):
            assert theirs.area.value > 0.55
            assert ours.area.value > theirs.area.value - 0.03
        else:
            assert theirs.area.value == 0.5  # it needs to know the marginals
            assert ours.area.value > 0.7


def test_density_ratios_are_as_strong_as_the_paper_s_kernel_estimate() -> None:
    """DOMIAS with a normal kernel on numbers alone, written out with scipy's estimator."""
    from scipy.stats import gaussian_kde  # noqa: PLC0415

    rng = np.random.default_rng(0)
    members, others, reference = (pd.DataFrame(rng.normal(0, 1, (n, 3)), columns=list("abc")) for n in (60, 60, 600))
    synthetic = members.sample(300, replace=True, random_state=0) + rng.normal(0, 0.3, (300, 3))
    pool = pd.concat([members, others], ignore_index=True)
    there = np.arange(120) < 60
    known, told, targets = side_by_side(reference, synthetic, pool)
    ours = DensityRatio()(Seen(told, known, 60), targets)
    theirs = gaussian_kde(synthetic.T)(pool.T) / gaussian_kde(reference.T)(pool.T)
    assert roc_auc_score(there, ours) > roc_auc_score(there, theirs) - 0.02
    assert roc_auc_score(there, ours) > 0.75


def test_a_record_without_a_like_in_the_table_is_far() -> None:
    table = pd.DataFrame({"x": [0.0, 1.0, 2.0], "c": ["a", "b", "a"]})
    targets = pd.DataFrame({"x": [1.0, 1.0], "c": ["b", "z"]})
    known, told, asked = side_by_side(table, table, targets)
    near, far = ClosestRecord()(Seen(told, known, 3), asked)
    assert near == 0
    assert far == pytest.approx(-1.0)
    assert math.isclose(known.numbers.std(), 1.0)


def test_bad_input_is_refused() -> None:
    pool, reference = people(100, 0), people(50, 1)
    with pytest.raises(DataError, match="too small"):
        attack(Copies(), pool[:20], reference)
    with pytest.raises(UsageError, match="two worlds"):
        attack(Copies(), pool, reference, worlds=1)
    with pytest.raises(UsageError, match="two worlds"):
        attack(Copies(), pool, reference, adversaries=[])
    with pytest.raises(DataError, match="other columns"):
        attack(Copies(), pool, reference[["x"]])
    with pytest.raises(DataError, match="empty"):
        side_by_side(pool, pool[:0])
