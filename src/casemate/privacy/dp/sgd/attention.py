"""The attention of torch, made of linear layers, so that its samples' gradients can be seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from casemate.core.errors import TargetError
from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn


class Attention(nn.Module):
    """Answers as the `torch.nn.MultiheadAttention` that it is made from, with its weights.

    That one reads the weights of a layer inside it without calling the layer, so no hook sees what goes through them.

    Args:
        original: copied; it may have keys and values of other sizes, and samples along either axis.

    Raises:
        TargetError: it adds keys to those it is given.

    Example:
        >>> original = nn.MultiheadAttention(8, 2, batch_first=True)
        >>> words = torch.randn(3, 5, 8)
        >>> answers = [attend(words, words, words)[0] for attend in (original, Attention(original))]
        >>> bool(torch.allclose(*answers, atol=1e-6))
        True
    """

    in_proj_bias = None  # layers of torch that ask for these take their slow path then, which calls us
    _qkv_same_embed_dim = False

    def __init__(self, original: nn.MultiheadAttention) -> None:
        super().__init__()
        if original.bias_k is not None or original.add_zero_attn:
            raise TargetError(
                "an attention that adds keys of its own has no repair",
                cause="add_bias_kv or add_zero_attn is set",
                next_step="build it without them",
            )
        self.num_heads, self.dropout = original.num_heads, float(original.dropout)
        self.batch_first, self.embed_dim = original.batch_first, original.embed_dim
        weights = [original.in_proj_weight] * 3
        if not original._qkv_same_embed_dim:
            weights = [original.q_proj_weight, original.k_proj_weight, original.v_proj_weight]
        rows = [slice(at * self.embed_dim, (at + 1) * self.embed_dim) for at in range(3)]
        self.query, self.key, self.value = (
            _linear(weight, original.in_proj_bias, part, part if original._qkv_same_embed_dim else slice(None))
            for weight, part in zip(weights, rows, strict=True)
        )
        self.out = _linear(original.out_proj.weight, original.out_proj.bias)
        self.train(original.training)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """As `torch.nn.MultiheadAttention.forward`, for samples in a batch."""
        del is_causal  # a hint only: the mask has to be given with it
        if not self.batch_first:
            query, key, value = (each.transpose(0, 1) for each in (query, key, value))
        heads = [
            layer(each).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for layer, each in ((self.query, query), (self.key, key), (self.value, value))
        ]  # (n, heads, places, size) each
        scores = heads[0] @ heads[1].transpose(2, 3) / math.sqrt(heads[0].shape[3])
        if attn_mask is not None:
            scores = scores + _added(attn_mask if attn_mask.dim() == 2 else attn_mask.reshape(scores.shape), scores)
        if key_padding_mask is not None:
            scores = scores + _added(key_padding_mask[:, None, None], scores)
        weights = nn.functional.dropout(scores.softmax(3), self.dropout, self.training)
        answer: Tensor = self.out((weights @ heads[2]).transpose(1, 2).flatten(2))
        if not self.batch_first:
            answer = answer.transpose(0, 1)
        if not need_weights:
            return answer, None
        return answer, weights.mean(1) if average_attn_weights else weights


def _linear(
    weight: Tensor, bias: Tensor | None, of_bias: slice = slice(None), of_weight: slice = slice(None)
) -> nn.Linear:
    """A layer with copies of some rows, trained or frozen as they are."""
    copied = weight.detach()[of_weight].clone()
    layer = nn.Linear(copied.shape[1], copied.shape[0], bias=bias is not None, dtype=copied.dtype)
    layer.weight = nn.Parameter(copied, weight.requires_grad)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach()[of_bias].clone(), bias.requires_grad)
    return layer


def _added(mask: Tensor, like: Tensor) -> Tensor:
    """What is added to scores: minus infinity where a mask is true."""
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill(mask, -math.inf)
