"""Images and labels from IDX files, the format of MNIST and Fashion-MNIST, packed with gzip or not.

An IDX file is two zero bytes, a byte for the type, a byte for the number of dimensions, one big-endian 32-bit size a
dimension, and the values. Only unsigned bytes are read here, which is what images and labels come as.
"""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError

Part = Literal["train", "test"]
STEMS: dict[Part, str] = {"train": "train", "test": "t10k"}
"""What the files of each part begin with."""

UNSIGNED_BYTE = 0x08
MOST_DIMENSIONS = 4
MOST_BYTES = 1 << 30
"""Larger files are refused before a byte of them is unpacked."""


@dataclass(frozen=True)
class Images:
    """Labeled images.

    Attributes:
        pixels: (n, channels, height, width) float32 in [0, 1].
        labels: (n,) int64 codes.
    """

    pixels: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> Images:
        """The first ``count`` of them, or all where there are fewer."""
        return Images(self.pixels[:count], self.labels[:count])


def read_images(folder: Path, part: Part = "test") -> Images:
    """Read one part of a data set that lies in a folder under the names MNIST's files have.

    Args:
        folder: holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and the same with ``t10k``, each as it
            is or with ``.gz``. ``make data`` makes ``.data/mnist``, and ``.data/fashion-mnist`` where Debian's
            package ``dataset-fashion-mnist`` is installed.
        part: "train" or "test".

    Raises:
        DataError: a file is missing or not what it should be, or there are not as many labels as images.
    """
    stem = STEMS[part]
    pixels = read_idx(_either(folder / f"{stem}-images-idx3-ubyte"))
    labels = read_idx(_either(folder / f"{stem}-labels-idx1-ubyte"))
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    if pixels.ndim != 4 or labels.shape != pixels.shape[:1]:
        raise DataError(
            f"the {part} images and labels in {folder.name} do not belong together",
            cause=f"their shapes are {pixels.shape} and {labels.shape}",
            next_step="fetch the data set again",
        )
    return Images(pixels.astype(np.float32) / np.float32(255), labels.astype(np.int64))


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes; a name that ends in ``.gz`` is unpacked on the way.

    Memory is bounded by the size the header promises, and that by ``MOST_BYTES``.

    Raises:
        DataError: there is no such file, or it is no IDX file of unsigned bytes, is cut short or has more behind.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _read(file, path.name)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path.name}", next_step=f"run `make data`, or check {path}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path.name, type(error).__name__) from error


def _read(file: BufferedIOBase, name: str) -> npt.NDArray[np.uint8]:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] != UNSIGNED_BYTE:
        raise _unreadable(name, "it does not begin as an IDX file of unsigned bytes")
    dimensions = head[3]
    if not 1 <= dimensions <= MOST_DIMENSIONS:
        raise _unreadable(name, f"it has {dimensions} dimensions")
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise _unreadable(name, "it ends in its header")
    shape = tuple(int.from_bytes(sizes[at : at + 4], "big") for at in range(0, len(sizes), 4))
    length = math.prod(shape)
    if length > MOST_BYTES:
        raise _unreadable(name, f"its header promises {length} bytes")
    content = file.read(length + 1)
    if len(content) != length:
        raise _unreadable(name, "its length is not the one its header promises")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _either(path: Path) -> Path:
    packed = path.with_name(path.name + ".gz")
    return packed if packed.exists() and not path.exists() else path


def _unreadable(name: str, cause: str) -> DataError:
    return DataError(f"{name} cannot be read as images or labels", cause=cause, next_step="fetch the file again")
