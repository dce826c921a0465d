"""The independent verifier: what it recomputes besides hashes and signatures, and what kind of program it is."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from casemate.ledger.ledger import Ledger
from casemate.ledger.statement import seal
from casemate.ledger.view import bind_files, verify_folder
from tests.ledger.folder import NONE_OF_50, SIGNER, TEN_OF_50, Edit, independent_verifier, make_audit, measurement
from tests.ledger.folder import tolerance as at_most

TOOL = independent_verifier()
SOURCE = Path(str(TOOL.__file__)).read_text()
Records = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[Edit], str]:
    """Make an audit with edited records, correctly signed, and return what the verifier says against it."""

    def run(edit: Edit) -> str:
        audit = make_audit(tmp_path, trials=2, edit=edit)
        code = TOOL.main([str(audit.folder), "--key", audit.key, "--checkpoint", audit.checkpoint])
        text = capsys.readouterr().err
        assert code == (4 if text else 0)
        return text

    return run


def test_it_is_short_and_needs_only_cryptography() -> None:
    assert len(SOURCE.splitlines()) < 300
    tree = ast.parse(SOURCE)
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    assert foreign == {"cryptography"}


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    audit = make_audit(tmp_path)
    keys = tmp_path / "key.vkey"
    keys.write_text(audit.key + "\n")
    command = [sys.executable, "-I", str(TOOL.__file__), str(audit.folder)]
    done = subprocess.run(
        [*command, "--key", keys, "--checkpoint", audit.checkpoint], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("verified: 17 records, 8 blobs intact")
    (audit.folder / "report.html").write_text("better")
    done = subprocess.run([*command, "--key", keys], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "record 16: report.html changed" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nowhere"],
        [".", "--key", "nowhere.vkey"],
        [".", "--key", "a+00000000+AAAA"],
        [".", "--checkpoint", "nowhere"],
        [".", "--checkpoint", ""],
        [".", "--nonsense"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert TOOL.main(arguments) == 3
    assert "usage" in capsys.readouterr().err
    assert TOOL.main(["--help"]) == 0


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 20_000), st.floats(0, 1), st.sampled_from([0.8, 0.9, 0.95, 0.99, 0.999]))
def test_intervals_agree_with_scipy_and_nothing_else_does(n: int, share: float, confidence: float) -> None:
    k, tail = round(n * share), (1 - confidence) / 2
    low = float(beta.ppf(tail, k, n - k + 1)) if k else 0.0
    high = float(beta.isf(tail, k + 1, n - k)) if k < n else 1.0
    right = measurement(k, n, low, high, confidence=confidence)
    TOOL.check_interval(right)
    for field, value in (
        ("low", low + 3e-9),
        ("high", high - 3e-9),
        ("estimate", k / n + 3e-9),
        ("k", k + 1),
        ("n", n + 1),
    ):
        with pytest.raises(ValueError, match="does not give"):
            TOOL.check_interval({**right, field: value})


def test_other_methods_are_left_to_casemate_verify() -> None:
    TOOL.check_interval({"method": "newcombe", "low": None})


def find(records: Records, kind: str) -> dict[str, Any]:
    return next(predicate for each, predicate in records if each == kind)


def test_a_wrong_interval_is_named(said: Callable[[Edit], str]) -> None:
    def edit(records: Records, results: dict[str, Any]) -> None:
        wrong = {**TEN_OF_50, "high": 0.2}
        find(records, "measurement")["measurement"] = wrong
        results["measurements"][0] = wrong

    assert "record 3 (measurement): 10 of 50" in said(edit)


def test_a_wrong_interval_in_a_pair_is_named(said: Callable[[Edit], str]) -> None:
    def edit(records: Records, results: dict[str, Any]) -> None:
        find(records, "pair")["pair"]["after"] = {**NONE_OF_50, "high": 0.01}

    assert "record 5 (pair): 0 of 50" in said(edit)


def test_results_that_differ_from_the_records(said: Callable[[Edit], str]) -> None:
    def edit(records: Records, results: dict[str, Any]) -> None:
        results["measurements"][0] = {**NONE_OF_50, "subject": "another model"}

    assert "results.json: measurement 0" in said(edit)


def test_results_that_leave_a_measurement_out(said: Callable[[Edit], str]) -> None:
    def edit(records: Records, results: dict[str, Any]) -> None:
        results["measurements"].pop(0)

    assert "leaves out" in said(edit)


def test_a_figure_that_was_measured_again_replaces_the_older_one(said: Callable[[Edit], str]) -> None:
    def edit(records: Records, results: dict[str, Any]) -> None:
        older = {**find(records, "measurement"), "measurement": {**TEN_OF_50, "seed": 6}}
        records.insert(3, ("measurement", older))
        for kind, predicate in records:
            if kind == "verdict":
                predicate["record"] += 1

    assert said(edit) == ""


def test_results_may_carry_more_fields(said: Callable[[Edit], str]) -> None:
    def edit(records: Records, results: dict[str, Any]) -> None:
        results["measurements"] = [{**row, "record": 9} for row in results["measurements"]]

    assert said(edit) == ""


@pytest.mark.parametrize(
    ("number", "change", "right"),
    [
        (0, {"verdict": "PASS"}, "FAIL"),
        (0, {"verdict": "INCONCLUSIVE"}, "FAIL"),
        (1, {"verdict": "PASS"}, "INCONCLUSIVE"),
        (2, {"verdict": "FAIL"}, "PASS"),
        (2, {"tolerance": at_most(0.07)}, "INCONCLUSIVE"),
        (2, {"tolerance": {"at_least": 0.1, "at_most": None}}, "FAIL"),
        (2, {"tolerance": {"at_least": 0.0, "at_most": None}, "verdict": "FAIL"}, "PASS"),
        (2, {"needed": 51}, "INCONCLUSIVE"),
        (3, {"tolerance": at_most(0.07)}, "INCONCLUSIVE"),
    ],
)
def test_wrong_verdicts_are_named(said: Callable[[Edit], str], number: int, change: dict[str, Any], right: str) -> None:
    def edit(records: Records, results: dict[str, Any]) -> None:
        [predicate for kind, predicate in records if kind == "verdict"][number].update(change)

    assert f"record {6 + number} (verdict): the verdict is" in (text := said(edit))
    assert f"give {right}" in text


def test_a_pair_without_an_adaptive_attack_cannot_pass(said: Callable[[Edit], str]) -> None:
    def edit(records: Records, results: dict[str, Any]) -> None:
        find(records, "pair")["pair"]["adaptive"] = False

    assert "record 9 (verdict)" in said(edit)


def test_verdicts_without_interval_hang_on_the_estimate(said: Callable[[Edit], str]) -> None:
    def edit(records: Records, results: dict[str, Any]) -> None:
        for kind, predicate in records:
            if kind == "measurement":
                predicate["measurement"] = {
                    **predicate["measurement"],
                    "method": "",
                    "low": None,
                    "high": None,
                    "n": None,
                }
        results["measurements"] = [each["measurement"] for kind, each in records if kind == "measurement"]
        verdicts = [predicate for kind, predicate in records if kind == "verdict"]
        verdicts[1]["tolerance"] = at_most(0.2)
        verdicts[1]["verdict"] = "PASS"

    assert said(edit) == ""


@pytest.mark.parametrize("kind", ["trial", "measurement", "pair"])
def test_a_plan_recorded_too_late(said: Callable[[Edit], str], kind: str) -> None:
    def edit(records: Records, results: dict[str, Any]) -> None:
        at = next(index for index, record in enumerate(records) if record[0] == kind)
        records.insert(0, records.pop(at))

    text = said(edit)
    assert "record 0" in text
    assert "plan" in text


@pytest.mark.parametrize(
    "other", [{}, {"verdict": 3}, {"record": 99}, {"record": "x"}, {"tolerance": {}}, {"tolerance": 5}]
)
def test_malformed_records_are_named_not_crashed_on(said: Callable[[Edit], str], other: dict[str, Any]) -> None:
    def edit(records: Records, results: dict[str, Any]) -> None:
        verdict = find(records, "verdict")
        if other:
            verdict.update(other)
        else:
            verdict.clear()

    text = said(edit)
    assert text == "" if other in ({"verdict": 3}, {"tolerance": {}}) else "record 6 (verdict)" in text


def test_erased_blobs_are_allowed_when_recorded_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit = make_audit(tmp_path, trials=3)
    blob = next((audit.folder / "ledger" / "blobs").iterdir())
    blob.unlink()
    assert TOOL.main([str(audit.folder), "--key", audit.key]) == 4
    assert blob.name in capsys.readouterr().err
    with Ledger.open(audit.folder / "ledger", [SIGNER]) as ledger:
        ledger.append(seal("erasure", {"blob": blob.name, "reason": "asked by the person"}, {}, [SIGNER]))
        ledger.append(seal("binding", {"files": bind_files(audit.folder)}, {}, [SIGNER]))
    assert TOOL.main([str(audit.folder), "--key", audit.key, "--checkpoint", ledger.checkpoint]) == 0
    assert "2 blobs intact, 1 erased" in capsys.readouterr().out
    log = verify_folder(audit.folder, [SIGNER.verifier], ledger.checkpoint)
    assert (log.blobs, log.erased, log.caveats) == (2, 1, ())
