"""The parsers of tree models: any bytes end in a report or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.formats import lightgbm, ubjson
from tests.threats.supply_chain.formats import samples

MINUTES = 3


def seeds() -> list[bytes]:
    """Small models that are read to their end."""
    tree = samples.ltree()
    return [samples.ubjson(samples.xgboost()), samples.lightgbm([tree, tree]), samples.lightgbm([])]


def one_input(data: bytes) -> None:
    """Parse these bytes by each parser."""
    samples.survive(ubjson, data)
    samples.survive(lightgbm, data)
