"""The hooks for secrets and personal data stop a real commit in a real repository."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from casemate.cli.app import run
from casemate.patterns.samples import sample

ROOT = Path(__file__).parents[2]
HOOKS = {each["id"]: each for each in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    for name, value in (("user.name", "Nobody"), ("user.email", "nobody@example.com")):
        git(tmp_path, "config", name, value)
    return tmp_path


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    here = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    here |= {"PYTHONPATH": str(ROOT / "src"), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(["git", *words], cwd=folder, env=here, capture_output=True, text=True, check=False)


def install(folder: Path, hook: str) -> None:
    """What pre-commit does: the entry, and the names of what is staged."""
    entry = HOOKS[hook]["entry"].removeprefix("casemate ")
    program = f"{shlex.quote(sys.executable)} -c 'import sys; from casemate.cli import main; sys.exit(main())' {entry}"
    path = folder / ".git" / "hooks" / "pre-commit"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\ngit diff --cached --name-only -z | xargs -0 {program}\n", "utf-8")
    path.chmod(0o755)


def test_a_key_is_not_committed(repository: Path) -> None:
    install(repository, "casemate-secrets")
    key, other = sample("npm_<alnum:36>"), sample("ghp_<alnum:36>")
    (repository / "deploy.py").write_text(f'# mail jane@example.com\nnpm = "{key}"\n', "utf-8")
    (repository / "b.txt").write_text(f"{other}  # casemate:allow\n", "utf-8")
    git(repository, "add", ".")
    refused = git(repository, "commit", "-m", "first")
    assert refused.returncode != 0
    assert "deploy.py:2:8: SECRET (npm-token)" in refused.stdout + refused.stderr
    assert key not in refused.stdout + refused.stderr
    assert "EMAIL" not in refused.stdout
    (repository / "deploy.py").write_text("npm = os.environ['NPM']\n", "utf-8")
    git(repository, "add", ".")
    assert git(repository, "commit", "-m", "first").returncode == 0
    assert git(repository, "log", "--oneline").stdout.count("\n") == 1


def test_what_identifies_somebody_is_listed_by_place(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.md").write_text("# Notes\n\n\ncard 4111 1111 1111 1111\n", "utf-8")
    Path("b.json").write_text('{"user": {"mail": "jane@example.com"}, "day": "2026-01-01"}', "utf-8")
    words = HOOKS["casemate-personal-data"]["entry"].split()[1:]
    assert run([*words, "a.md", "b.json"]) == 1
    assert capsys.readouterr().out == "a.md:4:6: CREDIT_CARD (credit-card)\nb.json:1:20: EMAIL_ADDRESS (email)\n"
    assert run(["redact", "--check", "--mode", "fast", "--type", "direct", "b.json"]) == 1
    assert capsys.readouterr().out == "b.json:$.user.mail: EMAIL_ADDRESS (email)\n"
    Path("a.md").write_text("# Notes\n", "utf-8")
    assert run([*words, "a.md"]) == 0
    assert capsys.readouterr().out == ""
