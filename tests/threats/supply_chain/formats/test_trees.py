"""Tree models: counts, indices and circles, in every spelling."""

from __future__ import annotations

import json

import pytest

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.samples import assert_clean, found, lightgbm, ltree, rule, scan, ubjson, xgboost

STRUCTURE = rule("trees.structure")


def test_honest_models_are_clean() -> None:
    assert_clean(json.dumps(xgboost()).encode(), "json")
    assert_clean(ubjson(xgboost()), "ubjson")
    assert_clean(lightgbm([ltree(), ltree()]), "lightgbm")
    assert_clean(lightgbm([]), "lightgbm")
    assert scan(ubjson(xgboost())).about["trees"] == scan(json.dumps(xgboost()).encode()).about["trees"] == 1


@pytest.mark.parametrize(
    "model",
    [
        xgboost(left=(1, 0, -1)),
        xgboost(left=(1, 2, -1), right=(2, -1, -1)),
        xgboost(left=(1, -1, 99)),
        xgboost(left=(0, -1, -1)),
        xgboost(split=2),
        xgboost(split=-1),
        xgboost(right=(2, -1)),
        xgboost(left=(1, -1, "2")),  # type: ignore[arg-type]
        {**xgboost(), "learner": {"gradient_booster": {"name": "mine", "model": {}}}},
    ],
    ids=str,
)
def test_an_xgboost_tree_that_is_none_is_refused(model: dict[str, object]) -> None:
    assert STRUCTURE in found(json.dumps(model).encode())
    assert scan(ubjson(model)).verdict is not Verdict.CLEAN


@pytest.mark.parametrize(
    "data",
    [
        lightgbm([ltree(left="-1 0")]),
        lightgbm([ltree(left="-1 -1")]),
        lightgbm([ltree(left="-9 -2")]),
        lightgbm([ltree(left="9 -2")]),
        lightgbm([ltree(split="0 2")]),
        lightgbm([ltree(split="0 -1")]),
        lightgbm([ltree(leaves="0.1 0.2 0.3 0.4")]),
        lightgbm([ltree(split="0")]),
        lightgbm([ltree() + "\nnum_leaves=3"]),
        lightgbm([ltree().replace("num_cat=0", "num_cat=1") + "\ncat_boundaries=0 9\ncat_threshold=1"]),
        lightgbm([ltree(), ltree()], sizes=[10, 900]),
        lightgbm([ltree()], sizes=[999999]),
    ],
)
def test_a_lightgbm_tree_that_is_none_is_refused(data: bytes) -> None:
    outcome = scan(data)
    assert STRUCTURE in {finding.rule for finding in outcome.findings}
    assert outcome.formats == ()


def test_what_is_appended_to_a_lightgbm_model_is_never_clean() -> None:
    for more in (b"os.system\n", b"[run: id]\n", b"\x80\x04.", b"Tree=1\n"):
        assert scan(lightgbm([ltree()]) + more).verdict is not Verdict.CLEAN


@pytest.mark.parametrize(
    "trees",
    [
        [{"splits": [{}], "leaf_values": [1, 2, 3]}],
        [{"splits": [{}], "leaf_values": []}],
        [{"splits": [{}] * 40, "leaf_values": [1]}],
        [{"splits": [{}], "leaf_values": [1, 2], "leaf_weights": [1]}],
        [7],
    ],
)
def test_a_catboost_tree_that_is_none_is_refused(trees: list[object]) -> None:
    assert STRUCTURE in found(json.dumps({"features_info": {}, "oblivious_trees": trees}).encode())


def test_asymmetric_trees_of_catboost_are_checked() -> None:
    leaf = {"value": 1, "weight": 1}
    good = {"features_info": {}, "trees": [{"split": {}, "left": leaf, "right": leaf}]}
    assert_clean(json.dumps(good).encode(), "json")
    for tree in ({"split": {}, "left": leaf}, {"weight": 1}, {"left": leaf, "right": leaf}):
        assert STRUCTURE in found(json.dumps({"features_info": {}, "trees": [tree]}).encode())


def test_ubjson_that_lies_about_lengths_is_unreadable() -> None:
    good = ubjson(xgboost())
    for data in (
        good[:-1],
        good[:40],
        good.replace(b"[$l#L", b"[$S#L"),
        good + b"x",
        b"{L\x7f" + b"\xff" * 7,
        b"{L" + bytes(8) + b"[" * 99,
    ):
        assert scan(data).verdict is not Verdict.CLEAN
    assert rule("json.bomb") in found(b"{L" + bytes(8) + b"[" * 99)
