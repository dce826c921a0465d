"""What is in the way of private training is found, and repaired where it can be."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from casemate.core.errors import TargetError
from casemate.privacy.dp.sgd.clipping import Clipper
from casemate.privacy.dp.sgd.repair import problems, repaired


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(12, eps=1e-3)
        self.last = nn.Linear(12, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.norm(x).mean((2, 3)))


BAD = {
    "BatchNorm": (nn.Sequential(nn.Conv2d(1, 12, 3), Inner()), torch.rand(4, 1, 6, 6), "1.norm"),
    "alone": (nn.BatchNorm1d(4), torch.rand(5, 4), ""),
    "without factors": (nn.Sequential(nn.BatchNorm1d(4, affine=False), nn.Linear(4, 3)), torch.rand(5, 4), "0"),
    "memory": (
        nn.Sequential(nn.InstanceNorm2d(2, track_running_stats=True), nn.Flatten(), nn.Linear(32, 3)),
        torch.rand(4, 2, 4, 4),
        "0",
    ),
    "sparse": (
        nn.Sequential(nn.Embedding(9, 4, sparse=True), nn.Flatten(), nn.Linear(8, 3)),
        torch.randint(9, (4, 2)),
        "0",
    ),
    "half": (nn.Linear(4, 3).half(), torch.rand(5, 4), "weight"),
}


@pytest.mark.parametrize("case", BAD)
def test_problems_are_refused_with_a_repair_that_works(case: str) -> None:
    module, x, place = BAD[case]
    assert problems(module)[0].place == place
    with pytest.raises(TargetError, match="repaired") as caught:
        Clipper(module)
    assert caught.value.next_step
    mended = repaired(module)
    assert problems(mended) == []
    assert problems(module)  # the original is left alone
    assert mended.training == module.training
    clipped = Clipper(mended)(x, torch.zeros(len(x), dtype=torch.int64), clip_norm=0.1)
    assert bool(clipped.norms.isfinite().all())


def test_factors_are_kept() -> None:
    module = nn.Sequential(nn.Conv2d(1, 12, 3), nn.BatchNorm2d(12, eps=1e-3)).eval()
    nn.init.uniform_(module[1].weight)
    mended = repaired(module)
    assert torch.equal(mended[1].weight, module[1].weight)
    assert (mended[1].num_groups, mended[1].eps, mended[1].training) == (4, 1e-3, False)


def test_nothing_to_train_has_no_repair() -> None:
    module = nn.Linear(2, 2).requires_grad_(False)
    assert [each.repair for each in problems(repaired(module))] == [""]
    with pytest.raises(TargetError, match="no parameter"):
        Clipper(module)
