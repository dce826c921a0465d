"""The shell steps of the GitHub Action, run as its runner runs them: one file a step, ``bash -e``, inputs as variables.

Not covered: the two steps that are others' actions (Python's set-up, the upload of the log) and the installation.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.threats.supply_chain.containers.archives import Member, zipped

EVIL = b"cposix\nsystem\n(S'true'\ntR."
"""A pickle that would start a program; it is scanned, never loaded."""

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = [step for step in ACTION["runs"]["steps"] if "run" in step and "pip install" not in step["run"]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tools = tmp_path / "tools"
    tools.mkdir()
    program = tools / "casemate"
    program.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "from casemate.cli import main; main()" "$@"\n', encoding="utf-8"
    )
    program.chmod(0o755)
    work = tmp_path / "work"
    (work / "my models").mkdir(parents=True)
    return work


def filled(text: str, inputs: dict[str, str], outputs: dict[str, str]) -> str:
    """What the runner puts in place of its expressions."""
    values = {f"inputs.{key}": value for key, value in inputs.items()}
    values |= {f"steps.scan.outputs.{key}": value for key, value in outputs.items()}
    return re.sub(r"\$\{\{\s*([\w.-]+)\s*\}\}", lambda found: values[found[1]], text)


def act(folder: Path, **given: str) -> tuple[int, Path]:
    """The exit code of the action, and the folder it ran in."""
    inputs = {name: each.get("default", "") for name, each in ACTION["inputs"].items()} | given
    outputs: dict[str, str] = {}
    for number, step in enumerate(STEPS):
        script, told = folder.parent / f"{number}.sh", folder.parent / f"{number}.out"
        script.write_text(filled(step["run"], inputs, outputs), encoding="utf-8")
        told.touch()
        env = {
            "PATH": f"{folder.parent / 'tools'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "src"),
            "GITHUB_OUTPUT": str(told),
            "GITHUB_STEP_SUMMARY": str(folder.parent / "summary.md"),
        }
        env |= {name: filled(value, inputs, outputs) for name, value in step.get("env", {}).items()}
        code = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=folder,
            env=env,
            check=False,
            capture_output=True,
        ).returncode
        outputs |= dict(line.split("=", 1) for line in told.read_text(encoding="utf-8").splitlines())
        if code:
            return code, folder
    return 0, folder


def test_a_bad_model_fails_the_action_and_leaves_its_log(folder: Path) -> None:
    (folder / "my models" / "evil.zip").write_bytes(zipped(Member(b"m/x", EVIL)))
    (folder / "clean").write_text("all is well\n", encoding="utf-8")
    code, _ = act(folder, paths="my models\nclean\n")
    log = json.loads((folder / "casemate.sarif").read_text(encoding="utf-8"))
    assert code == 1
    assert log["version"] == "2.1.0"
    assert log["runs"][0]["results"]
    assert "evil.zip" in (folder.parent / "summary.md").read_text(encoding="utf-8")


def test_inputs_are_never_part_of_a_script(folder: Path) -> None:
    bait = '$(touch ran) `touch ran` "; touch ran; "'
    (folder / bait).mkdir()
    (folder / bait / "model.zip").write_bytes(zipped(Member(b"m/x", b"text")))
    act(folder, paths=bait, allow=bait, ignore=bait)
    assert not list(folder.rglob("ran"))


def test_unreadable_input_fails_the_action(folder: Path) -> None:
    code, _ = act(folder, paths="nothing here")
    assert code == 3


def test_a_clean_folder_passes(folder: Path) -> None:
    (folder / "notes.txt").write_text("all is well\n", encoding="utf-8")
    code, _ = act(folder, paths="notes.txt")
    assert code == 0
