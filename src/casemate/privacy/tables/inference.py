"""Hierarchies from looking at a column: intervals, calendar units, masked digits, or the value and nothing of it.

They depend on the values seen, so bounds of intervals say a little about them; give hierarchies where that matters.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np
import pandas as pd

from casemate.core.errors import UsageError
from casemate.data.infer import infer_schema
from casemate.privacy.tables.hierarchies import ALL, Hierarchy

Kind = Literal["intervals", "dates", "digits", "flat"]
FINEST: Final = 64
"""At most so many intervals at level 1."""
MASKED: Final = 16
"""At most so many digits are masked one by one."""


def infer(column: pd.Series, kind: Kind | None = None) -> Hierarchy:
    """A hierarchy for the values of a column; meant to be shown and mended.

    Args:
        column: (n,) values; missing ones become a value of their own, with the empty text, that only ``*`` joins to
            others.
        kind: how to generalize; left out, ``dates`` for dates, ``intervals`` for numbers, ``digits`` for text of digits
            that is equally long everywhere (postal codes), else ``flat``.

    Raises:
        UsageError: values are not of the kind that was asked for, or there are none.
    """
    values, labels = distinct(column)
    if not labels:
        raise UsageError("a column without values has no hierarchy", next_step="leave it out")
    chosen = kind or _guess(column, [label for label in labels if label])
    present = [(value, label) for value, label in zip(values, labels, strict=True) if label]
    try:
        rows = _ROWS[chosen]([value for value, _ in present], [label for _, label in present]) if present else []
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(
            f"this column cannot be generalized by {chosen}",
            cause=f"not all of its values fit ({type(error).__name__})",
            next_step="give a hierarchy, or the kind 'flat'",
        ) from error
    if "" in labels:
        levels = len(rows[0]) if rows else 2
        rows.append(("", *[""] * (levels - 2), ALL))
    return Hierarchy.of(rows)


def in_order(column: pd.Series) -> Hierarchy:
    """The values of a column in their order, and no level above them."""
    return Hierarchy.of([(label,) for label in distinct(column)[1]])


def distinct(column: pd.Series) -> tuple[list[object], list[str]]:
    """The values of a column in their order (numbers by size, else by text), and each as text, ``""`` if missing."""
    _, uniques = pd.factorize(column, use_na_sentinel=False)
    by_text: dict[str, object] = {}
    for value in uniques:
        by_text.setdefault(as_text(value), value)
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    labels = sorted(filter(None, by_text), key=float if numeric else None)
    if "" in by_text:
        labels.insert(0, "")
    return [by_text[label] for label in labels], labels


def as_text(value: object) -> str:
    """A cell as hierarchies write it: whole numbers without a point, dates in ISO 8601, missing ones as nothing."""
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float | np.floating):
        number = float(value)
        if math.isnan(number):
            return ""
        if number.is_integer() and abs(number) < 1e15:
            return str(int(number))
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat() if value == value.normalize() else value.isoformat()
    return str(value)


def _guess(column: pd.Series, labels: list[str]) -> Kind:
    frame = pd.DataFrame({"column": column})
    found = infer_schema(frame).columns[0].type
    if found == "date":
        return "dates"
    if found in ("integer", "number"):
        return "intervals"
    lengths = {len(label) for label in labels}
    if (
        len(lengths) == 1
        and 2 <= lengths.pop() <= MASKED
        and all(label.isascii() and label.isdigit() for label in labels)
    ):
        return "digits"
    return "flat"


def _intervals(values: list[object], labels: list[str]) -> list[tuple[str, ...]]:
    """Widths of 1, 2 or 5 times a power of ten, then doubled until one interval holds everything."""
    numbers = np.array([float(str(value)) for value in values])
    if not np.isfinite(numbers).all():
        raise ValueError("infinite")
    low, high = float(numbers.min()), float(numbers.max())
    whole = bool((numbers % 1 == 0).all() and np.abs(numbers).max() < 1e15)
    least = max((high - low) / FINEST, 2 if whole else np.spacing(max(abs(low), abs(high))) * 4, 1e-300)
    exponent = math.floor(math.log10(least))
    power = 10.0**exponent
    width = next(power * step for step in (1, 2, 5, 10) if power * step >= least)
    origin = math.floor(low / width)
    cells = np.floor(numbers / width).astype(np.int64) - origin
    rows: list[list[str]] = [[label] for label in labels]
    level = 0
    while int((cells >> level).max()) > 0 or (level == 0 and len(rows) > 1):  # the largest is halved each time
        for row, cell in zip(rows, (cells >> level).tolist(), strict=True):
            row.append(_interval((origin + (cell << level)) * width, width * (1 << level), whole, max(-exponent, 0)))
        level += 1
    return [(*row, ALL) for row in rows]


def _interval(start: float, width: float, whole: bool, decimals: int) -> str:
    """With as many digits as tell neighbors apart."""
    if whole:
        return f"{round(start)}-{round(start + width) - 1}"
    form = f".{decimals}f" if decimals <= 15 and abs(start) + width < 1e15 else ".17g"
    return f"[{start:{form}}, {start + width:{form}})"


def _dates(values: list[object], labels: list[str]) -> list[tuple[str, ...]]:
    months = pd.DatetimeIndex(pd.to_datetime(labels, format="ISO8601", utc=True)).tz_localize(None).to_period("M")
    return [
        (label, f"{month.year}-{month.month:02}", f"{month.year}-Q{month.quarter}", f"{month.year}", ALL)
        for label, month in zip(labels, months, strict=True)
    ]


def _digits(values: list[object], labels: list[str]) -> list[tuple[str, ...]]:
    longest = max(len(label) for label in labels)
    if longest > MASKED:
        raise ValueError("too long")
    padded = [label.rjust(longest, "0") for label in labels]
    rows = [
        (label, *[each[: longest - masked] + ALL * masked for masked in range(1, longest)], ALL)
        for label, each in zip(labels, padded, strict=True)
    ]
    return rows if longest > 1 else [(label, ALL) for label in labels]


def _flat(values: list[object], labels: list[str]) -> list[tuple[str, ...]]:
    return [(label, ALL) for label in labels]


_ROWS: Final = {"intervals": _intervals, "dates": _dates, "digits": _digits, "flat": _flat}
