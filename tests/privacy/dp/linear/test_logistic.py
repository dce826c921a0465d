"""Private logistic regression: the guarantee is what was asked for, the model is of use, bad input costs nothing."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.linear_model import LogisticRegression as Plain
from sklearn.utils.estimator_checks import parametrize_with_checks

from casemate.core.errors import DataError, UsageError
from casemate.privacy.dp.certificate import Certificate
from casemate.privacy.dp.curves import delta_of
from casemate.privacy.dp.linear import descent
from casemate.privacy.dp.linear.descent import Budget, Release
from casemate.privacy.dp.linear.logistic import LogisticRegression
from casemate.privacy.dp.noise import SeededEntropy
from casemate.privacy.dp.warning import PrivacyWarning


@pytest.mark.filterwarnings("ignore::casemate.privacy.dp.warning.PrivacyWarning")
@parametrize_with_checks([LogisticRegression(), LogisticRegression(delta=1e-6)])
def test_it_is_an_estimator_of_scikit_learn(estimator, check) -> None:
    check(estimator)


def separable(rows: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    x, y = make_classification(rows, 12, n_informative=6, n_redundant=0, class_sep=1.5, random_state=0)
    return x / 4, y


@pytest.mark.parametrize("delta", [None, 1e-6])
def test_with_many_rows_it_is_nearly_as_good_as_without_noise(delta: float | None) -> None:
    x, y = separable()
    model = LogisticRegression(1.0, delta=delta, classes=(0, 1)).fit(x[:15_000], y[:15_000])
    plain = Plain().fit(x[:15_000], y[:15_000])
    assert model.score(x[15_000:], y[15_000:]) > plain.score(x[15_000:], y[15_000:]) - 0.03


@pytest.mark.parametrize("delta", [None, 1e-6])
def test_several_classes(delta: float | None) -> None:
    x, y = load_iris(return_X_y=True)
    x, y = np.repeat(x / 8, 100, axis=0), np.repeat(y, 100)
    model = LogisticRegression(1.0, delta=delta, classes=(0, 1, 2)).fit(x, y)
    assert model.score(x, y) > 0.8
    assert model.predict_proba(x[:5]).sum(axis=1) == pytest.approx(1)
    assert model.coef_.shape == (3, 4)


def test_less_budget_means_more_noise() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    x = x / x.max(axis=0)

    def spread(epsilon: float) -> float:
        """Of coefficients, beside their size: with little budget the descent is short."""
        made = [LogisticRegression(epsilon, classes=(0, 1)).fit(x, y).coef_ for _ in range(6)]
        return float(np.std(made, axis=0).mean() / np.abs(np.mean(made, axis=0)).mean())

    assert spread(0.01) > 2 * spread(20.0)


@pytest.mark.parametrize("budget", [Budget(1.0), Budget(1.0, 1e-6), Budget(0.1, 1e-9)])
def test_releases_have_the_noise_that_the_budget_asks_for(budget: Budget) -> None:
    """Recomputed from the certificate alone, by the definitions."""
    release = Release(budget, 25, 5e6, (40, 1), SeededEntropy(0))
    made = release.certificate(1.0, (), {})
    assert made.releases == 25
    if budget.pure:
        assert made.sensitivity * made.releases / made.noise <= budget.epsilon
        assert made.sensitivity * made.releases / made.noise > budget.epsilon * 0.999999
    else:
        mu = made.sensitivity * math.sqrt(made.releases) / made.noise
        assert delta_of(mu, budget.epsilon) + made.distance * (1 + math.exp(budget.epsilon)) <= budget.delta
        assert delta_of(mu * 1.00001, budget.epsilon) > budget.delta * 0.999
        assert dict(made.curve)[budget.epsilon] <= budget.delta


def test_noise_is_added_to_every_release_and_no_more_than_planned() -> None:
    release = Release(Budget(1.0, 1e-6), 2, 1e6, (50, 1), SeededEntropy(0))
    total = np.zeros((50, 1))
    first, second = release(total), release(total)
    assert (first != second).any()
    assert np.std(first) == pytest.approx(release.noise * 2.0**release.shift, rel=0.5)
    with pytest.raises(DataError, match="spent"):
        release(total)


def test_two_sums_of_neighbors_differ_by_no_more_than_the_sensitivity() -> None:
    """Rounded to the grid of a release, as far apart as two records can bring them."""
    rng = np.random.default_rng(0)
    for budget, norm in ((Budget(1.0), 1), (Budget(1.0, 1e-6), 2)):
        release = Release(budget, 3, 2.0**26, (30, 1), SeededEntropy(0))
        for _ in range(200):
            total = np.rint(rng.normal(0, 1e9, 30))
            part = rng.normal(size=30) * rng.integers(0, 2, 30)
            part = np.trunc(part / max(np.linalg.norm(part, norm), 1e-9) * 2.0**26 * (1 - 1e-9))
            two = (np.rint(each / 2.0**release.shift) for each in (total, total + part))
            assert np.linalg.norm(np.subtract(*two), norm) <= release.sensitivity


def test_the_certificate_says_what_was_assumed_and_whether_noise_can_be_trusted() -> None:
    x, y = separable(500)
    honest = LogisticRegression(1.0, delta=1e-6, classes=(0, 1)).fit(x, y).certificate_
    assert isinstance(honest, Certificate)
    assert honest.trusted
    assert honest.assumed == ()
    assert (honest.epsilon, honest.delta, honest.relation) == (1.0, 1e-6, "zero_out")
    with pytest.warns(PrivacyWarning) as said:
        weak = LogisticRegression(30.0, random_state=1).fit(x, y).certificate_
    assert {str(each.message).split()[0] for each in said} == {"classes", "epsilon", "noise"}
    assert not weak.trusted
    assert weak.assumed == ("the classes",)
    assert "NOT PRIVATE" in str(weak)
    assert weak.delta == 0.0


def test_a_seed_repeats_the_model_and_no_seed_does_not() -> None:
    x, y = separable(500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, two = (LogisticRegression(1.0, random_state=5).fit(x, y).coef_ for _ in range(2))
        free, other = (LogisticRegression(1.0).fit(x, y).coef_ for _ in range(2))
    assert (one == two).all()
    assert (free != other).any()


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"epsilon": 0.0}, UsageError),
        ({"epsilon": math.nan}, UsageError),
        ({"delta": 0.0}, UsageError),
        ({"delta": 0.01}, UsageError),
        ({"data_norm": 0.0}, UsageError),
        ({"classes": (0, 2)}, DataError),
    ],
)
def test_what_cannot_be_promised_is_refused_before_anything_is_spent(
    given: dict, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("noise was drawn")

    monkeypatch.setattr(descent, "gaussian", never)
    monkeypatch.setattr(descent, "laplace", never)
    x, y = separable(200)
    with pytest.raises(error):
        LogisticRegression(**{"classes": (0, 1), **given}).fit(x, y)


def test_rows_are_shortened_to_a_constant_and_not_to_a_value_of_the_data() -> None:
    """A record a thousand times as long as all others moves the model no more than any other."""
    x, y = separable(400)
    far = np.vstack([x, 1e3 * x[:1]])
    labels = np.append(y, y[0])
    same = np.vstack([x, x[:1] / np.linalg.norm(x[:1])])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, two = (LogisticRegression(1.0, delta=1e-6, random_state=1).fit(rows, labels).coef_ for rows in (far, same))
    assert np.abs(one - two).max() < 1e-2 * np.abs(one).max()
