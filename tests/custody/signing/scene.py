"""Small models, their keys, and the seals of both, for the tests of this room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import joblib

from casemate.custody.provenance.attestation import SCAN
from casemate.custody.provenance.scanned import scan_files
from casemate.custody.signing.place import Place, place_of
from casemate.custody.signing.policy import BundleSection, Requirement, SealPolicy, Signer, trust
from casemate.custody.signing.sign import publish, seal, survey
from casemate.custody.signing.tree import list_files
from casemate.custody.signing.verify import Verified, verify_sealed
from casemate.keys.ecdsa import p256_signer
from casemate.keys.ml_dsa import MlDsa65Signer
from casemate.keys.signing import Signer as PrivateKey

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
CLASSICAL = p256_signer("example.org/release", b"c" * 32)
QUANTUM = MlDsa65Signer("example.org/release", b"q" * 32)
STRANGER = p256_signer("example.org/stranger", b"s" * 32)
BOTH: tuple[PrivateKey, ...] = (CLASSICAL, QUANTUM)


def keys(*signers: PrivateKey) -> tuple[Signer, ...]:
    """One signer of a policy, with these keys."""
    return (Signer("release", tuple(each.verifier for each in signers)),)


HYBRID = trust("hybrid policy", *keys(*BOTH))
CLASSIC = trust("classical policy", *keys(CLASSICAL))
SCANNED = SealPolicy(
    "scanned policy",
    keys(*BOTH),
    BundleSection(any_of=("release",), max_age_days=90),
    (Requirement(predicate=SCAN, any_of=("release",), verdicts=("clean",), max_age_days=30),),
)


def make_model(folder: Path, seed: int = 0) -> Path:
    """A model's folder: two pickles that the scanner reads whole."""
    (folder / "parts").mkdir(parents=True)
    joblib.dump({"weights": [seed, 1, 2]}, folder / "model.joblib")
    joblib.dump({"vocabulary": ["a", "b"]}, folder / "parts" / "words.joblib")
    return folder


def seal_model(
    model: Path,
    signers: Sequence[PrivateKey] = BOTH,
    *,
    at: datetime = NOW - timedelta(hours=1),
    scanned: bool = True,
    verdict: str = "",
    shard_size: int | None = None,
    ignore: tuple[str, ...] = (),
    certificates: Sequence[bytes] = (),
) -> Place:
    """Seal a model."""
    place, time = place_of(model), at.isoformat()
    manifest = survey(place, shard_size=shard_size, ignore=ignore)
    said = {}
    if scanned:
        scan = scan_files(model, list_files(model, (*place.own, *ignore)), time)
        said["scan.json"] = (SCAN, {**scan, "verdict": verdict or scan["verdict"]})
    publish(place, seal(manifest, signers, time, said, certificates=certificates), replace=True)
    return place


def verify(place: Place, policy: SealPolicy = HYBRID, now: datetime = NOW) -> Verified:
    """Verify it."""
    return verify_sealed(place, policy, now)
