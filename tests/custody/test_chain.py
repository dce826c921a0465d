"""Row 16: the printed chain of custody. Each line is evidence or a visible gap, and nothing unsigned is in it."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest

from casemate.audit.notebook import Notebook
from casemate.cli import seal as verb
from casemate.cli.app import run
from casemate.custody.bom.facts import gather
from casemate.custody.chain import Link, chain
from casemate.custody.provenance.about import About
from casemate.custody.provenance.attestation import PROVENANCE
from casemate.custody.provenance.compose import compose
from casemate.custody.provenance.scanned import scan_files
from casemate.custody.signing.place import Place, place_of
from casemate.custody.signing.policy import SealPolicy
from casemate.custody.signing.sign import publish, seal, survey
from casemate.keys.kek_file import create_kek
from casemate.ledger.view import verify_folder
from tests.custody.bom.scene import declare
from tests.custody.signing.scene import BOTH, CLASSIC, HYBRID, SCANNED, make_model, verify


def sealed(folder: Path, about: About | None = None, *, bills: bool = True, verdict: str = "clean") -> Place:
    model = make_model(folder / "model")
    place, time = place_of(model), "2026-11-25T11:00:00+00:00"
    manifest = survey(place)
    scan = {**scan_files(model, manifest.files, time), "verdict": verdict}
    said = compose(gather(manifest, about or About(), time), scan if about else None, bills=bills)
    publish(place, seal(manifest, BOTH, time, said.statements, said.documents))
    return place


def lines(links: tuple[Link, ...], step: str) -> list[tuple[str, str]]:
    return [(link.state, link.text) for link in links if link.step == step]


def test_a_chain_that_is_whole(tmp_path: Path) -> None:
    found = chain(verify(sealed(tmp_path, declare(tmp_path / "told")), SCANNED).judged, SCANNED)
    assert [link for link in found if link.state != "evidence"] == []
    assert lines(found, "signed") == [
        ("evidence", "by release (ecdsa-p256 and ml-dsa-65) on 2026-11-25 11:00 UTC by its clock")
    ]
    trained = lines(found, "trained")
    assert trained[0] == ("evidence", "by https://ci.example.org/train, finished 2026-11-20, as its signer declares")
    assert all(
        name in trained[1][1] for name in ("support (", "holdout (", "embedding (111111111111)", "requirements.lock (")
    )
    assert len(lines(found, "data")) == 2
    assert lines(found, "scanned")[0][1].startswith("clean on 2026-11-25 by casemate ")
    assert [text for _, text in lines(found, "described")] == [
        "CycloneDX 1.6 in bom-1.6.cdx.json, 1 gaps in it",
        "CycloneDX 1.7 in bom.cdx.json, 1 gaps in it",
        "SPDX 3.0.1 in bom.spdx.json, 1 gaps in it",
    ]
    assert lines(found, "policy") == [("evidence", "scanned policy is met")]
    assert all(link.source.endswith(" by release") for link in found if link.step in ("trained", "data", "scanned"))


def test_what_nobody_says_is_a_gap(tmp_path: Path) -> None:
    found = chain(verify(sealed(tmp_path, bills=False)).judged, HYBRID)
    gaps = {link.step for link in found if link.state == "gap"}
    assert gaps == {"trained", "data", "scanned", "described"}


def test_a_scan_that_is_not_clean_is_no_evidence_of_anything_good(tmp_path: Path) -> None:
    found = chain(verify(sealed(tmp_path, declare(tmp_path / "told"), verdict="suspicious"), SCANNED).judged, SCANNED)
    assert lines(found, "scanned")[0][0] == "gap"
    assert lines(found, "policy") == [("unmet", "scanned policy: a scan says suspicious")]


def test_without_a_key_all_of_it_is_a_claim(tmp_path: Path) -> None:
    nobody = SealPolicy("no policy", ())
    found = chain(verify(sealed(tmp_path, declare(tmp_path / "told")), nobody).judged, nobody)
    assert not [link for link in found if link.state == "evidence"]
    assert any(link.text.startswith("claimed, but nobody who is trusted vouches for it: by https") for link in found)


def test_a_key_that_was_not_given_is_named_as_unchecked(tmp_path: Path) -> None:
    found = chain(verify(sealed(tmp_path, declare(tmp_path / "told")), CLASSIC).judged, CLASSIC)
    assert ("gap", "1 more signatures are by keys that were not given; nobody checked them") in lines(found, "signed")


def test_provenance_is_slsa(tmp_path: Path) -> None:
    judged = verify(sealed(tmp_path, declare(tmp_path / "told"))).judged
    said = next(each.predicate for each in judged.attestations if each.predicate_type == PROVENANCE)
    definition, run_details = said["buildDefinition"], said["runDetails"]
    assert definition["externalParameters"]["values"] == {"trees": 100, "since": "2026-01-01"}
    assert [each["annotations"]["role"] for each in definition["resolvedDependencies"]] == [
        "data", "data", "base-model", "lock-file",
    ]  # fmt: skip
    assert all("sha256" in each["digest"] for each in definition["resolvedDependencies"])
    assert run_details["builder"] == {"id": "https://ci.example.org/train"}
    assert run_details["metadata"]["invocationId"] == "17"
    assert "model/accuracy accuracy 0.91 [0.84, 0.96]" in run_details["byproducts"][0]["annotations"]["figures"][0]


def test_names_in_a_chain_cannot_write_on_the_terminal(tmp_path: Path) -> None:
    text = (declare(tmp_path / "told"), (tmp_path / "told" / "about.toml").read_text())[1]
    told = declare(tmp_path / "told", text.replace('name = "support"', 'name = "a\\u001b[2Jb\\nproved"'))
    found = chain(verify(sealed(tmp_path, told)).judged, HYBRID)
    assert all(link.text.isprintable() for link in found)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASEMATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_seal_and_verify_on_the_command_line(tmp_path: Path, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = make_model(tmp_path / "model")
    declare(tmp_path / "told")
    about = str(tmp_path / "told" / "about.toml")
    assert run(["seal", str(model), "--hybrid", "--bom", "--about", about]) == 0
    for name in ("seal.ecdsa-p256.key", "seal.ml-dsa-65.key"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    assert (home / "seal.ecdsa-p256.key.pub").read_bytes().startswith(b"-----BEGIN PUBLIC KEY-----")
    capfd.readouterr()
    assert run(["verify", str(model)]) == 0
    printed = capfd.readouterr().out
    assert "by your own keys (ecdsa-p256 and ml-dsa-65)" in printed
    assert "by https://ci.example.org/train" in printed
    assert run(["verify", str(model), "--format", "json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert said["schema"] == "casemate.chain/1"
    assert said["accepted"] is True

    assert run(["seal", str(model)]) == 3
    assert "is sealed already" in capfd.readouterr().err
    assert run(["seal", str(model), "--replace"]) == 0
    (model / "model.joblib").write_bytes(b"other")
    assert run(["verify", str(model)]) == 4
    assert "'model.joblib' was changed" in capfd.readouterr().err


def test_a_policy_decides_the_exit_code(tmp_path: Path, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = make_model(tmp_path / "model")
    policy = tmp_path / "policy.toml"
    keys = [str(home / f"seal.{name}.key.vkey") for name in ("ecdsa-p256", "ml-dsa-65")]
    signer = f'schema = "casemate.seal-policy/1"\n[[signer]]\nname = "me"\nkeys = {json.dumps(keys)}\n'
    policy.write_text(signer + '[bundle]\nany_of = ["me"]\n')
    assert run(["seal", str(model), "--hybrid"]) == 0
    assert run(["verify", str(model), "--policy", str(policy)]) == 0
    assert run(["seal", str(model), "--replace"]) == 0
    capfd.readouterr()
    assert run(["verify", str(model), "--policy", str(policy)]) == 1
    assert "NOT MET" in capfd.readouterr().out
    (model / "model.sig").unlink()
    shutil.rmtree(model / "attestations")
    assert run(["verify", str(model), "--policy", str(policy)]) == 1
    assert "is not sealed" in capfd.readouterr().err
    assert run(["verify", str(model)]) == 3


def test_without_keys_nothing_is_accepted(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(tmp_path / "model")
    assert run(["seal", str(model)]) == 0
    monkeypatch.setenv("CASEMATE_HOME", str(tmp_path / "elsewhere"))
    assert run(["verify", str(model)]) == 1
    assert run(["verify", str(model), "--key", str(home / "seal.ecdsa-p256.key.pub")]) == 0
    assert run(["verify", str(model), "--key", str(home / "seal.ecdsa-p256.key.vkey")]) == 0


def test_one_file_and_a_key_in_pem(tmp_path: Path, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = make_model(tmp_path / "model") / "model.joblib"
    home.mkdir(mode=0o700)
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key, path = ec.generate_private_key(ec.SECP384R1()), home / "mine.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    path.chmod(0o644)
    assert run(["seal", str(model), "--key", str(path)]) == 3
    assert "others may read or write it" in capfd.readouterr().err
    path.chmod(0o600)
    assert run(["seal", str(model), "--key", str(path)]) == 0
    public = tmp_path / "mine.pub"
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert run(["verify", str(model), "--key", str(public)]) == 0
    assert sorted(each.name for each in model.parent.iterdir()) == [
        "model.joblib", "model.joblib.attestations", "model.joblib.sig", "parts",
    ]  # fmt: skip


def test_a_malicious_file_is_not_sealed(
    tmp_path: Path, home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(tmp_path / "model")
    finding = {"rule": "CM-SUP-001", "severity": "critical", "message": "imports os.system", "location": ""}
    artifact = {"path": "model.joblib", "verdict": "malicious", "findings": [finding]}
    said = {"verdict": "malicious", "artifacts": [artifact]}
    monkeypatch.setattr(verb, "scan_files", lambda *_: said)
    assert run(["seal", str(model)]) == 1
    assert "imports os.system" in capfd.readouterr().err
    assert not (model / "model.sig").exists()


def test_a_key_inside_the_model_is_refused(tmp_path: Path, home: Path) -> None:
    model = make_model(tmp_path / "model")
    assert run(["seal", str(make_model(tmp_path / "other"))]) == 0
    shutil.copy(home / "seal.ecdsa-p256.key", model / "key")
    assert run(["seal", str(model), "--key", str(model / "key")]) == 3


def test_a_key_home_inside_the_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(tmp_path / "model")
    monkeypatch.setenv("CASEMATE_HOME", str(model / "home"))
    assert run(["seal", str(model)]) == 3
    assert not (model / "model.sig").exists()


def test_sealing_is_evidence_in_the_ledger(tmp_path: Path, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model, audit = make_model(tmp_path / "model"), tmp_path / "audit"
    declare(tmp_path / "told")
    assert run(["seal", str(model), "--audit", str(audit)]) == 3
    assert not (model / "model.sig").exists()
    with Notebook(audit) as book:
        (audit / "report.html").write_text("report")
        book.bind(["report.html"])
    words = ["--about", str(tmp_path / "told" / "about.toml"), "--bom", "--audit", str(audit)]
    assert run(["seal", str(model), *words]) == 0
    kinds = [record.kind for record in verify_folder(audit).records]
    assert kinds == [
        "binding", "supply/signature", "supply/model-scan", "supply/provenance", "supply/data",
        "sbom/cyclonedx", "sbom/cyclonedx", "sbom/spdx", "binding",
    ]  # fmt: skip
    assert not any("did not end" in caveat for caveat in verify_folder(audit).caveats)
    capfd.readouterr()
    assert run(["verify", str(model), "--audit", str(audit)]) == 0
    printed = capfd.readouterr().out
    assert "record 1 of the ledger in audit" in printed
    assert "not checked" not in printed
    assert run(["seal", str(model), "--replace"]) == 0
    capfd.readouterr()
    assert run(["verify", str(model), "--audit", str(audit)]) == 0
    assert "does not hold this seal" in capfd.readouterr().out


def test_a_renamed_model_is_noticed(tmp_path: Path) -> None:
    judged = verify(sealed(tmp_path, declare(tmp_path / "told"))).judged
    assert ("gap", "it was signed under the name 'model'; the name itself is not protected") in lines(
        chain(judged, HYBRID, "other"), "files"
    )
    assert len(lines(chain(judged, HYBRID, "model"), "files")) == 1


def test_a_sealed_model_comes_out_of_its_encryption_and_verifies(
    tmp_path: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, key = make_model(tmp_path / "model"), tmp_path / "models.kek"
    create_kek(key)
    words = ["--encrypt-for", f"file:{key}", "--out", str(tmp_path / "away")]
    assert run(["seal", str(model), "--hybrid", *words]) == 0
    assert b"vocabulary" not in (tmp_path / "away" / "parts" / "words.joblib.sealed").read_bytes()
    assert (
        run(["unseal", str(tmp_path / "away"), "--key-service", f"file:{key}", "--out", str(tmp_path / "model2")]) == 0
    )
    capfd.readouterr()
    assert run(["verify", str(tmp_path / "model2")]) == 0
    assert "it was signed under the name 'model'" in capfd.readouterr().out
    one = model / "model.joblib"
    assert run(["seal", str(one), "--encrypt-for", f"file:{key}"]) == 0
    assert (model / "model.joblib.sealed").is_file()
