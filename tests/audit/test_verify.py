"""``casemate verify``: what is untouched verifies, what was touched does not, and the exit codes say so."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from casemate.audit import plan
from casemate.audit import verify as room
from casemate.audit.config import read_config
from casemate.audit.plan import Scope
from casemate.audit.verify import same_figure, verify
from casemate.core.errors import TamperedError, UsageError
from casemate.keys.text import read_vkey
from casemate.training.engagement import Conclusion
from tests.audit.scene import Scene


def key_and_checkpoint(scene: Scene) -> tuple[str, str]:
    checkpoint = next((scene.home / "checkpoints").iterdir())
    return (scene.home / "signing.key.vkey").read_text().strip(), checkpoint.read_text()


def test_an_untouched_audit_verifies(finished: Scene) -> None:
    key, checkpoint = key_and_checkpoint(finished)
    config = read_config(finished.config)
    found = verify(finished.audit, keys=[read_vkey(key)], checkpoint=checkpoint, config=config, home=finished.home)
    assert found.caveats == ()
    assert found.figures > 10
    assert found.verdicts > 3


def test_without_key_and_checkpoint_it_says_what_it_cannot_exclude(finished: Scene) -> None:
    assert len(verify(finished.audit).caveats) == 3


@pytest.mark.parametrize("name", ["report.html", "results.json", "results.sarif"])
def test_a_changed_file_is_seen(copied: Scene, name: str) -> None:
    path = copied.audit / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(TamperedError, match=name):
        verify(copied.audit)


def test_the_program_says_4(copied: Scene) -> None:
    entries = next(path for path in (copied.audit / "ledger" / "tile" / "entries").rglob("*") if path.is_file())
    content = bytearray(entries.read_bytes())
    content[len(content) // 2] ^= 1
    entries.write_bytes(content)
    done = copied.casemate("verify", "audit")
    assert done.returncode == 4
    assert "record" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_verdict_that_does_not_follow_is_seen(finished: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone who holds the key signs a kinder verdict: the log is sound, the conclusion is not."""
    real = room.verify_folder

    def forged(folder: Path, keys: object, checkpoint: object) -> object:
        log = real(folder, keys, checkpoint)
        record = next(r for r in log.records if r.kind == "verdict" and r.predicate["verdict"] == "PASS")
        record.predicate["verdict"] = "FAIL"
        return log

    monkeypatch.setattr(room, "verify_folder", forged)
    with pytest.raises(TamperedError, match="not the one that follows"):
        verify(finished.audit)


def test_the_independent_verifier_agrees(copied: Scene) -> None:
    key, checkpoint = key_and_checkpoint(copied)
    tool = Path(__file__).parents[2] / "tools" / "verify_ledger.py"
    command = [sys.executable, str(tool), str(copied.audit), "--key", key, "--checkpoint", checkpoint]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    results = copied.audit / "results.json"
    content = json.loads(results.read_bytes())
    content["measurements"][0]["estimate"] = 0.0
    results.write_text(json.dumps(content))
    assert subprocess.run(command, capture_output=True, check=False).returncode == 4


def test_another_process_finds_the_same_trials_and_figures(finished: Scene) -> None:
    """Nothing that names the work may depend on addresses or hash seeds."""
    done = subprocess.run(
        finished.command("verify", "audit", "--config", "."),
        cwd=finished.folder,
        env=finished.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "and 0 figures" not in done.stdout


def test_an_auditor_elsewhere_finds_the_trials(finished: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "environment", lambda: {"python": "another", "blas": "another"})
    assert verify(finished.audit, config=read_config(finished.config), home=finished.home).figures > 10


def test_a_figure_that_does_not_follow_is_seen(finished: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    real = room.conclude

    def other(each: Scope, kept: object) -> Conclusion:
        found = real(each, kept)
        first = msgspec.structs.replace(found.measurements[0], estimate=found.measurements[0].estimate + 1e-6)
        return dataclasses.replace(found, measurements=[first, *found.measurements[1:]])

    monkeypatch.setattr(room, "conclude", other)
    with pytest.raises(TamperedError, match="does not follow"):
        verify(finished.audit, config=read_config(finished.config), home=finished.home)


def test_figures_agree_up_to_the_last_digits_and_no_further() -> None:
    recorded = {"estimate": 0.5, "n": 10, "method": "m", "low": None}
    assert same_figure({**recorded, "estimate": 0.5 + 1e-12}, recorded)
    assert not same_figure({**recorded, "estimate": 0.5 + 1e-6}, recorded)
    assert not same_figure({**recorded, "n": 11}, recorded)
    assert not same_figure({**recorded, "low": 0.1}, recorded)


def test_no_ledger_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no ledger"):
        verify(tmp_path)
