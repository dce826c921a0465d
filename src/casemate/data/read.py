"""Tables from files: CSV, parquet and npz. What cannot be read says why, and what to do."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from casemate.core.errors import DataError
from casemate.core.optional import require

UNREADABLE = (
    pd.errors.EmptyDataError,
    pd.errors.ParserError,
    zipfile.BadZipFile,
    zlib.error,
    ValueError,  # also what is not UTF-8, and arrays of objects
    OSError,
    EOFError,
    KeyError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
)
"""What readers of files raise on bytes that are not what the file's ending says."""


def read_frame(path: Path) -> pd.DataFrame:
    """Read a table.

    Args:
        path: a ``.csv``, ``.parquet`` or ``.npz`` file (npz: one 1-d or 2-d array a name, no objects).

    Raises:
        DataError: the file is missing, empty, or not what its ending says.
        MissingPartError: parquet without pyarrow.
    """
    try:
        frame = _read(path)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path.name}", next_step=f"check the path {path}") from error
    except UNREADABLE as error:
        raise DataError(
            f"{path.name} cannot be read as a table", cause=type(error).__name__, next_step="check the file"
        ) from error
    frame.columns = [str(name) for name in frame.columns]
    if frame.columns.has_duplicates:
        twice = sorted(set(frame.columns[frame.columns.duplicated()]))
        raise DataError(f"{path.name} has columns twice: {', '.join(twice)}", next_step="rename or drop one of each")
    if frame.empty:
        raise DataError(f"{path.name} has no rows", next_step="give a table with at least one row a class")
    return frame


def _read(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        # Words are turned into objects by every encoder again and again; kept as objects this costs nothing.
        with pd.option_context("mode.string_storage", "python"):
            return pd.read_csv(path, low_memory=False)
    if path.suffix == ".parquet":
        table = require("pyarrow.parquet", extra="parquet").read_table(path)
        frame: pd.DataFrame = table.to_pandas()
        return frame
    if path.suffix == ".npz":
        return _read_npz(path)
    raise DataError(
        f"{path.name} is no table that casemate reads",
        cause=f"its ending is {path.suffix!r}",
        next_step="use .csv, .parquet or .npz",
    )


def _read_npz(path: Path) -> pd.DataFrame:
    columns: dict[str, object] = {}
    with zipfile.ZipFile(path):  # np.load would take a single array for an archive of them
        pass
    with np.load(path, allow_pickle=False) as archive:
        for name in archive.files:
            array = archive[name]
            if array.ndim not in (1, 2):
                raise DataError(
                    f"array {name!r} in {path.name} has {array.ndim} dimensions",
                    cause="a table has one column a vector, or a matrix of columns",
                    next_step="save vectors and matrices with one row a record",
                )
            columns |= (
                {name: array} if array.ndim == 1 else {f"{name}{at}": array[:, at] for at in range(array.shape[1])}
            )
    if len({len(np.asarray(column)) for column in columns.values()}) > 1:
        raise DataError(f"the arrays in {path.name} have different lengths", next_step="give one row a record in each")
    return pd.DataFrame(columns)
