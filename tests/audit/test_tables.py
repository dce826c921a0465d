"""Re-identification in an audit: the control map sees it, a release is attacked before and after, roles are mended."""

from __future__ import annotations

import pytest

from casemate.audit.audit import audit
from casemate.audit.config import read_config
from casemate.audit.output import Outcome
from casemate.core.errors import DataError
from casemate.core.policy import Verdict
from tests.audit.scene import Scene
from tests.audit.test_supply import control

ASKED = """
[policy.values]
very_small = 0.3
min_n = 100

[[policy.tolerances]]
name = "k"
kind = "data/anonymity"
metric = "k"
at_least = 5

[[policy.tolerances]]
name = "reid"
kind = "attack/linkage"
metric = "reidentification"
at_most = 0.22

[anonymize]
k = 5
limit = 0.1
seconds = 20
"""


def run(scene: Scene, *only: str) -> Outcome:
    return audit(read_config(scene.config, only=only or ("tables.linkage",)), home=scene.home)


def judged(outcome: Outcome, name: str) -> set[Verdict]:
    return {each.verdict for each in outcome.judgments if each.tolerance and each.tolerance.name == name}


def test_training_rows_fail_and_what_was_released_of_them_passes(scene: Scene) -> None:
    few = "\n".join(f'"{name}" = "keep"' for name in list(scene.table("train").columns)[2:6])
    scene.config.write_text(scene.config.read_text() + ASKED + f"\n[anonymize.columns]\n{few}\n")
    bare = run(scene)
    assert judged(bare, "k") == {Verdict.FAIL}
    assert judged(bare, "reid") == {Verdict.FAIL}
    hipaa = control(bare, "HIPAA", "164.514(b)(1)")
    assert hipaa.verdict == "FAIL"
    assert "Reidentification of linear is 100 %" in hipaa.reason
    made = scene.casemate("anonymize", "train.csv", "--config", "casemate.toml", "--out", "out.csv", "--no-attack")
    assert made.returncode == 0, made.stderr
    scene.edit("[anonymize]\n", '[anonymize]\nreleased = "out.csv"\n')
    released = run(scene, "tables.linkage", "inversion.membership")
    assert judged(released, "k") == {Verdict.PASS}
    assert judged(released, "reid") == {Verdict.PASS}
    view = released.dossier.view
    assert any("out.csv" in record.predicate.get("data", {}) for record in view.records)  # the plan names its digest
    pairs = [each.pair for each in view.paired if each.pair.defense == "tables.generalize"]
    assert pairs
    assert all(pair.high < 0 for pair in pairs if pair.after.metric == "reidentification")
    (more,) = (pair for pair in pairs if pair.after.metric == "reidentification_beyond")
    assert more.low <= 0 <= more.high  # who knows what was kept as it is links as before
    (k,) = [each.measurement for each in view.measured if each.measurement.metric == "k"]
    assert "released" in k.note  # and what was measured of the rows as they are is superseded
    assert scene.casemate("explain", "CM-TAB-001").returncode == 0
    report = (scene.audit / "report.html").read_text("utf-8")
    assert "tables.linkage" in report


def test_a_release_that_is_not_there_or_of_others_is_an_error(scene: Scene) -> None:
    scene.config.write_text(scene.config.read_text() + '\n[anonymize]\nreleased = "out.csv"\n')
    with pytest.raises(DataError, match=r"out\.csv, which \[anonymize\] names, cannot be read"):
        run(scene)
    others = scene.table("holdout")
    scene.write("out", others)
    with pytest.raises(DataError, match=r"no label of its hierarchy|about none of"):
        run(scene)


def test_without_anything_that_others_may_know_it_does_not_apply(scene: Scene) -> None:
    columns = [name for name in scene.table("train").columns if name not in ("patient", "malignant")]
    roles = "\n".join(f'"{name}" = "drop"' for name in columns)
    scene.config.write_text(scene.config.read_text() + f"\n[anonymize.columns]\n{roles}\n")
    outcome = run(scene)
    (why,) = outcome.dossier.view.skipped.values()
    assert why.startswith("no quasi-identifiers")
