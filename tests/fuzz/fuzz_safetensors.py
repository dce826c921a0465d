"""The parser of safetensors: any bytes end in a report or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.formats import safetensors as parser
from tests.threats.supply_chain.formats.samples import safetensors, survive, tensor

MINUTES = 3


def seeds() -> list[bytes]:
    """Small files that are read to their end."""
    header = {"a": tensor("F32", [2, 3], 0, 24), "b": tensor("I8", [5], 24, 29), "__metadata__": {"format": "pt"}}
    return [safetensors(header, bytes(29)), safetensors({}), safetensors({"a": tensor("F4", [4], 0, 2)}, b"ab")]


def one_input(data: bytes) -> None:
    """Parse these bytes."""
    survive(parser, data)
