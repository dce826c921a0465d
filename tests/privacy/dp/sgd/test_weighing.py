"""Whatever the clipping, no sample adds more than the clip norm, and sums equal those of samples one by one."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from casemate.core.errors import UsageError
from casemate.privacy.dp import PrivateTraining
from casemate.privacy.dp.sgd.clipping import Clipper
from casemate.privacy.dp.sgd.passes import Passes
from casemate.privacy.dp.sgd.weighing import Clipping
from tests.privacy.dp.sgd.test_clipping import MODULES, made

WAYS: list[Clipping] = ["flat", "automatic", "per_layer"]


def by_vmap(
    module: nn.Module, x: torch.Tensor, y: torch.Tensor, clip: float, clipping: Clipping
) -> dict[str, torch.Tensor]:
    given = {name: each.detach() for name, each in module.named_parameters()}

    def loss(weights: dict[str, torch.Tensor], sample: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        answer = torch.func.functional_call(module, weights, (sample[None],))
        return nn.functional.cross_entropy(answer, label[None])

    found = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(given, x, y)
    layers = {name: name.rpartition(".")[0] for name in given}
    sums = {}
    for name, each in found.items():
        alike = [key for key in given if clipping != "per_layer" or layers[key] == layers[name]]
        norms = torch.stack([found[key].flatten(1).square().sum(1) for key in alike]).sum(0).sqrt()
        most = clip / math.sqrt(len(set(layers.values()))) if clipping == "per_layer" else clip
        weights = clip / (norms + 0.01) if clipping == "automatic" else (most / norms).clamp_max(1)
        sums[name] = torch.tensordot(weights, each, 1)
    return sums


@pytest.mark.parametrize("name", ["mlp", "cnn", "long", "unruled"])
@pytest.mark.parametrize("clipping", WAYS)
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_sums_equal_those_of_vmap(name: str, clipping: Clipping, dtype: torch.dtype, error: float) -> None:
    module, x, y = made(name, dtype)
    passes = Passes(module.train(), 0.3, clipping, mean=True)
    nn.functional.cross_entropy(module(x), y).backward()
    passes.collect()
    passes.remove()
    expected = by_vmap(module, x, y, 0.3, clipping)
    whole = torch.cat([expected[name].flatten().double() for name in passes.trained])
    found = Clipper(module, clipping=clipping)(x, y, 0.3).sums
    for sums in (passes.total, torch.cat([found[name].flatten().double() for name in passes.trained])):
        assert float((sums - whole).norm()) <= error * float(whole.norm())


@settings(max_examples=20, deadline=None, database=None)
@given(
    name=st.sampled_from([name for name in MODULES if name != "groups"]),
    clipping=st.sampled_from(WAYS),
    clip=st.floats(1e-3, 1e2),
    size=st.sampled_from([1e-3, 1.0, 1e6]),
    seed=st.integers(0, 1000),
)
def test_no_sample_adds_more_than_the_clip_norm(
    name: str, clipping: Clipping, clip: float, size: float, seed: int
) -> None:
    module, x, _ = made(name, torch.float32)
    torch.manual_seed(seed)
    for each in module.parameters():
        each.data *= 10 ** float(torch.empty(()).uniform_(-2, 1))
    x, y = size * torch.randn_like(x), torch.randint(0, 3, (len(x),))
    found = Clipper(copy.deepcopy(module), clipping=clipping)
    passes = Passes(module.train(), clip, clipping, mean=False)
    for at in range(2):
        sums = found(x[at : at + 1], y[at : at + 1], clip).sums
        length = math.sqrt(sum(float(each.double().square().sum()) for each in sums.values()))
        passes.reset()
        nn.functional.cross_entropy(module(x[at : at + 1]), y[at : at + 1]).backward()
        passes.collect()
        assert max(length, float(passes.total.norm())) <= clip * (1 + 2**-10)  # the slack that noise is made for


def test_automatic_clipping_lengthens_what_is_short() -> None:
    module, x, y = made("mlp")
    norms = Clipper(module)(x, y, 1.0).norms
    one = Clipper(module, clipping="automatic")(x[:1], y[:1], 50.0).sums
    length = math.sqrt(sum(float(each.square().sum()) for each in one.values()))
    assert length == pytest.approx(50 * float(norms[0]) / (float(norms[0]) + 0.01))


@pytest.mark.parametrize("clipping", WAYS)
def test_the_certificate_names_the_clipping(clipping: Clipping, tmp_path: Path) -> None:
    x, y = torch.rand(80, 3), torch.arange(80) % 2
    training = PrivateTraining(epsilon=4.0, delta=1e-3, epochs=1, batch=40, clipping=clipping)
    assert training.fit(nn.Linear(3, 2), x, y).certificate.settings["clipping"] == clipping


@pytest.mark.parametrize("clipping", ["adaptive", "ghost", ""])
def test_other_clipping_is_refused(clipping: str) -> None:
    with pytest.raises(UsageError, match="no clipping"):
        PrivateTraining(epsilon=4.0, delta=1e-3, clipping=clipping)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no clipping"):
        Clipper(nn.Linear(2, 2), clipping=clipping)  # type: ignore[arg-type]
