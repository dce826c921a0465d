"""The pipeline: only right answers are certified, order does not matter, and bad input has a clear end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.threats.evasion.certificates.networks import KINDS, SHAPE, made
from torch import nn

from casemate.core.errors import TargetError, UsageError
from casemate.threats.evasion.certificates.branch import Search
from casemate.threats.evasion.certificates.certify import EFFORTS, Certificate, certify

X = torch.rand(12, *SHAPE, generator=torch.Generator().manual_seed(2))


def verdicts(found: tuple[Certificate, ...]) -> list[tuple[bool, str]]:
    return [(each.certified, each.method) for each in found]


def test_a_misclassified_sample_is_never_certified() -> None:
    module = made(KINDS[0], 1)
    right = module(X).argmax(1)
    wrong = (right + 1) % 3
    found = certify(module, X, wrong, 0.0)
    assert {each.method for each in found} == {"misclassified"}
    assert not any(each.certified for each in found)
    assert all(each.margin < 0 for each in found)
    assert all(each.certified for each in certify(module, X, right, 0.0))


def test_a_radius_of_one_leaves_nothing_certified() -> None:
    module = made(KINDS[0], 1, gain=2.0)
    found = certify(module, X, module(X).argmax(1), 1.0, search=Search(domains=100))
    assert not any(each.certified for each in found)


@pytest.mark.parametrize("kind", KINDS[:2])
def test_each_effort_certifies_at_least_what_the_one_below_does(kind: object) -> None:
    module = made(kind, 4, gain=2.0)
    labels = module(X).argmax(1)
    before = np.zeros(len(X), dtype=bool)
    for effort in EFFORTS:
        now = np.array([each.certified for each in certify(module, X, labels, 0.012, effort=effort)])
        assert (now >= before).all()
        before = now
    assert before.any()


def test_certificates_do_not_depend_on_the_batch() -> None:
    module = made(KINDS[1], 4, gain=2.0)
    labels = module(X).argmax(1)
    whole = certify(module, X, labels, 0.03, search=Search(domains=300), seconds=1000)
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))
    turned = certify(module, X[order], labels[order], 0.03, search=Search(domains=300), seconds=1000)
    alone = [
        certify(module, X[at : at + 1], labels[at : at + 1], 0.03, search=Search(domains=300), seconds=1000)
        for at in range(4)
    ]
    assert verdicts(turned) == [verdicts(whole)[int(at)] for at in order]
    assert [verdicts(each)[0] for each in alone] == verdicts(whole)[:4]
    assert len(set(verdicts(whole))) > 1


def test_the_search_is_bounded_and_its_bound_stays_sound() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 3))
    module.requires_grad_(False)
    labels = module(X).argmax(1)
    few = certify(module, X, labels, 0.05, search=Search(domains=1), seconds=1000)
    many = certify(module, X, labels, 0.05, search=Search(domains=400), seconds=1000)
    none = certify(module, X, labels, 0.05, seconds=0.0)
    for less, more, least in zip(few, many, none, strict=True):
        assert more.margin >= less.margin >= -100
        assert more.certified >= less.certified >= least.certified


def test_inputs_of_other_kinds_are_taken_as_they_are() -> None:
    module = made(KINDS[0], 1)
    labels = module(X).argmax(1)
    wanted = verdicts(certify(module, X, labels, 0.03))
    assert verdicts(certify(module, X.numpy().astype(np.float64), labels.numpy(), 0.03)) == wanted
    assert verdicts(certify(module, X.transpose(2, 3).contiguous().transpose(2, 3), labels, 0.03)) == wanted
    assert verdicts(certify(made(KINDS[0], 1).double(), X, labels, 0.03)) == wanted
    assert certify(module, X[:0], labels[:0], 0.03) == ()


def test_a_network_without_rectifiers_is_exact() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    module[1].weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    module[1].bias.data.zero_()
    x = torch.tensor([[0.9, 0.5], [0.9, 0.75]])
    found = certify(module, x, torch.tensor([0, 0]), 0.1)
    assert [each.certified for each in found] == [True, False]
    assert found[1].method == "counterexample"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": X * 255}, r"12 inputs .* outside \[0, 1\]"),
        ({"x": torch.where(X > 0.9, torch.nan, X)}, "not numbers"),
        ({"x": (X * 255).to(torch.uint8)}, "uint8"),
        ({"y": torch.zeros(3, dtype=torch.int64)}, "labels of shape"),
        ({"y": torch.zeros(12)}, "labels of shape"),
        ({"y": torch.full((12,), 3)}, "labels"),
        ({"y": torch.full((12,), -1)}, "labels"),
        ({"eps": -0.1}, "radius"),
        ({"eps": float("nan")}, "radius"),
        ({"effort": "hope"}, "effort"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, object], words: str) -> None:
    given = {"x": X, "y": torch.zeros(12, dtype=torch.int64), "eps": 0.1} | change
    with pytest.raises(UsageError, match=words) as caught:
        certify(made(KINDS[0], 1), given.pop("x"), given.pop("y"), **given)  # type: ignore[arg-type]
    assert caught.value.next_step


def test_a_module_in_training_mode_is_refused() -> None:
    module = made(KINDS[3], 1).train()
    with pytest.raises(TargetError, match="training mode"):
        certify(module, X, torch.zeros(12, dtype=torch.int64), 0.1)
