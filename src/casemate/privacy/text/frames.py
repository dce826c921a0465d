"""Tables in memory: pandas, polars and arrow; the roles of their columns are told by a sample."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from casemate.core.errors import UsageError
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.editor import Editor
from casemate.privacy.text.redactor import Redactor
from casemate.privacy.text.roles import role

KEEP: Final = "keep"
"""As the type of a column: it stays as it is."""


def redact_frame(
    frame: Any,
    redactor: Redactor | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    editor: Editor | None = None,
) -> Any:
    """A table without what was found in it: the same library, columns and order of rows.

    Columns of text are redacted, and what is nested in columns; a column of numbers becomes text where its numbers are
    somebody's. Missing values stay missing.

    Args:
        frame: (n, p) a frame of pandas or polars, or a table of arrow.
        redactor: how; the balanced one if not given.
        columns: type of a column ("PERSON": every cell is one), or "keep", where a sample would not tell.
        editor: instead of a redactor, one that counts.

    Raises:
        UsageError: this is no table, or it has no such column.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"id": [1, 2], "note": ["mail jane@example.com", None]})
        >>> redact_frame(table, Redactor(Analyzer("fast")))["note"].tolist()[0]
        'mail [EMAIL_ADDRESS]'
    """
    pen = editor or Editor(redactor or Redactor(Analyzer()))
    library = _library(frame)
    roles = dict(columns or {})
    missing = [each for each in roles if each not in _names(frame)]
    if missing:
        raise UsageError(f"there is no column {missing[0][:80]!r}", next_step="name one that is there")
    made = frame.copy(deep=False) if library == "pandas" else frame
    for at, name in enumerate(_names(frame)):
        if roles.get(name) == KEEP:
            continue
        old = _column(frame, at)
        new = redacted_column(_values(old), str(name), pen, roles.get(name, ""))
        if new is not None:
            made = _PUT[library](made, at, name, old, new)
    return made


def columns_of(frame: Any) -> Iterator[tuple[str, list[Any]]]:
    """Names and values of the columns of a table.

    Raises:
        UsageError: this is no table.
    """
    for at, name in enumerate(_names(frame)):
        yield str(name), _values(_column(frame, at))


def _library(frame: Any) -> str:
    library = type(frame).__module__.partition(".")[0]
    if library not in ("pandas", "polars", "pyarrow") or not hasattr(frame, "columns"):
        raise UsageError(
            f"{type(frame).__name__} is no table", next_step="give a frame of pandas or polars, or a table of arrow"
        )
    return library


def _names(frame: Any) -> list[Any]:
    return list(frame.column_names if _library(frame) == "pyarrow" else frame.columns)


def _column(frame: Any, at: int) -> Any:
    return frame.iloc[:, at] if _library(frame) == "pandas" else frame[_names(frame)[at]]


def _values(column: Any) -> list[Any]:
    way = next(each for each in ("to_pylist", "to_list") if hasattr(column, each))
    return list(getattr(column, way)())


def redacted_column(values: Sequence[Any], name: str, editor: Editor, type: str = "") -> list[Any] | None:
    """The values of a column, or None if nothing was found in it."""
    kind = type or role((text_of(each) for each in values), name, editor)
    made = [_value(each, f"row {row}, column {name}", name, editor, kind) for row, each in enumerate(values, 1)]
    if all(new is old for new, old in zip(made, values, strict=True)):
        return None
    if any(isinstance(each, str) for each in made):  # a column has one type
        return [str(each) if isinstance(each, int | float) and not math.isnan(each) else each for each in made]
    return made


def text_of(value: Any) -> str:
    """What a cell says, if it is text or a whole number; "" otherwise."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _value(value: Any, where: str, hint: str, editor: Editor, kind: str) -> Any:
    if isinstance(value, str):
        new = editor(value, where, hint=hint, type=kind)
        return value if new == value else new
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and (kind or abs(value) >= 10**6):
        new = editor(str(value), where, hint=hint, type=kind)
        return value if new == str(value) else new
    if isinstance(value, bytes):
        return value
    if isinstance(value, Mapping):
        inner = {key: _value(each, f"{where}.{key}", str(key), editor, kind) for key, each in value.items()}
        return value if all(inner[key] is each for key, each in value.items()) else inner
    if isinstance(value, Sequence):
        found = [_value(each, f"{where}[{at}]", hint, editor, kind) for at, each in enumerate(value)]
        return value if all(new is old for new, old in zip(found, value, strict=True)) else found
    return value


def _pandas(frame: Any, at: int, name: Any, old: Any, new: list[Any]) -> Any:
    del name
    nested = old.dtype == object and any(isinstance(each, list | dict) for each in new)
    frame.isetitem(at, old.__class__(new, index=old.index, dtype=object if nested else None, name=old.name))
    return frame


def _polars(frame: Any, at: int, name: str, old: Any, new: list[Any]) -> Any:
    del at
    return frame.with_columns(old.__class__(name, new))


def _arrow(frame: Any, at: int, name: str, old: Any, new: list[Any]) -> Any:
    import pyarrow as pa  # noqa: PLC0415  # optional; who has a table of arrow has it

    text = pa.types.is_integer(old.type) and any(isinstance(each, str) for each in new)
    return frame.set_column(at, name, pa.chunked_array([pa.array(new, type=pa.string() if text else old.type)]))


_PUT: Final = {"pandas": _pandas, "polars": _polars, "pyarrow": _arrow}
