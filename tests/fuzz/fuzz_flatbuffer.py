"""The parsers of TensorFlow Lite and ExecuTorch: any bytes end in a report or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.formats import executorch, tflite
from tests.threats.supply_chain.formats import test_executorch
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
    programs = [test_executorch.program(**options) for options, _ in test_executorch.WRONG.values()]
    return [*models, *programs, *(model(**options) for options in WRONG.values())]


def one_input(data: bytes) -> None:
    """Parse these bytes as each of the formats."""
    survive(data, tflite, executorch)
