"""The parser of Keras configurations: any bytes end in a report or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.formats import keras as parser
from tests.threats.supply_chain.formats.networks import survive, text
from tests.threats.supply_chain.formats.test_keras import CLEAN, CRITICAL

MINUTES = 3


def seeds() -> list[bytes]:
    """Configurations as Keras writes them, and as attackers do."""
    values = [*CLEAN.values(), *(value for value, _ in CRITICAL.values())]
    return [text(value) for value in values] + [text(value).decode().encode("utf-16") for value in values[:2]]


def one_input(data: bytes) -> None:
    """Parse these bytes."""
    survive(data, parser)
