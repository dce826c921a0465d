"""The four norms of a change, and what minimum-norm attacks need of each: length, projection, and a way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, cast

from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

Norm = Literal["L0", "L1", "L2", "Linf"]
NORMS: Final[tuple[Norm, ...]] = ("L0", "L1", "L2", "Linf")
_ORDER: Final[dict[Norm, float]] = {"L0": 0, "L1": 1, "L2": 2, "Linf": float("inf")}


def length(move: Tensor, norm: Norm) -> Tensor:
    """(n,) lengths of (n, ...) moves; in L0 the number of changed coordinates."""
    return cast("Tensor", torch.linalg.vector_norm(move.flatten(1), ord=_ORDER[norm], dim=1))


def shorten(move: Tensor, limit: Tensor, norm: Norm) -> Tensor:
    """The nearest moves, in the Euclidean sense, whose length is at most (n,) ``limit``.

    Example:
        >>> shorten(torch.tensor([[3.0, -1.0, 0.5]]), torch.tensor([2.0]), "L1")
        tensor([[2., -0., 0.]])
    """
    flat = move.flatten(1)
    if norm == "Linf":
        short = torch.maximum(torch.minimum(flat, limit[:, None]), -limit[:, None])
    elif norm == "L2":
        far = flat.norm(dim=1).clamp_min(1e-12)
        short = flat * (limit / far).clamp_max(1.0)[:, None]
    elif norm == "L1":
        short = _shorten_l1(flat, limit)
    else:
        rank = flat.abs().argsort(dim=1, descending=True).argsort(dim=1)
        short = torch.where(rank < limit[:, None], flat, 0.0)
    return short.reshape(move.shape)


def _shorten_l1(flat: Tensor, limit: Tensor) -> Tensor:
    """Soft thresholding by the one threshold that leaves the wanted sum.

    Reference:
        Duchi et al. 2008, "Efficient projections onto the l1-ball for learning in high dimensions", figure 1.
    """
    size = flat.abs()
    ordered = size.sort(dim=1, descending=True).values
    excess = ordered.cumsum(1) - limit[:, None].clamp_min(0)
    counts = torch.arange(1, flat.shape[1] + 1, dtype=flat.dtype)
    kept = (ordered * counts > excess).sum(1).clamp_min(1)
    threshold = (excess.gather(1, kept[:, None] - 1) / kept[:, None]).clamp_min(0)
    return flat.sign() * (size - threshold).clamp_min(0)


def between(origin: Tensor, example: Tensor, share: Tensor, norm: Norm) -> Tensor:
    """Points on the way from inputs to examples, at (n,) shares of it, and no nearer to the input than they need be.

    The way is the one along which the norm falls fastest: straight in L2, capping every coordinate in Linf, taking all
    back by the same amount in L1, taking whole coordinates back in L0, the smallest change first.
    """
    move = (example - origin).flatten(1)
    if norm == "L2":
        part = move * share[:, None]
    elif norm == "Linf":
        cap = (share * move.abs().amax(1))[:, None]
        part = torch.maximum(torch.minimum(move, cap), -cap)
    elif norm == "L1":
        less = ((1 - share) * move.abs().amax(1))[:, None]
        part = move.sign() * (move.abs() - less).clamp_min(0)
    else:
        keep = (share * (move != 0).sum(1)).ceil()
        part = shorten(move, keep, "L0")
    return torch.where(share[:, None] >= 1, example.flatten(1), origin.flatten(1) + part).reshape(origin.shape)
