"""The call of old tutorials: ``adv_x = fgsm(model, x, eps=0.1)``, with only the import changed.

It was ``from cleverhans.attacks import fgsm`` in the library's first versions and has been gone from it for years. For
a measurement use `casemate.threats.evasion.FGSM`: this function returns inputs and says nothing about success.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from casemate.core.errors import TargetError, UsageError
from casemate.core.optional import require

if TYPE_CHECKING:
    from torch import Tensor

Array = npt.NDArray[Any]


def fgsm(
    model: Any,
    x: Tensor | npt.ArrayLike,
    eps: float = 0.3,
    *,
    y: Tensor | npt.ArrayLike | None = None,
    clip_min: float | None = None,
    clip_max: float | None = None,
    targeted: bool = False,
) -> Tensor | Array:
    """Inputs moved by ``eps`` in each coordinate, along the sign of the gradient of the cross-entropy.

    Args:
        model: a torch module that returns logits, or a linear estimator of scikit-learn (with ``coef_``).
        x: (n, ...) inputs, numpy or torch; answered in kind.
        eps: how far each coordinate moves, in units of inputs.
        y: (n,) right classes, or wanted ones if ``targeted``; the model's own answers if not given, so that the
            attack does not leak the truth (Kurakin, Goodfellow and Bengio 2017, section 4.1).
        clip_min: least valid input, or None.
        clip_max: greatest valid input, or None.
        targeted: move towards ``y`` instead of away from it.

    Raises:
        TargetError: the model has no gradient that is known here.
        UsageError: ``targeted`` without ``y``.

    Reference:
        Goodfellow, Shlens and Szegedy 2015, "Explaining and harnessing adversarial examples", section 4.

    Example:
        >>> import numpy as np
        >>> from sklearn.linear_model import LogisticRegression
        >>> model = LogisticRegression().fit(np.array([[0.0], [1.0]]), [0, 1])
        >>> fgsm(model, np.array([[0.0], [1.0]]), eps=0.1).round(1).tolist()
        [[0.1], [0.9]]
    """
    if targeted and y is None:
        raise UsageError("a targeted attack needs the wanted classes", next_step="give y")
    sign = -1.0 if targeted else 1.0
    if hasattr(model, "coef_"):
        inputs = np.asarray(x, dtype=np.float64)
        moved = inputs + eps * sign * np.sign(_linear_slope(model, inputs, y))
        moved = moved if clip_min is None and clip_max is None else np.clip(moved, clip_min, clip_max)
        return moved.astype(np.asarray(x).dtype) if np.issubdtype(np.asarray(x).dtype, np.floating) else moved
    torch = require("torch", extra="torch")
    if not isinstance(model, torch.nn.Module):
        raise TargetError(
            f"no gradient of {type(model).__name__} is known",
            next_step="give a torch module or a fitted linear estimator; attack others by their scores or labels",
        )
    given = torch.as_tensor(x)
    first = next(model.parameters(), None)
    leaf = given.detach().to(torch.float32 if first is None else first.dtype).requires_grad_()
    training = {each: each.training for each in model.modules()}
    model.eval()
    try:
        logits = model(leaf)
        labels = logits.argmax(1) if y is None else torch.as_tensor(y).to(torch.int64)
        loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
        (slope,) = torch.autograd.grad(loss, leaf)
    finally:
        for each, mode in training.items():
            each.training = mode
    moved = leaf.detach() + eps * sign * slope.sign()
    moved = moved if clip_min is None and clip_max is None else moved.clamp(clip_min, clip_max)
    return moved if isinstance(x, torch.Tensor) else np.asarray(moved.numpy())


def _linear_slope(model: Any, inputs: Array, labels: Tensor | npt.ArrayLike | None) -> Array:
    """(n, d) gradients of the cross-entropy of a linear model's scores."""
    weights, offset = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
    scores = inputs.reshape(len(inputs), -1) @ weights.T + offset
    if len(weights) == 1:  # one score for two classes
        weights, scores = np.vstack([-weights, weights]) / 2, np.hstack([-scores, scores]) / 2
    right = scores.argmax(axis=1) if labels is None else np.searchsorted(model.classes_, np.asarray(labels))
    error = softmax(scores, axis=1)
    error[np.arange(len(error)), right] -= 1
    return np.asarray(error @ weights).reshape(inputs.shape)
