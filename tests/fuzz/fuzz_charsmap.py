"""The parser of sentencepiece's tables: any bytes end in a report or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.formats import charsmap
from tests.threats.supply_chain.formats import charsmaps, samples

MINUTES = 3


def seeds() -> list[bytes]:
    """Small tables that are read to their end."""
    return [charsmaps.table(), charsmaps.table(charsmaps.units({b"a": 0}), b"b\0")]


def one_input(data: bytes) -> None:
    """Parse these bytes."""
    samples.survive(charsmap, data)
