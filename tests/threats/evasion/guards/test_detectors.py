"""Detectors: their scores against other implementations, their thresholds, and the classifier that rejects."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.covariance import EmpiricalCovariance
from torch import nn

from casemate.core.errors import DataError, UsageError
from casemate.targets import TorchClassifier
from casemate.threats.evasion import PGD, Linf
from casemate.threats.evasion.guards import (
    BitDepth,
    Detected,
    Detector,
    FeatureSqueezing,
    Mahalanobis,
    Median,
    Preprocessed,
    RandomResized,
    penultimate,
)
from tests.threats.evasion.guards.scene import benign, network
from tests.threats.evasion.networks import digits


class Brightness(Detector):
    """The mean of an input: simple enough to know every score."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.flatten(1).mean(1)


def mahalanobis() -> Mahalanobis:
    x, y = benign()
    return Mahalanobis.fit(penultimate(network()), x, y)


def squeezing() -> FeatureSqueezing:
    return FeatureSqueezing(network(), [BitDepth(1), Median(2)])


def test_mahalanobis_is_sklearns() -> None:
    x, y = benign()
    with torch.no_grad():
        features = penultimate(network())(x).double().numpy()
        new = penultimate(network())(digits().x[:50]).double().numpy()
    means = np.stack([features[(y == each).numpy()].mean(0) for each in range(10)])
    tied = EmpiricalCovariance(assume_centered=True).fit(features - means[y.numpy()])
    wanted = np.min([tied.mahalanobis(new - mean) for mean in means], axis=0)
    found = mahalanobis().scores(digits().x[:50]).numpy()
    np.testing.assert_allclose(found, wanted, rtol=2e-3)


def test_feature_squeezing_is_the_largest_change_of_probabilities() -> None:
    x = digits().x[:40]
    with torch.no_grad():
        plain = network()(x).softmax(1)
        changes = [(network()(squeezer(x)).softmax(1) - plain).abs().sum(1) for squeezer in (BitDepth(1), Median(2))]
    torch.testing.assert_close(squeezing().scores(x), torch.maximum(*changes))


def test_strange_inputs_are_flagged_and_usual_ones_are_not() -> None:
    scene = digits()
    detector = mahalanobis().calibrated(scene.x[:200], 0.05)
    strange = torch.from_numpy(np.random.default_rng(0).random((100, 1, 8, 8), dtype=np.float32))
    assert float(detector.flags(strange).float().mean()) > 0.3
    assert detector.benign_rate(scene.x[200:]).low < 0.06


def test_examples_made_without_the_detector_are_flagged_more_often_than_benign_images() -> None:
    scene = digits()
    found = PGD(Linf(0.1)).evaluate(TorchClassifier(network(), 10), scene.x[:200], scene.y[:200])
    detector = FeatureSqueezing(network(), [BitDepth(3)]).calibrated(benign()[0], 0.05)
    flagged = detector.flags(found.adversarial[found.broken]).float().mean()
    assert float(flagged) > detector.benign_rate(scene.x[200:]).high


def test_a_threshold_keeps_the_rate_on_what_set_it() -> None:
    x = torch.linspace(0, 1, 100)[:, None, None, None]
    for rate in (0.01, 0.05, 0.5):
        made = Brightness().calibrated(x, rate)
        assert int(made.flags(x).sum()) == round(100 * rate)
        assert made.limit.rate == rate
        assert made.limit.n == 100
    assert Brightness().calibrated(torch.full((100, 1, 1, 1), 0.3)).flags(torch.full((1, 1, 1, 1), 0.3)).tolist() == [
        False
    ]  # ties are not flagged


def test_a_calibrated_copy_leaves_the_detector_alone() -> None:
    plain = Brightness()
    plain.calibrated(torch.rand(100, 1, 2, 2))
    with pytest.raises(UsageError, match="no threshold yet"):
        plain.flags(torch.rand(1, 1, 2, 2))
    with pytest.raises(UsageError, match="no threshold yet"):
        Detected(plain, network())


@pytest.mark.parametrize("make", [mahalanobis, squeezing])
def test_the_last_class_wins_exactly_for_what_is_flagged(make) -> None:
    scene = digits()
    detector = make().calibrated(scene.x[:150], 0.2)
    guarded = Detected(detector, network())
    x = torch.cat((scene.x[150:], torch.rand(100, 1, 8, 8, generator=torch.Generator().manual_seed(0))))
    with torch.no_grad():
        answers, plain = guarded(x), network()(x)
    flagged = detector.flags(x)
    assert answers.shape == (len(x), 11)
    assert torch.equal(answers.argmax(1) == 10, flagged)
    assert torch.equal(answers[:, :10], plain)
    assert 0 < int(flagged.sum()) < len(x)


def test_a_score_a_hair_above_the_threshold_is_a_flag_whatever_the_logits() -> None:
    class Huge(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tensor([[1e8, 0.0]]).expand(len(x), -1)

    detector = Brightness().calibrated(torch.linspace(0, 1, 100)[:, None, None, None], 0.5)
    hair = float(np.nextafter(np.float32(detector.limit.threshold), np.float32(2)))
    x = torch.tensor([detector.limit.threshold, hair])[:, None, None, None]
    assert Detected(detector, Huge())(x).argmax(1).tolist() == [0, 2]


def test_every_way_gives_the_same_answers_and_slopes_for_rejection() -> None:
    scene = digits()
    guarded = Detected(squeezing().calibrated(scene.x[:150]), Preprocessed(BitDepth(3), network()))
    with torch.no_grad():
        wanted = guarded(scene.x[150:170])
    assert set(guarded.ways()) == {
        f"{way} / {other}" for way in ("first stand-ins", "last stand-ins") for other in ("identity", "soft stairs")
    }
    for way, module in guarded.ways().items():
        leaf = scene.x[150:170].clone().requires_grad_()
        found = module(leaf)
        torch.testing.assert_close(found, wanted)
        (slope,) = torch.autograd.grad((found[:, -1] - found[:, :-1].amax(1)).sum(), leaf)
        assert bool(slope.any()), way


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(40), "two inputs of each of two classes"),
        (np.r_[np.zeros(39), 1], "two inputs of each"),
        (np.zeros(39), "labels of shape"),
    ],
)
def test_mahalanobis_says_what_it_needs(labels: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Mahalanobis.fit(penultimate(network()), benign()[0][:40], labels)


def test_what_is_not_finite_is_refused() -> None:
    x, y = benign()
    bad = x[:400].clone()
    bad[3] = float("nan")
    with pytest.raises(DataError, match="not finite"):
        Mahalanobis.fit(penultimate(network()), bad, y[:400])
    with pytest.raises(DataError, match="not finite"):
        mahalanobis().calibrated(bad)
    with pytest.raises(DataError, match="no inputs"):
        mahalanobis().scores(x[:0])


def test_calls_that_make_no_sense_are_refused() -> None:
    x = benign()[0]
    for rate in (0.0, 1.0, float("nan")):
        with pytest.raises(UsageError, match="benign rate"):
            Brightness().calibrated(x, rate)
    with pytest.raises(UsageError, match="cannot set a rate"):
        Brightness().calibrated(x[:10], 0.01)
    with pytest.raises(UsageError, match="squeezers"):
        FeatureSqueezing(network(), [])
    with pytest.raises(UsageError, match="squeezers"):
        FeatureSqueezing(network(), [RandomResized()])
    with pytest.raises(UsageError, match="cannot tell where the features"):
        penultimate(nn.Flatten())


def test_features_with_places_are_averaged_over_them() -> None:
    x, y = benign()
    body = network()[:2]
    made = Mahalanobis.fit(body, x, y)
    assert made.get_buffer("means").shape == (10, 8)
    assert made.scores(x[:5]).shape == (5,)
