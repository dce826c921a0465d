"""A signature at the load guard: only the signed bytes are loaded, whatever lies on the disk by then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import joblib
import pytest

from casemate.core.digests import Digest
from casemate.core.errors import TamperedError, UnreadableError, UnsafeArtifactError, UsageError
from casemate.custody import Policy, Subject, Verified, load
from casemate.custody.signing.place import place_of
from casemate.custody.signing.policy import SealPolicy, trust
from casemate.custody.signing.sign import publish, seal, survey
from casemate.custody.signing.vouch import SignedUnder
from tests.custody.signing.scene import (
    CLASSIC,
    CLASSICAL,
    HYBRID,
    NOW,
    SCANNED,
    STRANGER,
    keys,
    make_model,
    seal_model,
)


def under(policy: SealPolicy = HYBRID, root: Path | None = None, later: timedelta = timedelta()) -> Policy:
    return Policy(verifiers=(SignedUnder(policy, root, now=lambda: NOW + later),))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return seal_model(make_model(tmp_path / "model")).model


def test_a_signed_and_untouched_file_loads_and_the_record_says_who_signed(model: Path) -> None:
    loaded = load(model / "model.joblib", under(SCANNED))
    assert loaded.model == {"weights": [0, 1, 2]}
    statement = Digest.of((model / "model.sig").read_bytes())
    assert loaded.verified == (Verified(method="signature", by="release", statement=statement),)
    evidence: Any = loaded.evidence()
    (record,) = evidence["verified"]
    assert (record["method"], record["by"], record["statement"]) == ("signature", "release", {"hex": statement.hex})


def test_a_file_deep_in_a_sealed_folder_loads_when_the_folder_is_named(model: Path) -> None:
    path = model / "parts" / "words.joblib"
    assert load(path, under(root=model)).model == {"vocabulary": ["a", "b"]}
    with pytest.raises(TamperedError, match="not sealed"):
        load(path, under())
    path.write_bytes((model / "model.joblib").read_bytes())  # signed bytes, under another signed name
    with pytest.raises(TamperedError, match=r"parts/words\.joblib.*was changed"):
        load(path, under(root=model))


def test_a_single_file_has_its_seal_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump([1, 2], path)
    place = place_of(path)
    publish(place, seal(survey(place), [CLASSICAL], NOW.isoformat()))
    assert load(path, under(CLASSIC)).model == [1, 2]
    subject = Subject(path, {"model.joblib": Digest.of(path.read_bytes()), "weights.bin": Digest.of(b"w")})
    with pytest.raises(TamperedError, match=r"weights\.bin.*not signed"):  # external data that the seal leaves out
        SignedUnder(CLASSIC, now=lambda: NOW).verify(subject)
    joblib.dump([1, 3], path)
    with pytest.raises(TamperedError, match="was changed"):
        load(path, under(CLASSIC))


def test_one_byte_changed_after_signing_is_refused(model: Path) -> None:
    path = model / "model.joblib"
    content = path.read_bytes()
    assert content.count(b"weights") == 1
    path.write_bytes(content.replace(b"weights", b"weightz"))  # as clean as before, for the scan
    load(path)
    with pytest.raises(TamperedError, match=r"model\.joblib.*was changed") as caught:
        load(path, under())
    assert caught.value.exit_code == 4


def test_another_signer_is_refused(tmp_path: Path) -> None:
    model = seal_model(make_model(tmp_path / "model"), [STRANGER], scanned=False).model
    load(model / "model.joblib", under(trust("theirs", *keys(STRANGER))))
    with pytest.raises(TamperedError, match="not signed by a trusted key"):
        load(model / "model.joblib", under(HYBRID))
    with pytest.raises(UnsafeArtifactError, match="no trusted key was given"):
        load(model / "model.joblib", under(SealPolicy("nobody's", ())))


def test_a_classical_seal_does_not_meet_a_hybrid_policy(tmp_path: Path) -> None:
    model = seal_model(make_model(tmp_path / "model"), [CLASSICAL]).model
    load(model / "model.joblib", under(CLASSIC))
    with pytest.raises(UnsafeArtifactError, match="not signed by") as caught:
        load(model / "model.joblib", under(HYBRID))
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("name", ["extra.joblib", "parts/extra.py", ".hidden"])
def test_a_file_added_to_a_signed_folder_is_refused(name: str, model: Path) -> None:
    (model / name).write_bytes(b"import os")
    with pytest.raises(TamperedError, match="is not signed"):
        load(model / "model.joblib", under())
    if name == "extra.joblib":
        joblib.dump(1, model / name)
        with pytest.raises(TamperedError, match="is not signed"):
            load(model / name, under())


def test_a_file_removed_from_a_signed_folder_is_refused(model: Path) -> None:
    (model / "parts" / "words.joblib").unlink()
    with pytest.raises(TamperedError, match="is missing"):
        load(model / "model.joblib", under())


def test_what_may_be_unsigned_may_not_be_loaded(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model")
    joblib.dump("notes", folder / "notes.joblib")
    model = seal_model(folder, ignore=("notes.joblib",), scanned=False).model
    lenient = SealPolicy(
        HYBRID.name, HYBRID.signers, type(HYBRID.bundle)(any_of=("release",), ignore=("notes.joblib",))
    )
    assert load(model / "model.joblib", under(lenient)).model == {"weights": [0, 1, 2]}
    with pytest.raises(TamperedError, match=r"notes\.joblib.*not signed"):
        load(model / "notes.joblib", under(lenient))


class Racing:
    """Changes the disk after the file was read into memory, then asks for the signature."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self.content = path, content

    def verify(self, subject: Subject) -> Verified:
        self.path.write_bytes(self.content)
        return SignedUnder(HYBRID, now=lambda: NOW).verify(subject)


def test_the_bytes_in_memory_are_compared_and_not_those_on_the_disk(model: Path) -> None:
    path = model / "model.joblib"
    signed = path.read_bytes()
    other = signed.replace(b"weights", b"weightz")
    assert load(path, Policy(verifiers=(Racing(path, other),))).model == {"weights": [0, 1, 2]}
    assert path.read_bytes() == other
    with pytest.raises(TamperedError, match="was changed"):  # read changed, and restored before anybody asks
        load(path, Policy(verifiers=(Racing(path, signed),)))
    assert path.read_bytes() == signed


def spoil_bundle(model: Path) -> None:
    path = model / "model.sig"
    path.write_bytes(path.read_bytes().replace(b'"sig":"', b'"sig":"A', 1))


def drop_scan(model: Path) -> None:
    (model / "attestations" / "scan.json").unlink()


@pytest.mark.parametrize("spoil", [spoil_bundle, drop_scan])
def test_a_spoiled_seal_is_refused(spoil: Callable[[Path], None], model: Path) -> None:
    spoil(model)
    with pytest.raises((TamperedError, UnreadableError)):
        load(model / "model.joblib", under())


def test_a_policy_that_asks_for_a_fresh_scan_is_not_met_by_an_old_one(model: Path) -> None:
    with pytest.raises(UnsafeArtifactError, match="days old"):
        load(model / "model.joblib", under(SCANNED, later=timedelta(days=40)))


def test_a_seal_over_shards_cannot_be_compared(tmp_path: Path) -> None:
    model = seal_model(make_model(tmp_path / "model"), shard_size=64, scanned=False).model
    with pytest.raises(UnreadableError, match="no SHA-256 of whole files"):
        load(model / "model.joblib", under())


def test_a_root_that_does_not_hold_the_file_is_a_mistake(model: Path, tmp_path: Path) -> None:
    joblib.dump(1, tmp_path / "elsewhere.joblib")
    with pytest.raises(UsageError, match="does not lie in"):
        load(tmp_path / "elsewhere.joblib", under(root=model))
