"""Core ML: models are clean to the last byte; foreign classes, models and paths are found."""

from __future__ import annotations

import pytest

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.networks import assert_clean, assert_found, field, message, scan


def feature(name: str) -> bytes:
    return message((1, name), (3, message((5, message((2, 1))))))


DESCRIPTION = message((1, feature("x")), (10, feature("y")))
LAYER = message((1, "l"), (2, "x"), (3, "y"), (130, message((10, b""))))


def model(kind: int, value: bytes, *more: tuple[int, bytes]) -> bytes:
    return message((1, 4), (2, DESCRIPTION), (kind, value), *more)


def network(*layers: bytes) -> bytes:
    return model(500, message(*((1, each) for each in layers)))


def program(*operations: bytes) -> bytes:
    block = message(*((3, each) for each in operations))
    function = message((3, message((1, "CoreML6"), (2, block))))
    return model(502, message((1, 1), (2, message((1, "main"), (2, function)))))


def operation(name: str, file: str = "") -> bytes:
    value = message((5, message((1, file), (2, 64)))) if file else b""
    attribute = [(5, message((1, "val"), (2, value)))] if file else []
    return message((1, name), *attribute)


def test_models_are_clean_and_their_weights_are_claimed() -> None:
    assert_clean(network(LAYER), "coreml")
    found = assert_clean(program(operation("const", "@model_path/weights/weight.bin"), operation("conv")), "coreml")
    assert [(each.path, each.at, each.count) for each in found.claims] == [("weights/weight.bin", 0, None)]
    assert found.about["operations"] == ["const", "conv"]


@pytest.mark.parametrize(
    "path", ["../w.bin", "@model_path/../../w", "/etc/passwd", "file:///x", "@model_path/%2e%2e/x"]
)
def test_weights_outside_the_folder_are_malicious(path: str) -> None:
    assert_found(program(operation("const", path)), "coreml.path", Verdict.MALICIOUS)


WRONG = {
    "custom layer": (network(message((1, "l"), (500, message((10, "EvilLayer"))))), "coreml.custom"),
    "custom model": (model(555, message((10, "EvilModel"))), "coreml.custom"),
    "model looked for on the device": (
        model(556, message((1, message((1, message((1, "evil"))), (2, message((1, "/tmp"))))))), "coreml.linked"),
    "model packed inside": (model(3000, message((1, "x"), (2, "payload"))), "coreml.packed"),
    "operation of nobody": (program(operation("run")), "coreml.operation"),
    "two kinds": (model(500, message((1, LAYER)), (900, b"")), "coreml.kinds"),
    "custom layer in a pipeline": (
        model(202, message((1, network(message((1, "l"), (500, message((10, "Evil")))))))), "coreml.custom"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_leaves_the_model_is_found(name: str) -> None:
    assert_found(*WRONG[name])


def test_unknown_fields_and_truncations_are_not_clean() -> None:
    data = network(LAYER)
    assert scan(data + field(4000, "payload")).verdict is Verdict.UNREADABLE
    assert scan(network(LAYER + field(4000, "payload"))).verdict is Verdict.UNREADABLE
    for cut in range(9, len(data)):
        assert scan(data[:cut]).verdict is not Verdict.CLEAN, cut
