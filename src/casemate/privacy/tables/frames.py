"""Tables from files and back, with values as people wrote them: a postal code keeps its leading zero."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any, Final

import pandas as pd

from casemate.core.errors import DataError, UsageError
from casemate.core.optional import require
from casemate.data.read import UNREADABLE, read_frame

MOST_BYTES: Final = 4 << 30
"""Files of CSV above this are refused; parquet is smaller, and read by columns."""
_WHOLE: Final = r"-?(?:0|[1-9]\d{0,17})"
_NUMBER: Final = re.compile(rf"{_WHOLE}(?:\.\d+)?(?:[eE][+-]?\d{{1,3}})?")


def to_pandas(table: Any) -> pd.DataFrame:
    """A pandas or polars frame as a pandas frame.

    Raises:
        UsageError: it is neither.
    """
    if isinstance(table, pd.DataFrame):
        return table
    if type(table).__module__.partition(".")[0] == "polars":
        table = table.collect() if hasattr(table, "collect") else table
        if hasattr(table, "to_pandas"):
            made: pd.DataFrame = table.to_pandas()
            return made
    raise UsageError(f"a {type(table).__name__} is no table", next_step="give a frame of pandas or polars")


def read_table(path: Path, separator: str = ",") -> pd.DataFrame:
    """Read a table whose numbers are numbers only where nothing is lost by it.

    Args:
        path: a ``.csv`` file in UTF-8 with a header, or a ``.parquet`` file.
        separator: between cells of CSV.

    Raises:
        DataError: the file is missing, too large, empty, or not what its ending says, or it has a column twice.
        MissingPartError: parquet without pyarrow.
    """
    if path.suffix != ".csv":
        if path.suffix != ".parquet":
            raise DataError(f"{path.name} is no table that is read here", next_step="use .csv or .parquet")
        return read_frame(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path.name} has more than {MOST_BYTES >> 30} GiB", next_step="convert it to parquet")
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = next(csv.reader(file, delimiter=separator), [])
        if len(set(head)) < len(head):
            raise DataError(f"{path.name} has columns twice", next_step="rename or drop one of each")
        frame = pd.read_csv(path, sep=separator, dtype=str, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path.name}", next_step=f"check the path {path}") from error
    except (*UNREADABLE, csv.Error, TypeError) as error:
        raise DataError(
            f"{path.name} cannot be read as a table",
            cause=type(error).__name__,
            next_step="save it as CSV in UTF-8, or name its separator",
        ) from error
    if frame.empty:
        raise DataError(f"{path.name} has no rows", next_step="give a table with rows")
    return pd.DataFrame({str(name): typed(frame[name]) for name in frame.columns})


def write_table(table: pd.DataFrame, suffix: str, separator: str = ",") -> bytes:
    """The bytes of a ``.csv`` or ``.parquet`` file.

    Raises:
        UsageError: the ending is neither.
        MissingPartError: parquet without pyarrow.
    """
    if suffix == ".csv":
        return table.to_csv(index=False, sep=separator, lineterminator="\n").encode("utf-8", "surrogatepass")
    if suffix == ".parquet":
        require("pyarrow.parquet", extra="parquet")
        target = io.BytesIO()
        table.to_parquet(target, index=False)
        return target.getvalue()
    raise UsageError(f"{suffix or 'no ending'} is no ending of a table", next_step="write .csv or .parquet")


def typed(column: pd.Series) -> pd.Series:
    """A column of text as numbers, where nothing is lost by it."""
    present = column.dropna()
    texts = pd.unique(present)
    if len(texts) and all(re.fullmatch(_WHOLE, text) for text in texts):
        return column.astype("int64" if len(present) == len(column) else "Int64")
    if len(texts) and all(_NUMBER.fullmatch(text) for text in texts):
        return column.astype("float64")
    return column.astype(object)
