"""Policies as data, and what a verdict asks of signers, ages, scans and certificates."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from casemate.core.errors import CasemateError, TamperedError
from casemate.custody.provenance.attestation import PROVENANCE, SCAN
from casemate.custody.signing.certificates import check_chain
from casemate.custody.signing.policy import BundleSection, Requirement, SealPolicy, Signer, read_policy
from casemate.custody.signing.scans import release
from casemate.keys.signing import vkey
from tests.custody.signing.authority import BEGIN, CHAIN, END, LEAF, MIDDLE, ROOT, certify
from tests.custody.signing.scene import BOTH, CLASSICAL, NOW, QUANTUM, SCANNED, keys, make_model, seal_model, verify

TEXT = """\
schema = "casemate.seal-policy/1"

[[signer]]
name = "release"
keys = ["release.pub", "{quantum}"]

[bundle]
any_of = ["release"]
max_age_days = 90

[[require]]
predicate = "urn:casemate:scan:1"
any_of = ["release"]
verdicts = ["clean"]
scanner = "0.1"
"""


def written(folder: Path, text: str = TEXT) -> Path:
    (folder / "release.pub").write_bytes(CLASSICAL.verifier.pem)
    path = folder / "policy.toml"
    path.write_text(text.replace("{quantum}", vkey(QUANTUM.verifier)))
    return path


def test_a_policy_is_read_with_its_keys(tmp_path: Path) -> None:
    policy = read_policy(written(tmp_path))
    place = seal_model(make_model(tmp_path / "model"), verdict="clean")
    assert verify(place, policy).judged.accepted
    classical = seal_model(make_model(tmp_path / "other"), (CLASSICAL,), verdict="clean")
    assert len(verify(classical, policy).judged.unmet) == 2  # neither bundle nor scan carry both signatures


@pytest.mark.parametrize(
    "change",
    [
        ("casemate.seal-policy/1", "casemate.seal-policy/2"),
        ('any_of = ["release"]\nmax_age', "max_age"),
        ('any_of = ["release"]\nverdicts', 'any_of = ["nobody"]\nverdicts'),
        ("max_age_days = 90", "max_age = 90"),
        ('keys = ["release.pub", "{quantum}"]', ""),
        ('"release.pub"', '"missing.pub"'),
        ("[bundle]", "[bundel]"),
        ("schema", "["),
    ],
)
def test_a_policy_with_a_mistake_is_an_error_not_a_weaker_policy(tmp_path: Path, change: tuple[str, str]) -> None:
    assert change[0] in TEXT
    path = written(tmp_path, TEXT.replace(*change))
    with pytest.raises(CasemateError) as caught:
        read_policy(path)
    assert caught.value.exit_code == 3


def test_a_scan_that_is_not_clean_or_too_old_is_refused(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    assert verify(seal_model(model, verdict="clean"), SCANNED).judged.accepted
    assert verify(seal_model(model, verdict="unreadable"), SCANNED).judged.unmet == ("a scan says unreadable",)
    assert verify(seal_model(model, scanned=False), SCANNED).judged.unmet == (
        f"the attestation {SCAN} by the required signers is missing",
    )
    old = verify(seal_model(model, verdict="clean", at=NOW - timedelta(days=60)), SCANNED).judged
    assert old.unmet == (f"the attestation {SCAN} is 60 days old, at most 30 are accepted",)


@pytest.mark.parametrize("part", ["scanner", "rules"])
def test_a_scan_by_an_old_scanner_does_not_count(tmp_path: Path, part: str) -> None:
    place = seal_model(make_model(tmp_path / "model"), verdict="clean")
    for least, fine in (("0.0.9", True), ("0.1", True), ("99.0", False)):
        rule = Requirement(predicate=SCAN, any_of=("release",), **{part: least})
        policy = SealPolicy("p", keys(*BOTH), BundleSection(any_of=("release",)), (rule,))
        judged = verify(place, policy).judged
        assert judged.accepted is fine
        assert fine or f"{part} 0.1.0, at least 99.0" in judged.unmet[0]


def test_a_scan_of_other_bytes_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its signer is trusted and the subject is right; still, the digests it lists are not those that are signed."""
    model = make_model(tmp_path / "model")
    other = make_model(tmp_path / "other", 5)
    from tests.custody.signing import scene  # noqa: PLC0415

    real = scene.scan_files
    monkeypatch.setattr(scene, "scan_files", lambda _, names, time: real(other, names, time))
    judged = verify(seal_model(model, verdict="clean"), SCANNED).judged
    assert judged.unmet == ("the scan does not cover 'model.joblib'",)


def test_all_of_and_any_of(tmp_path: Path) -> None:
    place = seal_model(make_model(tmp_path / "model"))
    signers = (Signer("a", (CLASSICAL.verifier,)), Signer("b", (QUANTUM.verifier,)))
    for rule, fine in (
        (BundleSection(all_of=("a", "b")), True),
        (BundleSection(any_of=("b",)), True),
        (BundleSection(all_of=("a", "c")), False),
    ):
        third = Signer("c", (certify("c", None).signer.verifier,))
        assert verify(place, SealPolicy("p", (*signers, third), rule)).judged.accepted is fine


def test_a_requirement_that_names_nobody_still_asks_for_a_whole_signer(tmp_path: Path) -> None:
    """Half a hybrid signer is nobody."""
    place = seal_model(make_model(tmp_path / "model"), (CLASSICAL,), verdict="clean")
    signers = (*keys(*BOTH), Signer("first half", (certify("x", None).signer.verifier,)))
    policy = SealPolicy("p", signers, BundleSection(), (Requirement(predicate=SCAN),))
    assert len(verify(place, policy).judged.unmet) == 2
    whole = seal_model(make_model(tmp_path / "whole"), verdict="clean")
    assert verify(whole, policy).judged.accepted


def test_a_required_provenance_that_is_missing(tmp_path: Path) -> None:
    rule = Requirement(predicate=PROVENANCE, all_of=("release",))
    policy = SealPolicy("p", keys(*BOTH), BundleSection(any_of=("release",)), (rule,))
    judged = verify(seal_model(make_model(tmp_path / "model")), policy).judged
    assert judged.unmet == (f"the attestation {PROVENANCE} by the required signers is missing",)


@pytest.mark.parametrize(
    ("older", "newer"), [("0.9", "0.10"), ("1", "1.0.1"), ("", "0"), ("unknown", "0.0.1"), ("0.1.0rc1", "0.1.1")]
)
def test_versions_are_compared_as_numbers(older: str, newer: str) -> None:
    assert release(older) < release(newer)
    assert release("1.0") == release("1") == release("v1.0.0")


def rooted(identity: str = "", time: str = "now") -> SealPolicy:
    section = BundleSection(any_of=("ca",), certificate_time=time)  # type: ignore[arg-type]
    return SealPolicy("roots", (Signer("ca", (), (ROOT.der,), identity),), section)


def test_certificates(tmp_path: Path) -> None:
    now = BEGIN + timedelta(days=30)
    chain = [each.der for each in CHAIN]
    place = seal_model(make_model(tmp_path / "model"), (LEAF.signer,), certificates=chain, at=now)
    assert verify(place, rooted("CN=example.org/release"), now).judged.accepted
    with pytest.raises(TamperedError, match="somebody else's"):
        verify(place, rooted("CN=example.org/other"), now)
    late = END + timedelta(days=1)
    with pytest.raises(TamperedError, match="not trusted"):
        verify(place, rooted(), late)
    assert verify(place, rooted(time="signed"), late).judged.accepted
    stranger = Signer("ca", (), (certify("another root", None, authority=True).der,))
    with pytest.raises(TamperedError, match="not trusted"):
        verify(place, SealPolicy("roots", (stranger,), BundleSection(any_of=("ca",))), now)


def test_chains_that_do_not_hold() -> None:
    now: datetime = BEGIN + timedelta(days=1)
    check_chain([LEAF.der, MIDDLE.der], [ROOT.der], now)
    not_for_signing = certify("tls", MIDDLE, signs=False)
    by_a_leaf = certify("grandchild", LEAF)
    for chain in ([LEAF.der], [not_for_signing.der, MIDDLE.der], [by_a_leaf.der, LEAF.der, MIDDLE.der]):
        with pytest.raises(TamperedError):
            check_chain(chain, [ROOT.der], now)
