"""Adversarial examples as pictures: the input, what was changed, and what the model sees instead."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from casemate.core.exhibit import Exhibit, Picture

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
            Picture(f"{was}: the input", png((clean - low) / (high - low))),
            Picture("what was changed; gray is nothing", png(change / most / 2 + 0.5)),
            Picture(f"{now}: what the model says of the sum", png((changed - low) / (high - low))),
        ]
    return Exhibit(assessment=assessment, subject=subject, title=title, pictures=tuple(pictures))


def png(image: Pixels) -> bytes:
    """A PNG file (ISO/IEC 15948) of a (channels, height, width) image in [0, 1]; 1 channel is gray, 3 are colors."""
    values = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    channels, height, width = values.shape
    rows = values.transpose(1, 2, 0).reshape(height, -1)
    filtered = np.concatenate([np.zeros((height, 1), dtype=np.uint8), rows], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
