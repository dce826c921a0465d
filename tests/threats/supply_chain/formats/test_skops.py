"""skops: what real models hold is clean; names, methods and nodes that say two things are told."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.samples import assert_clean, rule, scan


def node(loader: str, name: str, module: str = "builtins", **more: object) -> dict[str, Any]:
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 1, **more}


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        RandomForestClassifier(2),
        GradientBoostingClassifier(n_estimators=2),
        make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_skops_writes_is_clean(model: Any) -> None:
    x = np.abs(np.random.default_rng(0).normal(size=(30, 2)))
    archive = zipfile.ZipFile(BytesIO(skops.io.dumps(model.fit(x, x[:, 0] > 0.5))))
    assert_clean(archive.read("schema.json"), "json")
    assert scan(archive.read("schema.json")).about["kind"] == "skops"
    for name in archive.namelist():
        if name.endswith(".npy"):
            assert_clean(archive.read(name), "npy")


def test_every_type_that_the_schema_names_is_an_import() -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0], [1.0]], [0, 1])
    data = skops.io.dumps(model)
    schema = json.loads(zipfile.ZipFile(BytesIO(data)).read("schema.json"))
    named: set[str] = set()

    def gather(value: Any) -> None:
        if isinstance(value, dict):
            if "__loader__" in value:
                named.add(f"{value['__module__']}:{value['__class__']}")
            value = list(value.values())
        for each in value if isinstance(value, list) else ():
            gather(each)

    gather(schema)
    assert "sklearn.linear_model._logistic:LogisticRegression" in named
    assert set(scan(data).imported) == named
    evil = {"schema.json": json.dumps(node("FunctionNode", "system", "os", protocol=2)).encode()}
    assert "os:system" in scan(next(iter(evil.values()))).imported


SCALER = ("StandardScaler", "sklearn.preprocessing._data")
HELD = node("ObjectNode", *SCALER, content=None)
BAD = [
    (node("FunctionNode", "system", "os"), "skops.gadget"),
    (node("ObjectNode", "Popen", "subprocess"), "skops.gadget"),
    (node("TypeNode", "eval"), "skops.gadget"),
    (node("ReduceNode", "Popen", "subprocess"), "skops.unknown"),
    (node("ObjectNode", "Evil", "mine"), "skops.unknown"),
    (node("ConstructorFromReduceNode", "Evil", "mine"), "skops.unknown"),
    (node("PartialNode", "partial", "functools", content={"func": node("FunctionNode", "exec")}), "skops.gadget"),
    (node("PartialNode", "system", "os"), "skops.confused"),
    (node("JsonNode", "system", "os", content="1", is_json=True), "skops.confused"),
    (node("OperatorFuncNode", "methodcaller", "operator", attrs=node("TupleNode", "tuple")), "skops.confused"),
    (node("OperatorFuncNode", "system", "os", attrs=node("TupleNode", "tuple")), "skops.confused"),
    (node("OperatorFuncNode", "int", attrs=node("TupleNode", "tuple")), "skops.confused"),
    (
        node("OperatorFuncNode", "attrgetter", "operator", attrs=node("JsonNode", "str", content='"__globals__"')),
        "skops.method",
    ),
    (node("MethodNode", *SCALER, content={"func": "__init__", "obj": HELD}), "skops.method"),
    (node("MethodNode", *SCALER, content={"func": "a.b", "obj": HELD}), "skops.method"),
    (node("MethodNode", "int", content={"func": "transform", "obj": HELD}), "skops.confused"),
    (node("MethodNode", *SCALER, content={"func": "transform"}), "skops.confused"),
    ({"__class__": "dict", "__module__": "builtins", "__loader__": ["DictNode"]}, "skops.node"),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "fact"), BAD, ids=lambda part: part if isinstance(part, str) else "")
def test_what_a_schema_should_not_say_is_told_at_any_depth(bad: dict[str, Any], fact: str) -> None:
    for schema in (bad, node("DictNode", "dict", content={"a": node("ListNode", "list", content=[bad])})):
        outcome = scan(json.dumps(schema).encode())
        assert rule(fact) in {finding.rule for finding in outcome.findings}
        assert outcome.verdict is not Verdict.CLEAN


def test_a_class_without_a_loader_is_told() -> None:
    schema = node("DictNode", "dict", content={"a": {"__class__": "system", "__module__": "os"}})
    assert rule("skops.node") in {finding.rule for finding in scan(json.dumps(schema).encode()).findings}
