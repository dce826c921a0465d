"""What the columns of a table mean, so that attacks stay inside what could really be typed into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from casemate.core.digests import Digest

ColumnType = Literal["number", "integer", "boolean", "category", "date"]


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column: its type, what it may hold, and whether an attacker could change it.

    Attributes:
        name: the column's name.
        type: what its values are.
        low, high: inclusive bounds of numbers, None where unknown.
        categories: the values a category may take, in a fixed order.
        missing: whether a value may be missing.
        immutable: whether an attacker cannot change it (age, sex, ...).
        depends_on: columns it is computed from; an attack that changes those must not change this one on its own.
        sensitive: whether learning it about a person does harm.
    """

    name: str
    type: ColumnType
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] = ()
    missing: bool = False
    immutable: bool = False
    depends_on: tuple[str, ...] = ()
    sensitive: bool = False


class Schema(msgspec.Struct, frozen=True):
    """The columns of a table, in order."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def linked(self) -> frozenset[str]:
        """Columns that are computed from others, and those that others are computed from."""
        return frozenset(name for each in self.columns if each.depends_on for name in (each.name, *each.depends_on))

    @property
    def digest(self) -> Digest:
        """Digest of the whole schema."""
        return Digest.of_value(self)

    def edit(self, columns: Mapping[str, Column], *, sensitive: Sequence[str] = ()) -> Schema:
        """This schema with some columns replaced, and some marked sensitive.

        Raises:
            KeyError: a name is not in the schema.
        """
        for name in (*columns, *sensitive):
            self[name]
        edited = (columns.get(column.name, column) for column in self.columns)
        return Schema(tuple(msgspec.structs.replace(c, sensitive=c.sensitive or c.name in sensitive) for c in edited))

    def describe(self) -> str:
        """The columns as a table for people: types, bounds or number of categories, and what is known of each.

        Example:
            >>> print(Schema((Column(name="age", type="integer", low=18, high=99, immutable=True),)).describe())
            column  type     values    known
            age     integer  18 to 99  immutable
        """
        rows = [("column", "type", "values", "known"), *map(_described, self.columns)]
        widths = [max(len(row[at]) for row in rows) for at in range(3)]
        return "\n".join("  ".join((*(row[at].ljust(widths[at]) for at in range(3)), row[3])).rstrip() for row in rows)

    def to_toml(self) -> str:
        """The columns as ``[[column]]`` sections for casemate.toml, to be mended there. Defaults are left out.

        Example:
            >>> print(Schema((Column(name="age", type="integer", low=18, high=99),)).to_toml())
            [[column]]
            name = "age"
            type = "integer"
            low = 18.0
            high = 99.0
        """
        return "\n\n".join(map(_section, self.columns))

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def _described(column: Column) -> tuple[str, str, str, str]:
    if column.type == "category":
        values = f"{len(column.categories)} categories"
    elif column.low is None or column.high is None or column.type == "boolean":
        values = ""
    else:
        values = f"{column.low:g} to {column.high:g}"
    words = [word for word in ("missing", "immutable", "sensitive") if getattr(column, word)]
    known = [{"missing": "may be missing"}.get(word, word) for word in words]
    return (
        column.name,
        column.type,
        values,
        ", ".join(known + [f"from {', '.join(column.depends_on)}"] * bool(column.depends_on)),
    )


def _section(column: Column) -> str:
    lines = ["[[column]]", f"name = {_toml(column.name)}", f"type = {_toml(column.type)}"]
    for field, default in zip(Column.__struct_fields__[2:], Column.__struct_defaults__, strict=False):
        value = getattr(column, field)
        if value != default:
            lines.append(f"{field} = {_toml(value)}")
    return "\n".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | int):
        return repr(float(value))
    # a JSON string is a TOML basic string, but for DEL, which TOML wants escaped
    return msgspec.json.encode(str(value)).decode().replace("\x7f", "\\u007f")
