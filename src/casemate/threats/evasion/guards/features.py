"""Two detectors that look at what the network makes of an input: feature squeezing, and Mahalanobis' distance.

References:
    Xu, Evans and Qi 2018, "Feature squeezing", section IV (arXiv 1704.01155); Lee et al. 2018, "A simple unified
    framework for detecting out-of-distribution samples and adversarial attacks", section 2.1 (arXiv 1807.03888), here
    on one layer and without the noise and the regression on known attacks that the paper adds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from casemate.core.errors import DataError, UsageError
from casemate.core.optional import require
from casemate.threats.evasion.guards.detector import BATCH, Detector, Score
from casemate.threats.evasion.guards.preprocess import Preprocessor, answer, through

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn


class FeatureSqueezing(Detector):
    """How much the answer changes when detail is taken out of the input: the largest L1 distance of probabilities.

    Args:
        module: returns (n, classes) logits.
        squeezers: what takes detail out; the paper's for MNIST are ``BitDepth(1)`` and ``Median(2)``.

    Raises:
        UsageError: no squeezers, or random ones.
    """

    def __init__(self, module: nn.Module, squeezers: Sequence[Preprocessor]) -> None:
        super().__init__()
        if not squeezers or any(each.random for each in squeezers):
            raise UsageError(
                "feature squeezing needs squeezers that do not draw", next_step="give BitDepth, Median, ..."
            )
        self.module = module
        self.squeezers = nn.ModuleList(squeezers)

    def forward(self, inputs: Tensor) -> Tensor:
        """(n,) scores between 0 and 2."""
        return self._changes(inputs, None)

    def ways(self) -> Mapping[str, Score]:
        """Through each squeezer's first stand-in, and through its last."""
        return {
            "first stand-ins": lambda inputs: self._changes(inputs, 0),
            "last stand-ins": lambda inputs: self._changes(inputs, -1),
        }

    def _changes(self, inputs: Tensor, way: int | None) -> Tensor:
        plain, changes = answer(self.module, inputs).softmax(1), []
        for squeezer in self.squeezers:
            if not isinstance(squeezer, Preprocessor):  # never: the list was made of them
                continue
            if way is None:
                squeezed = squeezer(inputs)
            else:
                squeezed = through(inputs, squeezer, list(squeezer.ways().values())[way])
            changes.append((answer(self.module, squeezed).softmax(1) - plain).abs().sum(1))
        return torch.stack(changes).amax(0)


class Mahalanobis(Detector):
    """Squared distance of an input's features from the nearest class' mean, in units of the common covariance.

    Args:
        body: maps inputs to features; (n, channels, height, width) are averaged over places.
        means: (classes, d).
        precision: (d, d), the pseudo-inverse of the covariance.
    """

    def __init__(self, body: nn.Module, means: Tensor, precision: Tensor) -> None:
        super().__init__()
        self.body = body
        self.register_buffer("means", means)
        self.register_buffer("precision", precision)

    @classmethod
    def fit(cls, body: nn.Module, inputs: Any, labels: Any) -> Self:
        """Class means and the covariance around them that all classes share, by maximum likelihood.

        Args:
            body: maps inputs to features; `penultimate` cuts it out of a Sequential.
            inputs: (n, ...) benign training inputs.
            labels: (n,) right classes.

        Raises:
            DataError: not one label an input, one class only, a class with a single input, or features that are not
                finite.
        """
        given = torch.as_tensor(inputs).to(torch.float32)
        classes = torch.as_tensor(np.asarray(labels)).to(torch.int64)
        if classes.ndim != 1 or len(classes) != len(given):
            raise DataError(
                f"labels of shape {tuple(classes.shape)} for {len(given)} inputs", next_step="give one class an input"
            )
        names, counts = np.unique(classes.numpy(), return_counts=True)
        if len(names) < 2 or int(counts.min()) < 2:
            raise DataError(
                "Mahalanobis' distance needs two inputs of each of two classes",
                cause=f"{len(names)} classes, the smallest with {int(counts.min()) if len(names) else 0}",
                next_step="give inputs of every class",
            )
        was = body.training
        body.eval()
        try:
            with torch.no_grad():
                found = torch.cat([_flat(answer(body, part)) for part in torch.split(given, BATCH)]).double()
        finally:
            body.train(was)
        if not bool(torch.isfinite(found).all()):
            raise DataError("features are not finite", next_step="look for NaN in the inputs or the network")
        means = torch.stack([found[classes == name].mean(0) for name in names.tolist()])
        centered = found - means[torch.from_numpy(np.searchsorted(names, classes.numpy()))]
        precision = torch.linalg.pinv(centered.T @ centered / len(found), hermitian=True)
        return cls(body, means.float(), precision.float())

    def forward(self, inputs: Tensor) -> Tensor:
        """(n,) squared distances."""
        away = _flat(answer(self.body, inputs))[:, None] - self.get_buffer("means")[None]
        distances = torch.einsum("ncd,de,nce->nc", away, self.get_buffer("precision"), away)
        return distances.amin(1)


def penultimate(network: nn.Module) -> nn.Module:
    """A Sequential without its last layer.

    Raises:
        UsageError: not a Sequential that ends with a linear layer.
    """
    if not isinstance(network, nn.Sequential) or len(network) < 2 or not isinstance(network[-1], nn.Linear):
        raise UsageError(
            f"cannot tell where the features of a {type(network).__name__} are",
            next_step="give Mahalanobis.fit a module that maps inputs to features",
        )
    return network[:-1]


def _flat(features: Tensor) -> Tensor:
    return features.flatten(2).mean(2) if features.ndim == 4 else features.flatten(1)
