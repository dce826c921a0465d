"""Decision-based attacks on images: known distances, counted queries, labels and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from casemate.core.errors import DataError, TargetError, UsageError
from casemate.targets import TorchClassifier
from casemate.threats.evasion.decisions.attacks import HopSkipJump, NormalSearch
from casemate.threats.evasion.decisions.labels import LabelFunction
from casemate.threats.evasion.decisions.survey import Belief
from casemate.threats.evasion.decisions.waves import Waves, hadamard
from tests.threats.evasion.networks import digits

BOTH = [NormalSearch, HopSkipJump]
both = pytest.mark.parametrize("attack", BOTH)


def plane(size: int = 64) -> tuple[nn.Linear, torch.Tensor, float]:
    """Two classes divided by a plane, an input, and its Euclidean distance from the plane, inside the box."""
    draw = np.random.default_rng(0)
    normal = torch.tensor(draw.standard_normal(size), dtype=torch.float32)
    normal /= normal.norm()
    module = nn.Linear(size, 2)
    with torch.no_grad():
        module.weight[:] = torch.stack([-normal, normal]) / 2
        module.bias[:] = torch.tensor([1.0, -1.0]) * (normal.sum() * 0.5 + 0.3) / 2
    return module, torch.full((1, size), 0.5), 0.3


class Watch(TorchClassifier):
    """Counts what it is asked, and forgets all but the best class."""

    asked = 0

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        self.asked += len(inputs)
        return nn.functional.one_hot(super().logits(inputs).argmax(1), self.classes).float()

    def gradient(self, *_: object) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        raise AssertionError("gradients are not to be had")


def test_the_distance_from_a_plane_is_found() -> None:
    module, x, far = plane()
    found = NormalSearch((200, 1000)).evaluate(TorchClassifier(module, 2), x, [0])
    assert far <= found.distance[0, 1] <= found.distance[0, 0]
    assert found.distance[0, 1] < far * 1.05
    reference = HopSkipJump((1000,)).evaluate(TorchClassifier(module, 2), x, [0])
    assert far <= reference.distance[0, 0] < far * 1.5
    widest = float(module.weight[1].detach().abs().sum() * 2)
    linf = NormalSearch((1500,), norm="Linf").evaluate(TorchClassifier(module, 2), x, [0])
    assert far / widest <= linf.distance[0, 0] * 1.0001 < far / widest * 1.2


@both
def test_every_query_is_counted_and_none_is_too_many(attack) -> None:
    scene = digits()
    target = Watch(scene.module, 10)
    found = attack((100, 333)).evaluate(target, scene.x[:20], scene.y[:20])
    assert int(found.used.sum()) == target.asked
    assert int(found.used.max()) <= 333
    assert found.used[~found.correct].sum() == 0


@both
def test_examples_are_examples_at_the_distances_claimed(attack) -> None:
    scene = digits()
    for norm, order in (("L2", 2), ("Linf", np.inf)):
        found = attack((150, 400), norm=norm).evaluate(TorchClassifier(scene.module, 10), scene.x[:20], scene.y[:20])
        assert (np.diff(found.distance, axis=1) <= 0).all()
        for at in range(2):
            with torch.no_grad():
                wrong = scene.module(found.adversarial[:, at]).argmax(1) != scene.y[:20]
            claimed = np.isfinite(found.distance[:, at]) & found.correct.numpy()
            assert claimed.sum() >= 10
            assert wrong.numpy()[claimed].all()
            move = (found.adversarial[:, at] - scene.x[:20]).flatten(1).numpy()
            far = np.linalg.norm(move, order, axis=1)
            assert found.distance[claimed, at] == pytest.approx(far[claimed], rel=1e-4)
        assert float(found.adversarial.min()) >= 0
        assert float(found.adversarial.max()) <= 1


def test_questions_that_build_on_each_other_beat_those_that_do_not() -> None:
    scene = digits()
    x, y = scene.x[:40], scene.y[:40]
    ours, reference = (
        attack((300, 1000)).evaluate(TorchClassifier(scene.module, 10), x, y, starts=x.flip(0)) for attack in BOTH
    )
    assert (ours.median < 0.9 * reference.median).all()


def test_the_belief_turns_towards_the_true_normal() -> None:
    """Sharpening is what does it: the first guess is nearly orthogonal to the truth."""
    module, x, _ = plane()
    found = NormalSearch((60, 700)).evaluate(TorchClassifier(module, 2), x, [0])
    move = found.adversarial[0, :] - x
    cosines = nn.functional.cosine_similarity(move, module.weight[1:].detach().expand(2, -1), dim=1)
    assert float(cosines[1]) > 0.97
    assert float(cosines[0]) < float(cosines[1])


@both
def test_results_do_not_depend_on_who_is_attacked_beside(attack) -> None:
    scene = digits()
    one = attack((200,)).evaluate(TorchClassifier(scene.module, 10), scene.x[:30], scene.y[:30])
    order = torch.from_numpy(np.random.default_rng(1).permutation(30))[:11]
    few = attack((200,)).evaluate(
        TorchClassifier(scene.module, 10, batch=7), scene.x[order], scene.y[order], ids=order.tolist()
    )
    alike = np.isclose(one.distance[order.numpy()], few.distance, rtol=1e-3)
    assert alike.mean() >= 0.8  # an answer within the rounding of float32 sends a walk elsewhere


@both
def test_onnx_like_and_plain_functions_are_attacked_alike(attack) -> None:
    scene = digits()

    def labels(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return scene.module(torch.from_numpy(x)).argmax(1).numpy()

    found = attack((250,)).evaluate(LabelFunction(labels, 10), scene.x[:10], scene.y[:10])
    other = attack((250,)).evaluate(TorchClassifier(scene.module, 10), scene.x[:10], scene.y[:10])
    assert np.isclose(found.distance, other.distance, rtol=1e-2).mean() >= 0.8


@both
def test_misclassified_samples_cost_nothing_and_hold_nobody_up(attack) -> None:
    """foolbox's HopSkipJump returns NaN and never ends if one sample of a batch is misclassified (its issue 670)."""
    scene = digits()
    y = scene.y[:6].clone()
    y[2] = (y[2] + 1) % 10
    found = attack((120,)).evaluate(TorchClassifier(scene.module, 10), scene.x[:6], y)
    assert found.distance[2, 0] == 0
    assert found.used[2] == 0
    assert not np.isnan(found.distance).any()
    assert not np.isnan(found.median).any()


@both
def test_a_model_that_never_errs_is_left_in_the_end(attack) -> None:
    found = attack((2000,)).evaluate(LabelFunction(lambda x: np.zeros(len(x), int), 2), torch.rand(2, 9), [0, 0])
    assert np.isinf(found.distance).all()
    assert int(found.used.max()) <= 2000
    one = attack((50,)).evaluate(LabelFunction(lambda x: np.zeros(len(x), int), 1), torch.rand(2, 9), [0, 0])
    assert int(one.used.sum()) == 0


@both
def test_wanted_classes_are_reached_from_starts_of_them(attack) -> None:
    scene = digits()
    with torch.no_grad():
        answers = scene.module(scene.x).argmax(1)
    goals = (scene.y[:10] + 1) % 10
    starts = torch.stack([scene.x[answers == goal][0] for goal in goals])
    found = attack((300,)).evaluate(
        TorchClassifier(scene.module, 10), scene.x[:10], scene.y[:10], goals=goals, starts=starts
    )
    reached = np.isfinite(found.distance[:, 0]) & found.correct.numpy()
    assert reached.sum() >= 8
    with torch.no_grad():
        assert torch.equal(scene.module(found.adversarial[:, 0]).argmax(1)[reached], goals[reached])


@both
def test_images_of_few_gray_values_stay_images(attack) -> None:
    scene = digits()
    deployed = TorchClassifier(scene.module, 10, levels=17)
    found = attack((200,)).evaluate(deployed, scene.x[:10], scene.y[:10])
    grid = found.adversarial * 16
    torch.testing.assert_close(grid, grid.round(), atol=1e-4, rtol=0)
    whole = attack((100,)).evaluate(deployed, (scene.x[:4] * 255).round().to(torch.uint8), scene.y[:4])
    assert whole.distance.shape == (4, 1)


@pytest.mark.parametrize("shape", [(64,), (8, 8), (1, 64), (4, 4, 4)])
def test_inputs_need_not_be_images(shape: tuple[int, ...]) -> None:
    scene = digits()
    module = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (1, 8, 8)), scene.module)
    for attack in BOTH:
        found = attack((150,)).evaluate(TorchClassifier(module, 10), scene.x[:4].reshape(4, *shape), scene.y[:4])
        assert np.isfinite(found.distance).all()


def test_waves_are_orthonormal_and_mixing_keeps_them_so() -> None:
    for shape in ((3, 8, 6), (5, 5), (7,)):
        waves = Waves(shape)
        inputs = torch.randn(4, *shape)
        torch.testing.assert_close(waves.render(waves.analyze(inputs)), inputs, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(waves.analyze(inputs).norm(dim=1), inputs.flatten(1).norm(dim=1))
        assert float(waves.spectrum(0.3).sum()) == pytest.approx(1)
    torch.testing.assert_close(hadamard(16) @ hadamard(16).t(), torch.eye(16))
    belief = Belief(Waves((4, 4)), 2, 3.0, 0.3)
    belief.begin(torch.tensor([1]), torch.ones(1, 4, 4))
    assert float(belief.doubt(torch.tensor([1]))) == pytest.approx(3.0)


def test_bad_requests_are_named() -> None:
    target = LabelFunction(lambda x: np.zeros(len(x), int), 2)
    for attack in BOTH:
        with pytest.raises(UsageError, match="not offered"):
            attack(norm="L1")
        with pytest.raises(UsageError, match="query counts"):
            attack(()).evaluate(target, torch.rand(2, 4), [0, 0])
        with pytest.raises(DataError, match="starts of shape"):
            attack((9,)).evaluate(target, torch.rand(2, 4), [0, 0], starts=torch.rand(1, 4))
        with pytest.raises(DataError, match="NaN"):
            attack((9,)).evaluate(target, torch.full((2, 4), float("nan")), [0, 0])
    with pytest.raises(TargetError, match="raised ValueError"):
        NormalSearch((9,)).evaluate(LabelFunction(lambda x: int("x"), 2), torch.rand(2, 4), [0, 0])
    with pytest.raises(DataError, match="labels"):
        NormalSearch((9,)).evaluate(LabelFunction(lambda x: np.zeros(1), 2), torch.rand(2, 4), [0, 0])


def test_curves_say_what_they_are() -> None:
    scene = digits()
    found = NormalSearch((50, 100)).evaluate(TorchClassifier(scene.module, 10), scene.x[:3], scene.y[:3])
    assert "at 100 queries" in str(found)
    assert "median L2" in found._repr_html_()
