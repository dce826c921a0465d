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

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)
