"""The supply chain in an audit: what was scanned and what was signed is evidence that the control map sees."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import joblib
import pytest
from sklearn.dummy import DummyClassifier

from casemate.assurance.controls import ControlVerdict
from casemate.audit.audit import audit
from casemate.audit.config import read_config
from casemate.audit.output import Outcome
from casemate.core.errors import CasemateError, TamperedError
from casemate.core.measurement import Measurement
from casemate.custody.signing.place import place_of
from casemate.custody.signing.sign import publish, seal, survey
from casemate.keys.ecdsa import p256_signer
from casemate.keys.signing import vkey
from tests.audit.scene import Scene

SIGNER = p256_signer("example.org/release", b"c" * 32)
POLICY = """\
schema = "casemate.seal-policy/1"

[[signer]]
name = "release"
keys = ["{key}"]

[bundle]
any_of = ["release"]
"""
ONLY = ("supply_chain.model_file", "supply_chain.seal")


def run(scene: Scene, *only: str) -> Outcome:
    return audit(read_config(scene.config, only=only or ONLY), home=scene.home)


def measured(outcome: Outcome) -> dict[str, Measurement]:
    return {each.measurement.metric: each.measurement for each in outcome.dossier.view.measured}


def control(outcome: Outcome, framework: str, number: str) -> ControlVerdict:
    (found,) = (
        each for each in outcome.dossier.controls if each.control.framework == framework and each.control.id == number
    )
    return found


@pytest.fixture
def signed(scene: Scene) -> Scene:
    """A scene whose model is sealed, and whose configuration asks for it."""
    place = place_of(scene.folder / "linear.joblib")
    publish(place, seal(survey(place), [SIGNER], datetime.now(UTC).isoformat()))
    (scene.folder / "policy.toml").write_text(POLICY.format(key=vkey(SIGNER.verifier)))
    scene.config.write_text(scene.config.read_text() + '\n[load]\npolicy = "policy.toml"\n')
    return scene


def test_the_scan_of_the_model_file_is_evidence(scene: Scene) -> None:
    outcome = run(scene)
    found = measured(outcome)
    assert {name: each.estimate for name, each in found.items()} == {
        "unsafe_loads": 0.0,
        "bytes_understood": 1.0,
        "scan_findings": 0.0,
    }
    aisvs = control(outcome, "OWASP AISVS", "v1.0-C6.1.1")
    assert aisvs.verdict == "PASS"
    records = {each.record.index for each in outcome.dossier.view.measured}
    assert records & set(aisvs.evidence)
    assert "Unsafe loads of linear is 0 of 1" in aisvs.reason
    (skipped,) = (why for name, why in outcome.dossier.view.skipped.items() if "seal" in name)
    assert "no verification policy" in skipped
    assert control(outcome, "OWASP ML Top 10", "ML10:2023").verdict == "NOT_EVIDENCED"


def test_a_seal_that_is_asked_for_is_evidence(signed: Scene) -> None:
    outcome = run(signed)
    found = measured(outcome)
    assert found["unsigned_loads"].estimate == 0.0
    tampered = found["tamper_detected"]
    assert (tampered.estimate, tampered.n, tampered.k) == (1.0, 200, 200)
    assert tampered.low is not None
    assert 0.97 < tampered.low < 1
    for framework, number in (
        ("OWASP ML Top 10", "ML10:2023"),
        ("NIST SP 800-53", "CM-14 / SI-7"),
        ("MITRE ATLAS", "AML.M0013 / M0014"),
        ("HIPAA", "164.312(c)(1)"),
        ("OWASP LLM Top 10", "LLM04:2026 [LLM03]"),
    ):
        assert control(outcome, framework, number).verdict == "PASS", (framework, number)
    (load,) = (r for r in outcome.dossier.view.records if r.predicate_type == "urn:casemate:load:1")
    assert load.predicate["verified"][0]["by"] == "release"


def test_another_model_than_the_signed_one_is_never_audited(signed: Scene) -> None:
    joblib.dump(DummyClassifier().fit([[0]], [0]), signed.folder / "linear.joblib")
    with pytest.raises(TamperedError, match="was changed"):
        run(signed)
    (signed.folder / "linear.joblib.sig").unlink()
    with pytest.raises(TamperedError, match="not sealed"):
        run(signed)


def test_a_refused_model_leaves_its_record_and_no_measurement(scene: Scene) -> None:
    (scene.folder / "linear.joblib").write_bytes(b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.")
    with pytest.raises(CasemateError, match="refused"):
        run(scene)


def test_adding_the_scan_changes_no_other_figure(scene: Scene) -> None:
    def quality(outcome: Outcome) -> list[Any]:
        return [x.measurement for x in outcome.dossier.view.measured if x.measurement.kind.startswith("model/")]

    alone = quality(run(scene, "quality.model"))
    both = run(scene, "quality.model", "supply_chain.model_file")
    assert quality(both) == alone
    assert alone
