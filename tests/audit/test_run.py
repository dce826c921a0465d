"""Executors agree, interrupted runs go on, finished trials are never repeated."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pytest

from casemate.audit import audit as engine
from casemate.audit.audit import audit
from casemate.audit.config import read_config
from casemate.audit.executor import Done, Executor, Job, Serial
from casemate.ledger.view import verify_folder
from casemate.training.engagement import Engagement
from tests.audit.scene import Scene


def figures(scene: Scene) -> list[dict[str, object]]:
    """The measurements of results.json without what measures the machine or names ledger records."""
    found = json.loads((scene.audit / "results.json").read_bytes())["measurements"]
    own = {"seconds", "record", "sha256"}
    return [{name: value for name, value in row.items() if name not in own} for row in found]


def trials(scene: Scene) -> Counter[tuple[str, str]]:
    log = verify_folder(scene.audit)
    return Counter((record.predicate["work"], record.predicate["task"]) for record in log.of_kind("trial"))


def test_two_processes_measure_what_one_does(finished: Scene, copied: Scene) -> None:
    (copied.audit).rename(copied.folder / "serial")
    audit(read_config(copied.config, workers=2), home=copied.home)
    assert figures(copied) == figures(finished)
    assert figures(copied)


class Dying:
    """Runs some jobs, then dies."""

    def __init__(self, after: int) -> None:
        self.after = after

    def run(self, engagements: Mapping[str, Engagement], jobs: Sequence[Job]) -> Iterator[Done]:
        for count, done in enumerate(Serial().run(engagements, jobs)):
            if count == self.after:
                raise KeyboardInterrupt
            yield done


def test_an_interrupted_audit_goes_on_and_repeats_nothing(
    finished: Scene, copied: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copied.audit).rename(copied.folder / "whole")
    config = read_config(copied.config)
    for after in (0, 1, 3):
        dying: Executor = Dying(after)
        monkeypatch.setattr(engine, "executor", lambda workers, dying=dying: dying)
        with pytest.raises(KeyboardInterrupt):
            audit(config, home=copied.home)
    assert sum(trials(copied).values()) == 4
    monkeypatch.undo()
    audit(config, home=copied.home)
    assert figures(copied) == figures(finished)
    assert set(trials(copied).values()) == {1}


def test_a_second_run_changes_nothing(copied: Scene) -> None:
    before = {path: path.read_bytes() for path in copied.audit.rglob("*") if path.is_file()}
    audit(read_config(copied.config), home=copied.home)
    assert {path: path.read_bytes() for path in copied.audit.rglob("*") if path.is_file()} == before


def test_a_new_tolerance_is_a_new_plan_but_no_new_trial(copied: Scene) -> None:
    before = trials(copied)
    copied.edit("at_least = 0.8\n", "at_least = 0.999\n")
    outcome = audit(read_config(copied.config), home=copied.home)
    assert trials(copied) == before
    assert outcome.exit_code == 1
    assert len(verify_folder(copied.audit).of_kind("plan")) == 2


def test_going_back_to_an_earlier_policy_is_judged_by_it(copied: Scene) -> None:
    copied.edit("at_least = 0.8\n", "at_least = 0.999\n")
    strict = audit(read_config(copied.config), home=copied.home)
    copied.edit("at_least = 0.999\n", "at_least = 0.8\n")
    mild = audit(read_config(copied.config), home=copied.home)
    assert (strict.dossier.policy.tolerances[0].at_least, mild.dossier.policy.tolerances[0].at_least) == (0.999, 0.8)


def test_the_plan_precedes_the_first_trial_and_the_binding_is_last(finished: Scene) -> None:
    kinds = [record.kind for record in verify_folder(finished.audit).records]
    assert kinds.index("plan") < kinds.index("trial")
    assert kinds[-1] == "binding"


def test_another_seed_is_other_work(copied: Scene) -> None:
    before = trials(copied)
    audit(read_config(copied.config, seed=12, only=["inversion.membership"]), home=copied.home)
    assert sum(trials(copied).values()) > sum(before.values())
    assert set(trials(copied).values()) == {1}


def test_tables_are_planned_without_torch(scene: Scene) -> None:
    """`make demo` installs none."""
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from pathlib import Path\n"
        "from casemate.audit.config import read_config\n"
        "from casemate.audit.engage import open_engagements\n"
        "from casemate.audit.harden import apply\n"
        "from casemate.audit.registry import registry\n"
        "from casemate.audit.run import scopes\n"
        "from casemate.core.observer import Silent\n"
        "config = read_config(Path('casemate.toml'))\n"
        "opened = open_engagements(config, Silent())\n"
        "every = scopes(opened.engagements.values(), tuple(registry().assessments.values()))\n"
        "assert list(apply(config, opened.engagements, Silent()))\n"
        "print(sum(bool(each.jobs) for each in every))\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=scene.folder, env=scene.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 6
