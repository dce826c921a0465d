"""Attention made of linear layers answers as torch's, and its samples' gradients are those of samples one by one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from casemate.core.errors import TargetError
from casemate.privacy.dp.sgd.attention import Attention
from casemate.privacy.dp.sgd.clipping import Clipper
from casemate.privacy.dp.sgd.passes import Passes
from casemate.privacy.dp.sgd.repair import repaired
from tests.privacy.dp.sgd.test_clipping import alone

UPPER = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"batch_first": True}, {}),
        ({}, {"need_weights": False}),
        ({"batch_first": True, "bias": False}, {"average_attn_weights": False}),
        ({"batch_first": True, "kdim": 6, "vdim": 10}, {"attn_mask": UPPER}),
        ({"batch_first": True}, {"attn_mask": torch.where(UPPER, -1.5, 0.5), "is_causal": False}),
        ({"batch_first": True}, {"attn_mask": UPPER.expand(6, 5, 5)}),
        ({"batch_first": True}, {"key_padding_mask": torch.arange(5).expand(3, 5) > 2, "attn_mask": UPPER}),
    ],
)
def test_answers_and_gradients_are_those_of_torch(options: dict[str, Any], asked: dict[str, Any]) -> None:
    torch.manual_seed(0)
    original = nn.MultiheadAttention(8, 2, **options)
    for each in original.parameters():
        nn.init.normal_(each, std=0.5)
    twin, first = Attention(original), bool(options.get("batch_first"))
    shape = (3, 5) if first else (5, 3)
    query, key, value = (torch.randn(*shape, options.get(name, 8)) for name in ("edim", "kdim", "vdim"))
    answers = [each(query, key, value, **asked) for each in (original, twin)]
    assert torch.allclose(answers[0][0], answers[1][0], atol=1e-6)
    assert (answers[0][1] is None) == (answers[1][1] is None)
    if answers[0][1] is not None:
        assert torch.allclose(answers[0][1], answers[1][1], atol=1e-6)
    for answer in answers:
        answer[0].square().sum().backward()
    assert torch.allclose(original.out_proj.weight.grad, twin.out.weight.grad, rtol=1e-4, atol=1e-4)


class Encoder(nn.Module):
    def __init__(self, mask: torch.Tensor | None = None) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.last, self.mask = nn.Linear(8, 3), mask

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.body(self.words(x), mask=self.mask, src_key_padding_mask=x == 0).mean(1))


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_an_encoder_is_clipped_by_rules(dtype: torch.dtype, error: float) -> None:
    torch.manual_seed(0)
    original = Encoder().to(dtype)
    module, x, y = repaired(original), torch.randint(0, 20, (6, 7)), torch.arange(6) % 3
    x[:, 0] = 1  # not only padding
    assert torch.allclose(module(x), original(x), atol=1e-6)
    with torch.no_grad():
        assert torch.allclose(module.eval()(x), original.eval()(x), atol=1e-5)  # torch has a faster way for evaluation
    module.train()
    clip = 0.5 * float(alone(copy.deepcopy(module), x, y, 1.0)[1].median())
    total, _ = alone(module, x, y, clip)
    found = Clipper(module)(x, y, clip)
    assert found.fallback == ""
    passes = Passes(module, clip, "flat", mean=True)
    nn.functional.cross_entropy(module(x), y).backward()
    passes.collect()
    assert passes.fallback == {}
    expected = torch.cat([total[name].flatten().double() for name in passes.trained])
    for sums in (passes.total, torch.cat([found.sums[name].flatten().double() for name in passes.trained])):
        assert float((sums - expected).norm()) <= error * float(expected.norm())


def test_a_frozen_attention_stays_frozen_and_keys_of_its_own_are_refused() -> None:
    frozen = nn.Sequential(nn.MultiheadAttention(4, 2).requires_grad_(False), nn.Linear(4, 2)).eval()
    assert {name for name, each in repaired(frozen).named_parameters() if each.requires_grad} == {"1.weight", "1.bias"}
    assert not repaired(frozen)[0].training
    for options in ({"add_bias_kv": True}, {"add_zero_attn": True}):
        with pytest.raises(TargetError, match="no repair"):
            repaired(nn.MultiheadAttention(4, 2, **options))


def test_dropout_is_for_training() -> None:
    torch.manual_seed(0)
    twin, words = Attention(nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)), torch.randn(2, 5, 8)
    assert not torch.equal(twin(words, words, words)[0], twin(words, words, words)[0])
    twin.eval()
    assert torch.equal(twin(words, words, words)[0], twin(words, words, words)[0])
