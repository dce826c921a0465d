"""The parsers of ONNX, TensorFlow and Core ML: any bytes end in a report or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.formats import (
    coreml,
    onnx,
    onnx_tensor,
    tensorflow,
    tensorflow_checkpoint,
    tensorflow_parts,
)
from tests.threats.supply_chain.formats import test_coreml, test_onnx, test_tensorflow
from tests.threats.supply_chain.formats.networks import message, survive

MINUTES = 10


def seeds() -> list[bytes]:
    """Models, graphs and an index, with functions, external data and sparse parts."""
    built = [make().SerializeToString() for make, _ in test_onnx.ATTACKS.values()]
    table = test_tensorflow.node("t", "InitializeTableFromTextFileV2", "h", "c")
    library = (test_tensorflow.function("f", test_tensorflow.node("a", "f", "x")),)
    graphs = test_tensorflow.both(table, test_tensorflow.constant("c", "/etc/x"), library=library)
    entries = ((b"a", test_tensorflow.tensor(0, 24, 2, 3)), (b"b", test_tensorflow.tensor(24, 8, 2)))
    user = message((1, message((2, 1), (4, "_tf_keras_layer"), (5, '{"class_name": "Dense", "config": {}}'))))
    apple = [
        test_coreml.program(test_coreml.operation("const", "w")),
        *(data for data, _ in test_coreml.WRONG.values()),
    ]
    return [*built, *apple, test_onnx.outside("w", length="24"), *graphs, test_tensorflow.index(*entries), user]


def one_input(data: bytes) -> None:
    """Parse these bytes as each of the formats."""
    survive(data, coreml, onnx, onnx_tensor, tensorflow, tensorflow_checkpoint, tensorflow_parts)
