"""How reviewed filters and methods of templates behave; which are reviewed stands in ``names/jinja.toml``."""

from __future__ import annotations

NUMERIC_FILTERS = frozenset(("length", "count", "int", "float", "round", "abs", "wordcount"))
"""What they return is a number."""

PASSING_FILTERS = frozenset(
    [
        "sort",
        "unique",
        "list",
        "first",
        "last",
        "min",
        "max",
        "reject",
        "select",
        "selectattr",
        "rejectattr",
        "batch",
        "slice",
        "groupby",
        "reverse",
        "trim",
        "lower",
        "upper",
        "title",
        "capitalize",
        "from_json",
        "safe",
        "e",
        "escape",
    ]
)
"""What they return is made of what they are given."""

NUMERIC_METHODS = frozenset(
    [
        "startswith",
        "endswith",
        "count",
        "index",
        "find",
        "rfind",
        "isdigit",
        "isnumeric",
        "isalpha",
        "isalnum",
        "isspace",
        "isupper",
        "islower",
    ]
)

BUILDING_METHODS = frozenset(
    ["join", "format", "replace", "strftime", "isoformat", "zfill", "ljust", "rjust", "center"]
)
"""They make texts that stand nowhere in the template."""

GETTERS = {
    "map": 1,
    "selectattr": 1,
    "rejectattr": 1,
    "groupby": 1,
    "sum": 1,
    "sort": 3,
    "unique": 2,
    "min": 2,
    "max": 2,
    "join": 2,
}
"""Filters that read an attribute by name -> the argument's position, from 1; ``map`` takes it by keyword."""
