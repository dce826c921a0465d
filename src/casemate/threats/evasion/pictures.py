"""Adversarial examples as pictures: the input, what was changed, and what the model sees instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from casemate.core.exhibit import Exhibit, Picture
from casemate.core.png import png

Pixels = npt.NDArray[Any]
LARGEST = 256
"""Pixels a side above which images are not shown."""


def drawable(shape: tuple[int, ...] | None) -> bool:
    """Whether tensors of this shape are images: (1 or 3, height, width), not too large."""
    return shape is not None and len(shape) == 3 and shape[0] in (1, 3) and max(shape[1:]) <= LARGEST


def example_exhibit(
    assessment: str,
    subject: str,
    title: str,
    examples: Sequence[tuple[Pixels, Pixels, str, str]],
    bounds: tuple[float, float],
) -> Exhibit:
    """A row of three pictures an example: before, the change, after.

    Args:
        assessment: id.
        subject: name of the model.
        title: of the row.
        examples: clean and changed (channels, height, width) inputs, and what the model says of each.
        bounds: least and greatest value of an input.
    """
    low, high = bounds
    pictures = []
    for clean, changed, was, now in examples:
        change = changed - clean
        most = max(float(np.abs(change).max()), 1e-12)
        pictures += [
            Picture(f"{was}: the input", painted((clean - low) / (high - low))),
            Picture("what was changed; gray is nothing", painted(change / most / 2 + 0.5)),
            Picture(f"{now}: what the model says of the sum", painted((changed - low) / (high - low))),
        ]
    return Exhibit(assessment=assessment, subject=subject, title=title, pictures=tuple(pictures))


def painted(image: Pixels) -> bytes:
    """A PNG file of a (channels, height, width) image in [0, 1]; 1 channel is gray, 3 are colors."""
    values = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    channels, height, _ = values.shape
    rows = values.transpose(1, 2, 0).reshape(height, -1)
    return png([row.tobytes() for row in rows], channels)
