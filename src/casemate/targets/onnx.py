"""ONNX models as targets of attacks that see scores or labels: no gradients, and a faster forward pass than torch's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from casemate.core.errors import TargetError
from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

from casemate.targets.differentiable import BATCH, Answering, Loss


class OnnxClassifier(Answering):
    """An inference session of a model that maps (n, ...) float32 inputs within bounds to (n, classes) logits.

    Args:
        session: of onnxruntime, as ``casemate.custody.load(path).model`` gives it: the load guard opens models, this
            class only asks them.
        classes: how many there are, or their names.
        bounds: least and greatest value of an input.
        levels: number of values an input can have when it arrives; None for any.
        batch: samples a pass.
        name: what reports call it.

    Raises:
        TargetError: no session, bounds that make no sense, or a model with more than one input.
    """

    def __init__(
        self,
        session: Any,
        classes: int | Sequence[str],
        bounds: tuple[float, float] = (0.0, 1.0),
        *,
        levels: int | None = None,
        batch: int = BATCH,
        name: str = "model",
    ) -> None:
        if not (hasattr(session, "get_inputs") and hasattr(session, "run")):
            raise TargetError(
                f"{type(session).__name__} is no inference session",
                next_step="give casemate.custody.load(path).model; it needs pip install 'casemate[onnx]'",
            )
        self._session = session
        if len(self._session.get_inputs()) != 1:
            raise TargetError(
                f"the ONNX model has {len(self._session.get_inputs())} inputs",
                next_step="export a model with one input, the sample",
            )
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name
        super().__init__(classes, bounds, levels=levels, batch=batch, name=name)

    def logits(self, inputs: Tensor) -> Tensor:
        """(n, classes) float32 logits; counted as forwards.

        Raises:
            TargetError: the model raised, or answered something else than (n, classes) numbers.
        """
        self.usage.forwards += len(inputs)
        return self._run(inputs)

    def confirm(self, inputs: Tensor) -> Tensor:
        """(n, classes) float32 logits, inputs rounded to ``levels``; counted as confirmations."""
        self.usage.confirmations += len(inputs)
        return self._run(self.quantized(inputs))

    def gradient(self, inputs: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
        """Refused.

        Raises:
            TargetError: always; an ONNX model has no gradients here.
        """
        raise TargetError(
            f"target {self.name!r} has no gradients",
            cause="it is an ONNX model",
            next_step="use Square or a decision-based attack, or attack the torch module it came from",
        )

    def _run(self, inputs: Tensor) -> Tensor:
        parts = []
        for part in torch.split(inputs, self.batch):
            try:
                (answer,) = self._session.run([self._output], {self._input: part.numpy()})
            except Exception as error:  # the runtime's errors have no common base
                raise TargetError(
                    f"target {self.name!r} refused inputs of shape {tuple(part.shape)}",
                    cause=str(error).splitlines()[0][:200],
                    next_step="check the shape; the batch must be a free dimension of the model",
                ) from error
            if np.shape(answer) != (len(part), self.classes):
                raise TargetError(
                    f"target {self.name!r} answered {np.shape(answer)} for {len(part)} inputs",
                    cause=f"({len(part)}, {self.classes}) logits are expected",
                    next_step="give the right number of classes, and a model whose first output is one row a sample",
                )
            parts.append(torch.from_numpy(np.asarray(answer, dtype=np.float32)))
        return self._scaled(torch.cat(parts))
