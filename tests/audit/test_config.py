"""Configuration: strict, with the nearest key in every error; options over variables over the file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.audit.config import read_config
from casemate.audit.engage import answer_policy
from casemate.audit.initial import write_initial
from casemate.core.errors import UsageError
from tests.audit.scene import Scene


def test_options_win_over_variables_and_variables_over_the_file(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_config(scene.config).audit.seed == 11
    monkeypatch.setenv("CASEMATE_SEED", "12")
    monkeypatch.setenv("CASEMATE_SKIP", "quality.model,quality.scores")
    assert read_config(scene.config).audit.seed == 12
    assert read_config(scene.config).audit.skip == ("quality.model", "quality.scores")
    assert read_config(scene.config, seed=13).audit.seed == 13


def test_a_folder_stands_for_its_casemate_toml(scene: Scene) -> None:
    assert read_config(scene.folder) == read_config(scene.config)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("seed = 11", "sead = 11", ("sead", "'seed'")),
        ('effort = "quick"', 'effort = "lazy"', ("lazy",)),
        ("seed = 11", 'seed = "eleven"', ("seed",)),
        ("at_most = 0.2", "at_most = 0.2\nat_least = 0.1", ("exactly one",)),
    ],
)
def test_what_is_wrong_is_named(scene: Scene, old: str, new: str, words: tuple[str, ...]) -> None:
    scene.edit(old, new)
    with pytest.raises(UsageError) as error:
        read_config(scene.config)
    for word in words:
        assert word in str(error.value)


@given(st.text(max_size=200))
def test_any_text_is_a_configuration_or_a_usage_error(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "casemate.toml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(UsageError):
            read_config(path)


def test_a_seed_variable_that_is_no_number_is_a_usage_error(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEMATE_SEED", "many")
    with pytest.raises(UsageError, match="CASEMATE_SEED"):
        read_config(scene.config)


def test_answer_policies() -> None:
    assert answer_policy("top-1").top_one
    assert answer_policy("rounded-3").digits == 3
    for text in ("rounded-", "round-2", "top1", ""):
        with pytest.raises(UsageError):
            answer_policy(text)


def test_init_writes_a_configuration_that_can_be_audited(scene: Scene) -> None:
    scene.config.unlink()
    path = write_initial(scene.folder)
    config = read_config(path)
    assert config.data.target == "malignant"
    assert config.data.subject == "patient"
    assert [model.path for model in config.model] == ["linear.joblib"]
    done = scene.casemate("audit", "--only", "quality.model")
    assert done.returncode in {0, 2}, done.stderr


def test_init_never_overwrites_unasked(scene: Scene) -> None:
    with pytest.raises(UsageError, match="exists"):
        write_initial(scene.folder)


def test_init_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 model files"):
        write_initial(tmp_path)


def test_a_purpose_is_judged_without_being_asked_for(scene: Scene) -> None:
    """Four columns of the linear model are not allowed, and it uses all of them."""
    scene.edit("workers = 1", 'workers = 1\nonly = ["data.purpose"]')
    scene.edit("[data]", '[purpose]\ntext = "triage"\nallowed = ["mean_radius", "mean_texture", "large"]\n\n[data]')
    config = read_config(scene.config)
    assert config.policy.tolerances[-1].reason == "triage"
    assert config.assess["data.minimization"]["allowed"] == ["mean_radius", "mean_texture", "large"]
    done = scene.casemate("audit")
    assert done.returncode == 1
    assert "disallowed fields: 4" in done.stdout
    assert "CM-MIN-001" in (scene.audit / "results.sarif").read_text()
    scene.edit('"mean_texture", "large"', '"mean_texture", "lrage"')
    assert "columns the data do not have: lrage" in scene.casemate("audit").stderr
