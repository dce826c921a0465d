"""The snippet of old tutorials runs with only its import changed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.tree import DecisionTreeClassifier

from casemate.core.errors import TargetError, UsageError
from casemate.threats.evasion import fgsm
from tests.threats.evasion.networks import digits


def test_the_snippet_with_a_torch_model_and_a_numpy_array() -> None:
    model, X_test = digits().module, digits().x.numpy()
    adv_x = fgsm(model, X_test, eps=0.1)
    assert isinstance(adv_x, np.ndarray)
    assert np.abs(adv_x - X_test).max() == pytest.approx(0.1, abs=1e-6)
    with torch.no_grad():
        before, after = (model(torch.from_numpy(each)).argmax(1) for each in (X_test, adv_x))
    assert float((before != after).float().mean()) > 0.2


def test_tensors_are_answered_with_tensors_and_clipped_where_bounds_are_given() -> None:
    scene = digits()
    moved = fgsm(scene.module, scene.x, eps=0.1, y=scene.y, clip_min=0.0, clip_max=1.0)
    assert isinstance(moved, torch.Tensor)
    assert float(moved.min()) == 0.0
    assert float(moved.max()) == 1.0
    assert all(parameter.requires_grad for parameter in scene.module.parameters())


def test_a_targeted_call_moves_towards_the_class() -> None:
    scene = digits()
    goals = (scene.y + 1) % 10
    moved = fgsm(scene.module, scene.x, eps=0.1, y=goals, targeted=True)
    with torch.no_grad():
        before, after = (scene.module(each).log_softmax(1).gather(1, goals[:, None]) for each in (scene.x, moved))
    assert float((after > before).float().mean()) > 0.95
    with pytest.raises(UsageError, match="wanted classes"):
        fgsm(scene.module, scene.x, targeted=True)


@pytest.mark.parametrize(
    ("data", "model"),
    [
        (load_breast_cancer, LogisticRegression(max_iter=200)),
        (load_iris, LogisticRegression(max_iter=500)),
        (load_breast_cancer, RidgeClassifier()),
    ],
)
def test_on_linear_estimators_the_step_is_the_gradients_sign(data, model) -> None:
    x, y = data(return_X_y=True)
    x = (x - x.mean(0)) / x.std(0)
    model.fit(x, y)
    moved = fgsm(model, x, eps=0.2, y=y)
    scores = model.decision_function(x)
    after = model.decision_function(moved)
    if scores.ndim == 1:  # both classes: pushed to the other side by eps times the weights' absolute sum
        expected = scores - np.where(y == 1, 1, -1) * 0.2 * np.abs(model.coef_).sum()
        np.testing.assert_allclose(after, expected, rtol=1e-9)
    else:

        def loss(values):
            return np.log(np.exp(values - values[np.arange(len(y)), y][:, None]).sum(1))

        best = np.stack(
            [
                loss(model.decision_function(x + 0.2 * np.array(corner)))
                for corner in np.ndindex(*[3] * 4)
                for corner in [np.array(corner) - 1]
            ]
        )
        assert (loss(after) >= best.max(0) - 0.15).all()
    assert (fgsm(model, x, eps=0.2) != x).any()


def test_a_model_without_a_known_gradient_is_named() -> None:
    x, y = load_iris(return_X_y=True)
    with pytest.raises(TargetError, match="no gradient of DecisionTreeClassifier"):
        fgsm(DecisionTreeClassifier().fit(x, y), x)
