"""Tables from files: CSV, parquet and npz. What cannot be read says why, and what to do."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from casemate.core.errors import DataError
from casemate.core.optional import require


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
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError, ValueError, OSError) as error:
        raise DataError(
            f"{path.name} cannot be read as a table", cause=type(error).__name__, next_step="check the file"
        ) from error
    except zipfile.BadZipFile as error:
        raise DataError(f"{path.name} is no npz file", next_step="write it with numpy.savez") from error
    frame.columns = [str(name) for name in frame.columns]
    if frame.columns.has_duplicates:
        twice = sorted(set(frame.columns[frame.columns.duplicated()]))
        raise DataError(f"{path.name} has columns twice: {', '.join(twice)}", next_step="rename or drop one of each")
    if frame.empty:
        raise DataError(f"{path.name} has no rows", next_step="give a table with at least one row a class")
    return frame


def _read(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return pd.read_csv(path, low_memory=False)
    if path.suffix == ".parquet":
        table = require("pyarrow.parquet", extra="parquet").read_table(path)
        frame: pd.DataFrame = table.to_pandas()
        return frame
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            columns: dict[str, object] = {}
            for name in archive.files:
                array = archive[name]
                if array.ndim == 1:
                    columns[name] = array
                else:
                    columns |= {f"{name}{at}": array[:, at] for at in range(array.shape[1])}
        return pd.DataFrame(columns)
    raise DataError(
        f"{path.name} is no table that casemate reads",
        cause=f"its ending is {path.suffix!r}",
        next_step="use .csv, .parquet or .npz",
    )
