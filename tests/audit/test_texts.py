"""What leaks of labeled texts, in an audit: the control map sees it, and a policy judges it."""

from __future__ import annotations

import json

import pytest

from casemate.audit.audit import audit
from casemate.audit.config import read_config
from casemate.core.errors import UsageError
from casemate.core.policy import Verdict
from tests.audit.scene import Scene
from tests.audit.test_supply import control

ASKED = """
[[policy.tolerances]]
name = "recall"
kind = "data/pii-scan"
metric = "recall"
at_least = 0.9

[redact]
mode = "fast"
type = ["EMAIL_ADDRESS", "PHONE_NUMBER"]
sample = "labeled.jsonl"
"""


def write(scene: Scene, hidden: int) -> None:
    lines = []
    for at in range(80):
        text = f"mail j{at}@example.com" if at < hidden else f"mail j{at} at that place"
        lines.append({"text": text, "spans": [{"start": 5, "end": len(text), "type": "EMAIL_ADDRESS"}]})
    (scene.folder / "labeled.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines), "utf-8")


def test_an_audit_measures_what_leaks(scene: Scene) -> None:
    scene.config.write_text(scene.config.read_text() + ASKED)
    for hidden, verdict in ((80, Verdict.PASS), (40, Verdict.FAIL)):
        write(scene, hidden)
        made = audit(read_config(scene.config, only=("text.leaks",)), home=scene.home)
        mine = [each for each in made.judgments if each.tolerance and each.tolerance.name == "recall"]
        assert {each.verdict for each in mine} == {verdict}
        harbor = control(made, "HIPAA", "164.514(b)(2)")
        assert harbor.verdict == verdict.name, harbor.reason
    told = json.loads((scene.folder / "audit" / "results.json").read_bytes())
    assert "j7@" not in (scene.folder / "audit" / "results.json").read_text("utf-8")
    recall = next(each for each in told["measurements"] if each["metric"] == "recall")
    assert (recall["kind"], recall["n"], recall["estimate"]) == ("data/pii-scan", 80, 0.5)


def test_without_a_sample_it_does_not_apply_and_a_bad_one_is_an_error(scene: Scene) -> None:
    made = audit(read_config(scene.config, only=("text.leaks",)), home=scene.home)
    assert {each.verdict for each in made.judgments if "pii" in str(each)} <= {Verdict.NOT_APPLICABLE}
    scene.config.write_text(scene.config.read_text() + ASKED)
    (scene.folder / "labeled.jsonl").write_text("{}\n", "utf-8")
    with pytest.raises(UsageError, match="line 1"):
        audit(read_config(scene.config, only=("text.leaks",)), home=scene.home)
    (scene.folder / "labeled.jsonl").unlink()
    with pytest.raises(UsageError, match=r"labeled\.jsonl cannot be read"):
        audit(read_config(scene.config, only=("text.leaks",)), home=scene.home)
    audit(read_config(scene.config, only=("quality.model",)), home=scene.home)  # nobody else reads it
