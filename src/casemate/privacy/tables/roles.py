"""What a column is to privacy: inferred, with the reason, to be shown and mended.

The cautious guess is made: a column is something others may know, unless its name or its values say that it names a
person, or that learning it does harm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from casemate.core.errors import UsageError
from casemate.privacy.tables.inference import as_text
from casemate.privacy.tables.options import ROLES, Role

SAMPLE: Final = 1000
ALONE: Final = 0.9
"""Text that differs in more rows than this share names somebody."""

_NAMES: Final = re.compile(
    r"(^|[^a-z])(id|uid|uuid|guid|ssn|nin|nhs|mrn|iban|name|surname|forename|vorname|nachname|e[-_ ]?mail|phone|mobile|"
    r"telephone|fax|address|street|passport|licen[cs]e|plate|account|url|ip|login|user|username|patient|customer|person|"
    r"subject)([^a-z]|$)|(_id|id_?no|number)$"
)
_HARM: Final = re.compile(
    r"diagnos|disease|illness|condition|symptom|medication|drug|hiv|cancer|icd|procedure|mental|disab|pregnan|"
    r"religio|politic|union|sexual|orientation|ethnic|criminal|convict|offen[cs]e|genetic|salary|income|wage|earning|"
    r"wealth|debt|(^|[^a-z])(score|outcome|target|label|class)$"
)
_SHAPES: Final = {
    "looks like e-mail addresses": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "looks like IP addresses": re.compile(r"\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f]*:[0-9a-f:]*", re.IGNORECASE),
    "looks like addresses of the web": re.compile(r"(https?://|www\.)\S+"),
    "looks like identifiers in UUID form": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE),
    "looks like hashes; plain hashes of identifiers can be turned back": re.compile(
        r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}", re.IGNORECASE
    ),
}


@dataclass(frozen=True)
class ColumnRole:
    """A column and what is done with it.

    Attributes:
        name: of the column.
        role: what is done with it.
        reason: why.
        values: how many different ones it has.
    """

    name: str
    role: Role
    reason: str
    values: int


def infer_roles(table: pd.DataFrame, given: Mapping[str, Role] | None = None) -> tuple[ColumnRole, ...]:
    """The role of each column: as given, else guessed.

    Example:
        >>> table = pd.DataFrame({"name": ["ada", "bob"], "age": [36, 41], "diagnosis": ["flu", "flu"]})
        >>> [each.role for each in infer_roles(table)]
        ['drop', 'quasi', 'sensitive']

    Raises:
        UsageError: a column that was named is not there, or a role is unknown.
    """
    told = dict(given or {})
    for name, role in told.items():
        if name not in table.columns:
            raise UsageError(f"there is no column {name!r}", next_step=f"use names of: {', '.join(table.columns)}")
        if role not in ROLES:
            raise UsageError(f"{role!r} is no role of a column", next_step=f"use one of: {', '.join(ROLES)}")
    roles = (_guess(str(name), table[name]) for name in table.columns)
    return tuple(replace(each, role=told[each.name], reason="given") if each.name in told else each for each in roles)


def _guess(name: str, column: pd.Series) -> ColumnRole:
    values = int(column.nunique(dropna=False))
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    present = column.dropna()
    sample = [as_text(value) for value in present.iloc[:SAMPLE]]
    for reason, shape in _SHAPES.items():
        if sample and all(shape.fullmatch(text) for text in sample):
            return ColumnRole(name, "drop", reason, values)
    text = not (
        pd.api.types.is_numeric_dtype(column)
        or pd.api.types.is_datetime64_any_dtype(column)
        or isinstance(column.dtype, pd.CategoricalDtype)
    )
    alone = len(present) > 1 and values > ALONE * len(present)
    if _NAMES.search(words):
        return ColumnRole(name, "drop", "its name is that of an identifier", values)
    if _HARM.search(words):
        return ColumnRole(name, "sensitive", "its name is that of something harmful to learn", values)
    if text and alone and len(present) >= 20 and not _dated(sample):
        return ColumnRole(name, "drop", "text that differs in nearly every row", values)
    if values < 2:
        return ColumnRole(name, "keep", "it has one value", values)
    return ColumnRole(name, "quasi", "somebody may know it", values)


def _dated(sample: list[str]) -> bool:
    return all(re.match(r"\d{4}-\d{2}-\d{2}", text) for text in sample)


def shown(roles: tuple[ColumnRole, ...]) -> str:
    """The roles as a table for people.

    Example:
        >>> print(shown((ColumnRole("age", "quasi", "somebody may know it", 71),)))
        column  role   values  because
        age     quasi  71      somebody may know it
    """
    rows = [("column", "role", "values", "because"), *((r.name, r.role, str(r.values), r.reason) for r in roles)]
    widths = [max(len(row[at]) for row in rows) for at in range(3)]
    return "\n".join("  ".join((*(row[at].ljust(widths[at]) for at in range(3)), row[3])).rstrip() for row in rows)
