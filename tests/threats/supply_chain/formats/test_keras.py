"""Keras: what Keras writes is clean; code, imports, calls, paths and unknown names are found, wherever they hide."""

from __future__ import annotations

import json
from typing import Any

import pytest

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.networks import assert_clean, assert_found, keras, layer, scan, text

MARSHAL = "4wEAAAAAAAAAAAAAAAEAAAABAAAA8wYAAACXAGQAUwCpAak="
INITIALIZER = {"class_name": "GlorotUniform", "module": "keras.initializers", "config": {"seed": None}}
POLICY = {"class_name": "DTypePolicy", "module": "keras", "config": {"name": "float32"}, "registered_name": None}


def function(module: str | None, name: str) -> dict[str, Any]:
    return {"class_name": "function", "module": module, "config": name, "registered_name": name}


CLEAN = {
    "sequential of Keras 3": keras(
        layer("InputLayer", batch_shape=[None, 4], dtype="float32"),
        layer("Dense", units=2, activation="relu", kernel_initializer=INITIALIZER, dtype=POLICY),
        layer("Bidirectional", layer=layer("LSTM", units=3, recurrent_activation="sigmoid"), merge_mode="concat"),
    ),
    "sequential of Keras 2": {
        "class_name": "Sequential",
        "config": [
            {"class_name": "Dense", "config": {"units": 1, "activation": "tanh", "kernel_initializer": "zeros"}}
        ],
    },
    "functional": {
        "class_name": "Functional",
        "module": "keras.src.models.functional",
        "registered_name": "Functional",
        "config": {"layers": [layer("Add")]},
        "compile_config": {"optimizer": layer("Adam", "keras.optimizers"), "loss": "mse", "metrics": ["accuracy"]},
    },
    "operation on tensors": {"class_name": "TFOpLambda", "config": {"function": "math.reduce_mean"}},
    "training": {"loss": {"a": "mse", "b": "mae"}, "metrics": [["accuracy"], None], "optimizer_config": None},
    "metadata": {"keras_version": "3.15.1", "date_saved": "2026-11-25@20:39:34"},
    "built-in function": keras(layer("Activation", activation=function("builtins", "relu"))),
}


@pytest.mark.parametrize("name", CLEAN)
def test_what_keras_writes_is_clean(name: str) -> None:
    assert_clean(text(CLEAN[name]), "keras")
    assert_clean(json.dumps(CLEAN[name], indent=2).encode() + b"\n", "keras")


LAMBDA = layer("Lambda", function=[MARSHAL, None, None], function_type="lambda")
CODE = {"class_name": "__lambda__", "config": {"value": {"code": MARSHAL, "defaults": None, "closure": None}}}
CRITICAL: dict[str, tuple[Any, str]] = {
    "lambda layer": (keras(LAMBDA), "keras.lambda"),
    "lambda of Keras 2, without a module": (keras(layer("Lambda", None, function=[MARSHAL])), "keras.lambda"),
    "lambda under another module": (keras(layer("Lambda", "keras.src.layers.core.lambda_layer")), "keras.lambda"),
    "lambda in a module of its own": (keras(layer("Lambda", "my.layers")), "keras.lambda"),
    "lambda in a model in a model": (keras(keras(keras(LAMBDA))), "keras.lambda"),
    "lambda inside a wrapper": (keras(layer("TimeDistributed", layer=LAMBDA)), "keras.lambda"),
    "lambda among the keys of a layer": (keras(layer("Dense", units=1) | {"build_config": LAMBDA}), "keras.lambda"),
    "code as an activation": (keras(layer("Dense", activation=CODE)), "keras.lambda"),
    "code as an initializer": (keras(layer("Dense", kernel_initializer=CODE)), "keras.lambda"),
    "code in the loss": ({"loss": CODE, "metrics": [], "optimizer_config": None}, "keras.lambda"),
    "code as an argument of a call": (
        {"class_name": "Functional", "config": {"layers": [{"class_name": "Add", "module": "keras.layers", "config": {},
         "inbound_nodes": [{"args": [], "kwargs": {"mask": CODE}}]}]}}, "keras.lambda"),
    "class of the standard library": (keras(layer("Popen", "subprocess", args=["id"])), "keras.import"),
    "function of the standard library": (keras(layer("Dense", activation=function("os", "system"))), "keras.import"),
    "module inside a module": (keras(layer("Dense", activation=function("os.path", "join"))), "keras.import"),
    "module with a friendly name behind it": (keras(layer("keras.layers.Dense", "os")), "keras.import"),
    "function of numpy": (keras(layer("Dense", activation=function("numpy", "load"))), "keras.import"),
    "unpickler of torch": (keras(layer("Dense", activation=function("torch", "load"))), "keras.import"),
    "function of Python itself": (keras(layer("Dense", activation=function("builtins", "exec"))), "keras.call"),
    "function without a module": (keras(layer("Dense", activation=function(None, "eval"))), "keras.call"),
    "download": (keras(layer("Dense", activation=function("keras.utils", "get_file"))), "keras.call"),
    "protection switched off": (
        keras(layer("Dense", activation=function("keras.config", "enable_unsafe_deserialization"))), "keras.call"),
    "another file loaded": (keras(layer("Dense", activation=function("keras.models", "load_model"))), "keras.call"),
    "pickled torch module": (keras(layer("TorchModuleWrapper", module=MARSHAL)), "keras.foreign"),
    "SavedModel from elsewhere": (keras(layer("TFSMLayer", filepath="/tmp/x")), "keras.foreign"),
    "file written by an operation": (keras(layer("TFOpLambda", None, function="io.write_file")), "keras.operation"),
    "python run by an operation": (keras(layer("TFOpLambda", None, function="numpy_function")), "keras.operation"),
    "vocabulary that is a secret": (keras(layer("StringLookup", vocabulary="/etc/passwd")), "keras.path"),
    "vocabulary from the network": (keras(layer("TextVectorization", vocabulary="gs://b/v.txt")), "keras.path"),
    "vocabulary that climbs": (keras(layer("IntegerLookup", vocabulary="a/%2e%2e/%2e%2e/v")), "keras.path"),
    "module alone": ({"class_name": "Model", "config": {"x": {"module": "shutil"}}}, "keras.import"),
}  # fmt: skip


@pytest.mark.parametrize("name", CRITICAL)
def test_attacks_are_malicious(name: str) -> None:
    value, fact = CRITICAL[name]
    assert_found(text(value), fact, Verdict.MALICIOUS)


UNKNOWN: dict[str, tuple[Any, str]] = {
    "class of somebody": (keras(layer("MyLayer", "my_package.layers")), "keras.custom"),
    "class that only looks like one of Keras": (keras(layer("dense")), "keras.custom"),
    "class in another package of that name": (keras(layer("Dense", "keras.layers_")), "keras.custom"),
    "class with a blank": (keras(layer("Dense ", None)), "keras.custom"),
    "class that is no text": (keras(layer("Dense") | {"class_name": ["Dense"]}), "keras.custom"),
    "built-in class with a registered name": (
        keras(layer("Dense") | {"registered_name": "evil>Dense"}), "keras.custom"),
    "activation of somebody": (keras(layer("Dense", activation="my_activation")), "keras.custom-function"),
    "loss of somebody": ({"loss": "focal", "metrics": None, "optimizer_config": {}}, "keras.custom-function"),
    "metric by output": ({"loss": "mse", "metrics": {"out": ["mine"]}}, "keras.custom-function"),
    "function of somebody": (keras(layer("Dense", activation=function("mine", "f"))), "keras.custom"),
    "vocabulary beside": (keras(layer("StringLookup", vocabulary="v.txt")), "keras.file"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_names_are_never_clean(name: str) -> None:
    value, fact = UNKNOWN[name]
    assert_found(text(value), fact)


def test_ways_of_writing_json_hide_nothing() -> None:
    plain = json.dumps(keras(LAMBDA))
    assert_found(plain.replace("class_name", "class\\u005fname").encode(), "keras.lambda", Verdict.MALICIOUS)
    assert_found(plain.replace('"Lambda"', '"\\u004cambda"').encode(), "keras.lambda", Verdict.MALICIOUS)
    assert_found(b"\n\t " + plain.encode(), "keras.lambda", Verdict.MALICIOUS)
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        assert_found(plain.encode(encoding), "keras.lambda", Verdict.MALICIOUS)
        assert_found(text(keras()).decode().encode(encoding), "keras.encoding")


def test_a_key_that_stands_twice_is_found() -> None:
    twice = text(keras(layer("Dense"))).replace(
        b'"class_name": "Dense"', b'"class_name": "Lambda", "class_name": "Dense"'
    )
    assert_found(twice, "json.repeated")


def test_a_tower_of_objects_ends() -> None:
    deep = b'{"class_name": "Sequential", "config": ' * 50_000 + b"{}" + b"}" * 50_000
    assert_found(deep, "json.bomb")


def test_json_of_other_programs_is_not_taken() -> None:
    for other in ({"model_type": "bert"}, {"module": "os"}, {"class_name": "x"}, [1, 2], {"loss": 1.5}):
        found = scan(text(other))
        assert "keras" not in found.formats
        assert not found.findings


def test_what_follows_a_configuration_is_not_clean() -> None:
    assert scan(text(CLEAN["metadata"]) + b"x").verdict is not Verdict.CLEAN
    assert scan(text(keras()) + b"{}").verdict is Verdict.UNREADABLE


@pytest.mark.parametrize("name", CRITICAL)
def test_without_the_list_of_known_bad_names_nothing_becomes_clean(name: str) -> None:
    found = scan(text(CRITICAL[name][0]), deny=False)
    assert found.verdict in (Verdict.SUSPICIOUS, Verdict.MALICIOUS)
