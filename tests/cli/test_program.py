"""The program: help, version, start-up, errors and exit codes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from casemate.cli import help_text
from casemate.cli.app import build, run
from casemate.cli.failures import describe
from casemate.cli.verbs import VERBS
from casemate.core.errors import CasemateError

SOURCE = Path(__file__).parents[2] / "src"


def test_the_table_of_verbs_is_what_the_program_has() -> None:
    app = build()
    own = {name for name in app if not name.startswith("-")}
    assert own == set(VERBS)
    for name, verb in VERBS.items():
        assert verb.summary in help_text()
        assert app[name].help.split("\n")[0].strip()


@pytest.mark.parametrize("name", sorted(VERBS))
def test_each_verb_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [name, "show", "--help"] if name == "ledger" else [name, "--help"]
    assert run(words) == 0
    shown = capsys.readouterr().out
    assert f"casemate {name}" in (shown if VERBS[name].factory.endswith(":app") else shown.partition("Examples:")[2])


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["adit"]) == 3


def test_an_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "--efort", "quick"]) == 3


def test_an_error_says_what_why_and_next() -> None:
    text = describe(CasemateError("it broke", cause="of rust", next_step="oil it"))
    assert text == "error: it broke\n  why:  of rust\n  next: oil it\n"


def test_help_and_version_load_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['casemate', '--help']\n"
        "from casemate.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert not {'numpy', 'cyclopts', 'rich', 'sklearn', 'msgspec'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Exit codes" in done.stdout


def test_only_the_command_line_prints_or_exits() -> None:
    for path in SOURCE.rglob("*.py"):
        if path.parent.name == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"print", "exit", "quit"}, path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert ast.unparse(node.func) not in {"sys.exit", "os._exit"}, path
