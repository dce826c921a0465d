"""The schemas of flat buffers are whole: a kind that no table has would end a walk with an error of its own."""

from __future__ import annotations

import pytest

from casemate.threats.supply_chain.formats.flatbuffer import schema

KINDS = {"string", "bool", "float32", "float64", *(f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64))}


@pytest.mark.parametrize("family", ["tflite", "executorch"])
def test_every_kind_of_a_schema_is_one_of_its_tables(family: str) -> None:
    tables = schema(family)
    for name, fields in tables.items():
        if name.startswith("#"):  # an enumeration: numbers and words
            continue
        for field in fields.values():
            kind = field.name if name.startswith("|") else field.kind.strip("[]")
            assert kind in KINDS or kind in tables, f"{family}: {name}.{field.name} is of the kind {kind!r}"
