"""Certified training: the loss is that of the worst logits that interval bounds allow."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from casemate.core.optional import require
from casemate.threats.evasion.certificates.backward import Problem, least
from casemate.threats.evasion.certificates.graph import Conv, Graph, Linear
from casemate.threats.evasion.certificates.intervals import boxes
from casemate.threats.evasion.certificates.margins import differences, others
from casemate.threats.evasion.certificates.read import read
from casemate.threats.evasion.certificates.relaxation import relax
from casemate.threats.evasion.certificates.rows import Rows
from casemate.threats.evasion.hardening.descent import Moment, Schedule, descend

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional as F
else:
    torch = require("torch", extra="torch")
    F = require("torch.nn.functional", extra="torch")


def train_ibp(
    module: Any,
    pixels: Any,
    labels: Any,
    eps: float,
    *,
    warm: float = 0.1,
    ramp: float = 0.5,
    keep: float = 0.0,
    linear: float = 0.0,
    box: tuple[float, float] = (0.0, 1.0),
    schedule: Schedule | None = None,
) -> Any:
    """Train for the worst logits within the ball, bounded by interval arithmetic.

    The radius grows slowly, and the loss moves from that of clean inputs to that of the worst logits with it: intervals
    of an untrained network are so wide that they would teach it to answer nothing. Initial weights are drawn small
    enough for intervals not to grow from layer to layer.

    Args:
        module: made of layers that :func:`casemate.threats.evasion.certificates.read.read` knows, without batch
            normalization; it is not changed.
        pixels: (n, ...) inputs.
        labels: (n,) codes.
        eps: radius in the largest coordinate, in units of inputs.
        warm: share of the steps trained on clean inputs only.
        ramp: share of the steps over which the radius grows.
        keep: weight of the clean loss at the end.
        linear: share of linear bounds in the worst logits at first, which falls to 0 as the radius grows; 1 is
            CROWN-IBP, 0 is plain interval training and several times cheaper.
        box: of valid inputs.
        schedule: how long and how fast.

    Returns:
        The trained copy, in evaluation mode.

    Raises:
        TargetError: the module has a layer for which no bounds are known.
        UsageError: there are no inputs, or not as many labels.

    Reference:
        Gowal et al. 2018, arXiv:1810.12715, equation 12; Zhang et al. 2020, arXiv:1906.06316, section 3.2 (CROWN-IBP);
        initial weights as in Shi et al. 2021, arXiv:2103.17268, section 3.1.
    """
    shape = tuple(pixels.shape[1:])
    start = _small(module, shape, schedule or Schedule())
    read_once: list[Graph] = []

    def loss(made: Any, x: Tensor, y: Tensor, now: Moment) -> Tensor:
        grown = min(1.0, max(0.0, now.share - warm) / ramp)
        if grown == 0.0:
            answer: Tensor = F.cross_entropy(made(x), y)
            return answer
        if not read_once:  # it holds the parameters themselves, which descend in place
            made.eval()
            read_once.append(read(made, shape, trainable=True))
            made.train()
        worst = worst_logits(read_once[0], x, y, eps * grown, box)
        if (share := linear * (1.0 - grown)) > 0:
            worst = (1 - share) * worst + share * linear_logits(read_once[0], x, y, eps * grown, box)
        clean = 1.0 - (1.0 - keep) * grown
        mixed = (1.0 - clean) * F.cross_entropy(worst, y)
        answer = mixed + clean * F.cross_entropy(made(x), y) if clean > 0 else mixed
        return answer

    return descend(start, pixels, labels, loss, schedule or Schedule())


def worst_logits(graph: Graph, x: Tensor, y: Tensor, eps: float, box: tuple[float, float]) -> Tensor:
    """(n, classes) upper bounds of every logit minus the true one within the ball; the true one's is 0.

    The last layer is merged with the differences, so that the true logit's interval is not counted twice.
    """
    last = graph.nodes[-1]
    low, high = (x - eps).clamp_min(box[0]), (x + eps).clamp_max(box[1])
    if not isinstance(last, Linear):
        below, above = boxes(graph, low, high)[-1]
        margin = above - below.gather(1, y[:, None])
        return margin.scatter(1, y[:, None], 0.0)
    below, above = boxes(Graph(graph.nodes[:-1]), low, high)[last.inputs[0]]
    weight = last.weight[None] - last.weight[y][:, None]
    center, radius = (below + above) / 2, (above - below) / 2
    shift = last.bias[None] - last.bias[y][:, None]
    return torch.einsum("ncd,nd->nc", weight, center) + torch.einsum("ncd,nd->nc", weight.abs(), radius) + shift


def linear_logits(graph: Graph, x: Tensor, y: Tensor, eps: float, box: tuple[float, float]) -> Tensor:
    """As `worst_logits`, by one linear pass back through lines that rest on intervals."""
    low, high = (x - eps).clamp_min(box[0]), (x + eps).clamp_max(box[1])
    found = boxes(graph, low, high)
    lines = {place: relax(found[place]) for place in graph.rectified}
    which = others(y, graph.classes).nonzero()
    rows = Rows(differences(y, which, graph.classes).to(x.dtype), which[:, 0])
    margins = least(Problem(graph, (low, high), lines, {}), len(graph.nodes) - 1, rows)
    return torch.zeros(len(x), graph.classes).index_put(tuple(which.T), -margins)


def _small(module: Any, shape: tuple[int, ...], schedule: Schedule) -> Any:
    """A copy of the module with initial weights redrawn for intervals."""
    made = copy.deepcopy(module).eval()
    graph = read(made, shape, trainable=True)
    generator = torch.Generator().manual_seed(schedule.seed)
    with torch.no_grad():
        for node in graph.nodes:
            if isinstance(node, Linear | Conv) and node.weight.requires_grad:
                inputs = node.weight[0].numel()
                # E|w| = sqrt(2 / pi) sigma; sigma = sqrt(2 pi) / n keeps the expected radius from growing
                node.weight.normal_(0.0, (2 * torch.pi) ** 0.5 / inputs, generator=generator)
                node.bias.zero_()
    return made
