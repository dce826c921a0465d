"""The parser of TensorFlow Lite: any bytes end in a report or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.formats import tflite as parser
from tests.threats.supply_chain.formats.networks import survive
from tests.threats.supply_chain.formats.test_tflite import WRONG, custom, model, operator

MINUTES = 3


def seeds() -> list[bytes]:
    """Small models with options, custom operators and signatures."""
    loop = {3: ("u1", 93), 4: ("t", {0: ("i4", 0), 1: ("i4", 0)})}
    texts = {3: ("s", "description"), 6: ("ts", [{0: ("s", "name"), 1: ("u4", 0)}])}
    models = [
        model(),
        model([custom("FlexErf")]),
        model(operators=[operator(0, [0], [1], more=loop)]),
        model(more=texts),
    ]
    return [*models, *(model(**options) for options in WRONG.values())]


def one_input(data: bytes) -> None:
    """Parse these bytes."""
    survive(data, parser)
