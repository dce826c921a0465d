"""The parser of CatBoost's binary models: any bytes end in a report or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.formats import catboost as parser
from tests.threats.supply_chain.formats.samples import survive
from tests.threats.supply_chain.formats.test_catboost import model, uneven

MINUTES = 3


def seeds() -> list[bytes]:
    """Small models of both shapes."""
    return [model(), uneven([1 | 2 << 16, 0, 0], [0xFFFFFFFF, 0, 1])]


def one_input(data: bytes) -> None:
    """Parse these bytes."""
    survive(parser, data)
