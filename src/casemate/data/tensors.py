"""Tensors with labels from ``.npz`` files: images, and whatever else a network takes that is no table."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.errors import DataError
from casemate.data.dataset import Dataset
from casemate.data.read import UNREADABLE
from casemate.data.schema import Schema

INPUTS, LABELS, CLASSES = "inputs", "labels", "classes"
"""Names of the arrays in a file; the last is optional."""

Mask = npt.NDArray[np.bool_]


def holds_tensors(path: Path) -> bool:
    """Whether a file is an ``.npz`` with an array called "inputs", which tables have not.

    A file that cannot be read holds none; whoever reads it as a table says why.
    """
    if path.suffix != ".npz":
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return f"{INPUTS}.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def read_tensors(path: Path, *, name: str, classes: Sequence[str] | None = None) -> Dataset:
    """Read inputs and labels.

    Args:
        path: an ``.npz`` file with "inputs", (n, ...) numbers, and "labels", (n,) whole numbers from 0; "classes" may
            name the classes. Bytes (uint8) are scaled to [0, 1].
        name: what reports call the data set.
        classes: names of the classes, when another file has said them.

    Raises:
        DataError: the file is missing or no such file, inputs and labels do not belong together, or inputs hold NaN.
    """
    try:
        # numpy leaves a file open that it cannot read
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            held = {key: archive[key] for key in archive.files if key in (INPUTS, LABELS, CLASSES)}
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path.name}", next_step=f"check the path {path}") from error
    except UNREADABLE as error:
        raise DataError(
            f"{path.name} cannot be read as tensors",
            cause=type(error).__name__,
            next_step="write it with numpy.savez(path, inputs=..., labels=...)",
        ) from error
    for key in (INPUTS, LABELS):
        if key not in held:
            raise DataError(f"{path.name} has no array {key!r}", next_step="write it with numpy.savez")
    named = classes if classes is not None else held.get(CLASSES)
    return to_tensors(held[INPUTS], held[LABELS], name=name, classes=None if named is None else [str(n) for n in named])


def to_tensors(
    inputs: npt.NDArray[Any], labels: npt.NDArray[Any], *, name: str, classes: Sequence[str] | None = None
) -> Dataset:
    """Inputs and labels as a data set.

    Args:
        inputs: (n, ...) numbers; bytes are scaled to [0, 1].
        labels: (n,) whole numbers from 0.
        name: what reports call the data set.
        classes: their names; the numbers themselves if not given.

    Raises:
        DataError: shapes, types or values that cannot be used.
    """
    if inputs.ndim < 2 or labels.shape != inputs.shape[:1] or len(inputs) < 2:
        raise DataError(
            f"inputs and labels of {name!r} do not belong together",
            cause=f"their shapes are {inputs.shape} and {labels.shape}",
            next_step="give (n, ...) inputs and (n,) labels, two rows at least",
        )
    if not np.issubdtype(labels.dtype, np.integer) or int(labels.min()) < 0:
        raise DataError(f"labels of {name!r} are no whole numbers from 0", next_step="number the classes from 0")
    if inputs.dtype.kind not in "uif":
        raise DataError(f"inputs of {name!r} are {inputs.dtype}", next_step="give numbers")
    values = inputs.astype(np.float32)
    if inputs.dtype == np.uint8:
        values /= np.float32(255)
    if not np.isfinite(values).all():
        raise DataError(f"inputs of {name!r} hold NaN or infinity", next_step="drop or impute those rows")
    most = int(labels.max()) + 1
    words = tuple(map(str, range(most))) if classes is None else tuple(classes)
    if len(words) < max(most, 2):
        raise DataError(
            f"{name!r} has labels up to {most - 1} and {len(words)} classes", next_step="name every class, two at least"
        )
    flat = values.reshape(len(values), -1)
    frame = pd.DataFrame(flat, columns=[str(at) for at in range(flat.shape[1])])
    return Dataset(name, frame, labels.astype(np.int64), words, Schema(()), None, tuple(inputs.shape[1:]))


def repeated(members: Dataset, nonmembers: Dataset) -> Mask:
    """Which nonmember tensors are a member's, to the bit: (len(nonmembers),) bool."""
    seen = {hashlib.sha256(each.tobytes()).digest() for each in members.tensors}
    return np.array([hashlib.sha256(each.tobytes()).digest() in seen for each in nonmembers.tensors], dtype=bool)
