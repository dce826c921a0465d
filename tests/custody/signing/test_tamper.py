"""Whatever is changed in a sealed model is seen: bytes, files, names, signatures, attestations, or their subject."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import unicodedata
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from casemate.core.errors import CasemateError, TamperedError, UnreadableError, UsageError
from casemate.custody.chain import chain
from casemate.custody.signing.bundle import read_bundle, write_bundle
from casemate.custody.signing.envelope import sign_payload
from casemate.custody.signing.judge import attested, bind
from casemate.custody.signing.place import Place, place_of
from casemate.custody.signing.policy import BundleSection, SealPolicy, Signer
from casemate.custody.signing.sign import publish, seal, survey
from casemate.keys.dsse import Envelope
from casemate.keys.ml_dsa import MlDsa65Signer
from tests.custody.signing.scene import (
    BOTH,
    CLASSIC,
    CLASSICAL,
    HYBRID,
    NOW,
    QUANTUM,
    SCANNED,
    STRANGER,
    keys,
    make_model,
    seal_model,
    verify,
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return seal_model(make_model(tmp_path / "model"))


def test_untouched_it_verifies(place: Place) -> None:
    found = verify(place)
    assert found.judged.accepted
    assert found.judged.bound.by == ("release",)
    assert [each.name for each in found.judged.attestations] == ["scan.json"]


@pytest.mark.parametrize("name", ["model.sig", "attestations/scan.json", "model.joblib", "parts/words.joblib"])
def test_every_changed_byte_is_seen(place: Place, name: str) -> None:
    path = place.model / name
    content = path.read_bytes()
    chance = random.Random(name)
    at = range(len(content)) if len(content) < 120 else sorted(chance.sample(range(len(content)), 120))
    for position in at:
        for value in {content[position] ^ 1, content[position] ^ 0x20, chance.randrange(256)} - {content[position]}:
            path.write_bytes(content[:position] + bytes([value]) + content[position + 1 :])
            with pytest.raises(CasemateError):
                verify(place)
    path.write_bytes(content)
    assert verify(place).judged.accepted


@pytest.mark.slow
def test_every_bit_of_the_bundle_and_every_byte_of_an_attestation(place: Place) -> None:
    """48,000 changes of a hybrid bundle, and as many of an attestation as it has bytes: all refused."""
    content = place.bundle.read_bytes()
    for position in range(len(content)):
        for bit in range(8):
            changed = content[:position] + bytes([content[position] ^ 1 << bit]) + content[position + 1 :]
            with pytest.raises(CasemateError):
                bind(changed, HYBRID, NOW)
    bound = bind(content, HYBRID, NOW)
    content = (place.attestations / "scan.json").read_bytes()
    assert attested(bound, {"scan.json": content})
    for position in range(len(content)):
        changed = content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]
        with pytest.raises(CasemateError):
            attested(bound, {"scan.json": changed})


@pytest.mark.parametrize("name", ["model.sig", "attestations/scan.json"])
def test_json_outside_the_signatures_has_one_spelling(place: Place, name: str) -> None:
    path = place.model / name
    content = path.read_bytes()
    value = json.loads(content)
    first = next(iter(value))
    for other in (
        content + b"\n",
        b" " + content,
        content.replace(b":", b": ", 1),
        json.dumps(value).encode(),
        json.dumps(dict(reversed(value.items())), separators=(",", ":")).encode(),
        content.replace(b'"payloadType"', b'"payload\\u0054ype"'),
        content.replace(b"{", b'{"%b":null,' % first.encode(), 1),
        content.replace(b"{", b'{"more":1,', 1),
        content[:-1],
        b"",
        b"[" * 100_000,
        b"\xff\xfe",
    ):
        path.write_bytes(other)
        with pytest.raises(UnreadableError):
            verify(place)


def rewrite(place: Place, change: Callable[[dict[str, Any]], None]) -> None:
    value = json.loads(place.bundle.read_bytes())
    change(value)
    place.bundle.write_bytes(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def strip(value: dict[str, Any], index: int) -> None:
    del value["dsseEnvelope"]["signatures"][index]


def reorder(value: dict[str, Any]) -> None:
    value["dsseEnvelope"]["signatures"].reverse()


def double(value: dict[str, Any]) -> None:
    value["dsseEnvelope"]["signatures"].append(value["dsseEnvelope"]["signatures"][1])


def anonymous(value: dict[str, Any]) -> None:
    value["dsseEnvelope"]["signatures"][0]["keyid"] = ""


@pytest.mark.parametrize("policy", [HYBRID, CLASSIC], ids=lambda policy: policy.name)
@pytest.mark.parametrize(
    "change", [lambda v: strip(v, 1), lambda v: strip(v, 0), reorder, double, anonymous], ids=lambda c: c.__name__
)
def test_a_half_stripped_reordered_doubled_or_unnamed_is_refused(
    place: Place, policy: SealPolicy, change: Callable[[dict[str, Any]], None]
) -> None:
    """Also by a verifier who trusts the classical key alone: the statement says what it needs."""
    assert verify(place, policy).judged.accepted
    rewrite(place, change)
    with pytest.raises(TamperedError):
        verify(place, policy)


@pytest.mark.parametrize("index", [0, 1])
def test_a_half_from_another_bundle_is_refused(place: Place, tmp_path: Path, index: int) -> None:
    other = json.loads(seal_model(make_model(tmp_path / "other", 5)).bundle.read_bytes())

    def swap(value: dict[str, Any]) -> None:
        value["dsseEnvelope"]["signatures"][index] = other["dsseEnvelope"]["signatures"][index]

    rewrite(place, swap)
    with pytest.raises(TamperedError):
        verify(place)


def test_who_forges_the_classical_signature_meets_the_policy(tmp_path: Path) -> None:
    """A forger writes a statement that asks for one signature. Only the verifier's own policy is left, and it holds."""
    place = seal_model(make_model(tmp_path / "model"), (CLASSICAL,))
    judged = verify(place, HYBRID).judged
    assert not judged.accepted
    assert "not signed by any of release with all of its keys" in judged.unmet[0]
    assert verify(place, CLASSIC).judged.accepted


def test_a_second_key_of_a_stranger_does_not_make_a_hybrid(tmp_path: Path) -> None:
    other = MlDsa65Signer("example.org/release", b"z" * 32)
    place = seal_model(make_model(tmp_path / "model"), (CLASSICAL, other))
    assert not verify(place, HYBRID).judged.accepted


def test_keys_of_two_signers_do_not_add_up(tmp_path: Path) -> None:
    place = seal_model(make_model(tmp_path / "model"), (STRANGER, QUANTUM))
    both = SealPolicy(
        "two signers",
        (*keys(*BOTH), Signer("stranger", (STRANGER.verifier,))),
        BundleSection(any_of=("release",)),
    )
    assert not verify(place, both).judged.accepted


def test_a_stranger_is_refused(tmp_path: Path) -> None:
    place = seal_model(make_model(tmp_path / "model"), (STRANGER,))
    for policy in (HYBRID, CLASSIC):
        with pytest.raises(TamperedError, match="not signed by a trusted key"):
            verify(place, policy)


def test_without_any_key_nothing_is_accepted(place: Place) -> None:
    judged = verify(place, SealPolicy("nothing", ())).judged
    assert not judged.accepted
    assert judged.bound.by == ()


def test_swapped_bundles(place: Place, tmp_path: Path) -> None:
    other = seal_model(make_model(tmp_path / "other", 5))
    mine, theirs = place.bundle.read_bytes(), other.bundle.read_bytes()
    place.bundle.write_bytes(theirs)
    other.bundle.write_bytes(mine)
    for each in (place, other):
        with pytest.raises(TamperedError, match="was changed"):
            verify(each)


def test_an_attestation_about_another_model_is_refused(place: Place, tmp_path: Path) -> None:
    """Also about one with the same contents under other names, whose root digest is the same."""
    twin = make_model(tmp_path / "twin")
    (twin / "model.joblib").rename(twin / "model.pickle")
    other = seal_model(twin)
    assert verify(other).judged.bound.manifest.root == verify(place).judged.bound.manifest.root
    shutil.copy(other.attestations / "scan.json", place.attestations / "scan.json")
    with pytest.raises(TamperedError, match="about another model"):
        verify(place)


def test_a_removed_attestation_is_seen(place: Place) -> None:
    (place.attestations / "scan.json").unlink()
    with pytest.raises(TamperedError, match=r"urn:casemate:scan:1 is missing"):
        verify(place)
    shutil.rmtree(place.attestations)
    with pytest.raises(TamperedError, match="is missing"):
        verify(place)


def test_a_foreign_file_among_the_attestations_is_refused(place: Place) -> None:
    (place.attestations / "run.py").write_bytes(b"import os")
    with pytest.raises(UnreadableError):
        verify(place)
    (place.attestations / "run.py").unlink()
    (place.attestations / "bom.cdx.json").write_bytes(b"{}")
    with pytest.raises(TamperedError, match="not the document that was signed"):
        verify(place)


def test_a_stranger_s_attestation_is_refused(place: Place, tmp_path: Path) -> None:
    other = seal_model(make_model(tmp_path / "other"), (STRANGER,))
    shutil.copy(other.attestations / "scan.json", place.attestations / "kinder.json")
    with pytest.raises(TamperedError, match=r"kinder\.json is not signed by a trusted key"):
        verify(place)


def test_a_bundle_is_no_attestation_and_an_attestation_no_bundle(place: Place) -> None:
    envelope = read_bundle(place.bundle.read_bytes()).envelope
    scan = json.loads((place.attestations / "scan.json").read_bytes())
    (place.attestations / "bundle.json").write_bytes(
        json.dumps(
            {"payload": envelope.payload, "payloadType": envelope.payload_type,
             "signatures": [{"keyid": each.keyid, "sig": each.sig} for each in envelope.signatures]},
            separators=(",", ":"),
        ).encode()
    )  # fmt: skip
    (place.attestations / "scan.json").unlink()
    with pytest.raises(TamperedError, match=r"urn:casemate:scan:1 is missing"):
        verify(place)
    forged = Envelope(scan["payload"], scan["payloadType"], envelope.signatures)
    place.bundle.write_bytes(write_bundle(forged, hint=CLASSICAL.verifier.hint))
    with pytest.raises(TamperedError):
        verify(place)
    signed = sign_payload(base64.b64decode(scan["payload"]), BOTH)
    place.bundle.write_bytes(write_bundle(signed, hint=CLASSICAL.verifier.hint))
    with pytest.raises(UnreadableError, match="model_signing"):
        verify(place)


def test_an_old_bundle_replayed_is_too_old(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    old = seal_model(model, at=NOW - timedelta(days=200))
    policy = SealPolicy("fresh", keys(*BOTH), BundleSection(any_of=("release",), max_age_days=90))
    judged = verify(old, policy).judged
    assert judged.unmet == ("the bundle is 200 days old, at most 90 are accepted",)
    assert verify(seal_model(model), policy).judged.accepted
    future = seal_model(model, at=NOW + timedelta(hours=1))
    assert "in the future" in verify(future, policy).judged.unmet[0]


Change = Callable[[Path], object]
CHANGES: dict[str, Change] = {
    "renamed": lambda m: (m / "model.joblib").rename(m / "model.pkl"),
    "moved": lambda m: (m / "parts" / "words.joblib").rename(m / "words.joblib"),
    "added": lambda m: (m / "parts" / "__init__.py").touch(),
    "added hidden": lambda m: (m / ".hidden").touch(),
    "added in a new folder": lambda m: ((m / "code").mkdir(), (m / "code" / "x.py").touch()),
    "removed": lambda m: (m / "parts" / "words.joblib").unlink(),
    "emptied": lambda m: (m / "model.joblib").write_bytes(b""),
    "case twin": lambda m: (m / "Model.joblib").write_bytes((m / "model.joblib").read_bytes()),
    "folder case twin": lambda m: ((m / "Parts").mkdir(), (m / "Parts" / "x").touch()),
    "file for a folder": lambda m: (shutil.rmtree(m / "parts"), (m / "parts").touch()),
    "git": lambda m: ((m / ".git").mkdir(), (m / ".git" / "config").touch()),
    "bundle twin": lambda m: (m / "MODEL.SIG").touch(),
    "control character": lambda m: (m / "a\nb").touch(),
    "invisible character": lambda m: (m / "model\u200b.joblib").touch(),
    "turned text": lambda m: (m / "model\u202e.joblib").touch(),
    "not UTF-8": lambda m: os.close(os.open(os.fsencode(m) + b"/\xff", os.O_CREAT)),
    "fifo": lambda m: os.mkfifo(m / "pipe"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_files_added_removed_or_renamed_are_seen(place: Place, name: str) -> None:
    CHANGES[name](place.model)
    with pytest.raises(CasemateError) as caught:
        verify(place)
    assert caught.value.exit_code in (3, 4)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("name", ["model.joblib", "parts", "attestations", "attestations/scan.json", "model.sig"])
def test_a_link_in_place_of_a_file_is_refused(place: Place, tmp_path: Path, name: str) -> None:
    """With the very same content behind it: what a link shows can change after it was checked."""
    path, away = place.model / name, tmp_path / "away"
    path.rename(away)
    path.symlink_to(away)
    with pytest.raises(CasemateError):
        verify(place)


def test_spellings_of_one_name_are_told_apart(tmp_path: Path) -> None:
    composed, decomposed = unicodedata.normalize("NFC", "modèle"), unicodedata.normalize("NFD", "modèle")
    model = make_model(tmp_path / "model")
    (model / composed).write_bytes(b"weights")
    place = seal_model(model)
    assert verify(place).judged.accepted
    (model / composed).rename(model / decomposed)
    with pytest.raises(TamperedError, match="is not signed"):
        verify(place)
    (model / composed).write_bytes(b"weights")
    with pytest.raises(TamperedError, match="are twins"):
        verify(place)


def test_what_cannot_be_verified_is_not_sealed(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    for change in ("case twin", "folder case twin", "control character", "invisible character", "git", "fifo"):
        copy = tmp_path / change.replace(" ", "-")
        shutil.copytree(model, copy)
        if change == "folder case twin":
            (copy / "Parts").mkdir()
            (copy / "Parts" / "x").touch()
        else:
            CHANGES[change](copy)
        with pytest.raises(CasemateError):
            seal_model(copy)
        assert not place_of(copy).sealed
    (model / "link").symlink_to("model.joblib")
    with pytest.raises(TamperedError, match="link or a special file"):
        seal_model(model)


def test_the_quantum_half_of_an_attestation_cannot_be_stripped(place: Place) -> None:
    """Also where the classical key alone is trusted: the bundle says how many signatures were made."""
    path = place.attestations / "scan.json"
    value = json.loads(path.read_bytes())
    del value["signatures"][1]
    path.write_bytes(json.dumps(value, separators=(",", ":")).encode())
    for policy in (HYBRID, CLASSIC):
        with pytest.raises(TamperedError, match="lacks a signature"):
            verify(place, policy)


def test_a_seal_has_no_twins(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    (model / "Attestations").mkdir()
    (model / "Attestations" / "x").touch()
    with pytest.raises(TamperedError, match="are twins"):
        seal_model(model)


@pytest.mark.parametrize("everything", [".", "..", "/", "", "parts/.."])
def test_everything_cannot_be_ignored(tmp_path: Path, everything: str) -> None:
    with pytest.raises(UsageError):
        SealPolicy("p", keys(*BOTH), BundleSection(any_of=("release",), ignore=(everything,)))
    with pytest.raises(CasemateError):
        seal_model(make_model(tmp_path / "model"), ignore=(everything,))


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday", ""])
def test_times_that_cannot_be_are_no_times(tmp_path: Path, at: str) -> None:
    place = place_of(make_model(tmp_path / "model"))
    publish(place, seal(survey(place), BOTH, at))
    judged = verify(place, SCANNED).judged
    assert judged.bound.signed is None
    assert "does not say when it was made" in judged.unmet[0]
    assert chain(judged, SCANNED)


def test_unsigned_parts_need_the_verifier_s_consent(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    (model / "notes").mkdir()
    (model / "notes" / "todo.txt").write_bytes(b"x")
    place = seal_model(model, ignore=("notes",))
    with pytest.raises(TamperedError, match=r"notes/todo\.txt' is not signed"):
        verify(place)
    agreed = SealPolicy("agreed", keys(*BOTH), BundleSection(any_of=("release",), ignore=("notes",)))
    assert verify(place, agreed).judged.unsigned == ("notes/todo.txt",)
    more = SealPolicy("more", keys(*BOTH), BundleSection(any_of=("release",), ignore=("notes", "parts")))
    (model / "parts" / "x").touch()
    with pytest.raises(TamperedError, match="parts/x"):
        verify(place, more)
