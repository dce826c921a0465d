"""Hardening: promises are kept or seen to be broken, costs are shown, false defenses are named."""

from __future__ import annotations

import json

import pytest

from casemate.audit.config import read_config
from casemate.audit.harden import Hardening, harden
from casemate.audit.verify import verify
from casemate.core.errors import UsageError
from casemate.core.measurement import Pair
from casemate.core.policy import Verdict
from casemate.custody import open_model
from tests.audit.scene import Scene, build

REGULARIZE, ROUNDING = "linear + inversion.regularize", "linear + extraction.rounding"


@pytest.fixture(scope="module")
def hardened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Hardening]:
    scene = build(tmp_path_factory.mktemp("hardened"))
    return scene, harden(read_config(scene.config), home=scene.home)


def pairs(hardening: Hardening, subject: str, metric: str) -> list[Pair]:
    found = (each.pair for each in hardening.outcome.dossier.view.paired)
    return [pair for pair in found if pair.after.subject == subject and pair.after.metric == metric]


def test_the_promised_tpr_lies_inside_the_interval_measured_again(hardened: tuple[Scene, Hardening]) -> None:
    promised = [pair for pair in pairs(hardened[1], REGULARIZE, "tpr") if pair.predicted is not None]
    assert promised
    for pair in promised:
        assert pair.predicted is not None
        assert pair.after.low is not None
        assert pair.after.high is not None
        assert pair.after.low <= pair.predicted <= pair.after.high


def test_every_pair_says_what_the_defense_cost(hardened: tuple[Scene, Hardening]) -> None:
    for each in hardened[1].outcome.dossier.view.paired:
        costs = {cost.metric: cost for cost in each.pair.quality}
        assert {"accuracy", "ece"} <= set(costs)
        assert costs["accuracy"].low <= costs["accuracy"].difference <= costs["accuracy"].high
        assert each.pair.adaptive


def test_rounding_fails_against_extraction_and_is_named_for_what_it_is(hardened: tuple[Scene, Hardening]) -> None:
    rounding = [j for j in hardened[1].outcome.judgments if j.subject == ROUNDING and j.tolerance is not None]
    assert rounding
    assert {judgment.verdict for judgment in rounding} == {Verdict.FAIL}
    assert all("no defense" in judgment.reason for judgment in rounding)


def test_the_changed_model_lies_beside_the_original_and_is_safe_to_load(hardened: tuple[Scene, Hardening]) -> None:
    scene, hardening = hardened
    path = scene.folder / "linear.inversion.regularize.joblib"
    assert path in hardening.written
    assert open_model(path).model.predict(scene.table("holdout").drop(columns=["malignant", "patient"])).shape == (285,)
    assert 'answers = "rounded-2"' in (scene.folder / "casemate.serve.toml").read_text()


def test_a_difference_is_after_minus_before(hardened: tuple[Scene, Hardening]) -> None:
    for each in hardened[1].outcome.dossier.view.paired:
        pair = each.pair
        assert pair.difference == pytest.approx(pair.after.estimate - pair.before.estimate, abs=1e-9)
        assert pair.low <= pair.difference <= pair.high


def test_the_hardened_folder_verifies_and_its_results_have_the_pairs(hardened: tuple[Scene, Hardening]) -> None:
    scene, hardening = hardened
    found = verify(scene.audit, config=read_config(scene.config), home=scene.home)
    assert found.figures > 10
    results = json.loads((scene.audit / "results.json").read_bytes())
    assert len(results["pairs"]) == len(hardening.outcome.dossier.view.paired) > 0


def test_hardening_again_repeats_nothing(hardened: tuple[Scene, Hardening]) -> None:
    scene, _ = hardened
    before = {path: path.read_bytes() for path in scene.audit.rglob("*") if path.is_file()}
    harden(read_config(scene.config), home=scene.home)
    assert {path: path.read_bytes() for path in scene.audit.rglob("*") if path.is_file()} == before


def test_an_unknown_defense_names_the_nearest(scene: Scene) -> None:
    scene.edit("extraction.rounding", "extraction.roundin")
    with pytest.raises(UsageError, match=r"extraction\.roundin") as error:
        harden(read_config(scene.config), home=scene.home)
    assert "extraction.rounding" in error.value.next_step


def test_a_defense_of_an_unknown_model_is_refused(scene: Scene) -> None:
    scene.edit('use = "extraction.rounding"', 'use = "extraction.rounding"\nmodels = ["cubic"]')
    with pytest.raises(UsageError, match="cubic"):
        harden(read_config(scene.config), home=scene.home)
