"""Row 7: model-signing 1.1.1 verifies ours, ours verifies theirs, and the hybrid is accepted for its first half."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from casemate.core.errors import CasemateError, TamperedError
from casemate.custody.signing.place import place_of
from casemate.custody.signing.policy import BundleSection, SealPolicy, Signer, trust
from casemate.keys.ecdsa import read_pem_private
from casemate.keys.signing import Signer as PrivateKey
from tests.custody.signing.authority import CHAIN, LEAF, ROOT
from tests.custody.signing.scene import BOTH, CLASSICAL, HYBRID, make_model, seal_model, verify

pytestmark = pytest.mark.slow
ROOM = Path(__file__).parents[3]
NOW = datetime.now(UTC)
Peer = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def peer() -> Peer:
    python = Path(os.environ.get("CASEMATE_PEERS", ROOM / ".peers")) / "model-signing" / "bin" / "python"
    if not python.exists():
        pytest.skip("needs the peer model-signing: make peers")

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [str(python), "-m", "model_signing", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    run.python = python  # type: ignore[attr-defined]
    return run


CHECK = (
    "import sys, model_signing as m\n"
    "m.verifying.Config().use_elliptic_key_verifier(public_key=sys.argv[3]).verify(sys.argv[1], sys.argv[2])"
)
SIGN = (
    "import sys, model_signing as m\n"
    "hashing = m.hashing.Config()\n"
    "if sys.argv[4] != '0': hashing.use_shard_serialization(shard_size=int(sys.argv[4]))\n"
    "signing = m.signing.Config().set_hashing_config(hashing).use_elliptic_key_signer(private_key=sys.argv[3])\n"
    "signing.sign(sys.argv[1], sys.argv[2])"
)


@pytest.fixture(scope="module")
def library(peer: Peer) -> Peer:
    """Their library: their command line cannot verify what was signed by shards."""

    def run(script: str, *words: object) -> subprocess.CompletedProcess[str]:
        command = [str(peer.python), "-c", script, *map(str, words)]  # type: ignore[attr-defined]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    return run


def pem(folder: Path, key: ec.EllipticCurvePrivateKey) -> tuple[Path, Path]:
    private, public = folder / "key.pem", folder / "key.pub"
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    public.write_bytes(key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public


@pytest.mark.parametrize("signers", [(CLASSICAL,), BOTH], ids=["classical", "hybrid"])
@pytest.mark.parametrize("shard_size", [None, 7])
def test_theirs_verifies_ours(
    library: Peer, tmp_path: Path, signers: tuple[PrivateKey, ...], shard_size: int | None
) -> None:
    model = make_model(tmp_path / "model")
    place = seal_model(model, signers, shard_size=shard_size)
    public = tmp_path / "key.pub"
    public.write_bytes(CLASSICAL.verifier.pem)
    words = (CHECK, model, place.bundle, public)
    done = library(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    (model / "parts" / "words.joblib").write_bytes(b"other")
    assert library(*words).returncode != 0


def test_theirs_verifies_ours_of_one_file(peer: Peer, tmp_path: Path) -> None:
    model = make_model(tmp_path / "model") / "model.joblib"
    place = seal_model(model)
    public = tmp_path / "key.pub"
    public.write_bytes(CLASSICAL.verifier.pem)
    done = peer("verify", "key", model, "--signature", place.bundle, "--public_key", public)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_ours_verifies_theirs(peer: Peer, tmp_path: Path, curve: ec.EllipticCurve) -> None:
    model = make_model(tmp_path / "model")
    private, _ = pem(tmp_path, ec.generate_private_key(curve))
    done = peer("sign", "key", model, "--signature", model / "model.sig", "--private_key", private)
    assert done.returncode == 0, done.stdout + done.stderr
    key = read_pem_private("theirs", private.read_bytes()).verifier
    found = verify(place_of(model), trust("theirs", Signer("them", (key,))), NOW)
    assert found.judged.accepted
    assert found.judged.bound.by == ("them",)
    with pytest.raises(TamperedError):
        verify(place_of(model), HYBRID, NOW)
    (model / "new").write_bytes(b"")
    with pytest.raises(TamperedError, match="'new' is not signed"):
        verify(place_of(model), trust("theirs", Signer("them", (key,))), NOW)


@pytest.mark.parametrize(("name", "shard_size"), [("model.joblib", 0), ("", 7), ("", 0)])
def test_ours_verifies_theirs_by_shards_and_of_one_file(
    library: Peer, tmp_path: Path, name: str, shard_size: int
) -> None:
    model = make_model(tmp_path / "model")
    target = model / name if name else model
    private, _ = pem(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    place = place_of(target)
    done = library(SIGN, target, place.bundle, private, shard_size)
    assert done.returncode == 0, done.stderr
    key = read_pem_private("theirs", private.read_bytes()).verifier
    assert verify(place, trust("theirs", Signer("them", (key,))), NOW).judged.accepted


def test_certificates_both_ways(peer: Peer, tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    root = tmp_path / "root.pem"
    root.write_bytes(ROOT.pem)
    place = seal_model(model, (LEAF.signer,), certificates=[each.der for each in CHAIN], at=NOW - timedelta(hours=1))
    done = peer("verify", "certificate", model, "--signature", place.bundle, "--certificate_chain", root)
    assert done.returncode == 0, done.stdout + done.stderr

    other = make_model(tmp_path / "other")
    private, _ = pem(tmp_path, LEAF.private)
    for name, each in (("leaf.pem", CHAIN[0]), ("middle.pem", CHAIN[1])):
        (tmp_path / name).write_bytes(each.pem)
    done = peer(
        "sign", "certificate", other, "--signature", other / "model.sig", "--private_key", private,
        "--signing_certificate", tmp_path / "leaf.pem", "--certificate_chain", tmp_path / "middle.pem",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rooted = Signer("ca", (), (ROOT.der,), "CN=example.org/release")
    policy = SealPolicy("roots", (rooted,), BundleSection(any_of=("ca",)))
    for each in (model, other):
        found = verify(place_of(each), policy, NOW)
        assert found.judged.accepted
        assert found.judged.bound.certificate == "CN=example.org/release"


def test_what_theirs_lets_pass_and_ours_does_not(library: Peer, tmp_path: Path) -> None:
    """An empty file in a model signed by shards: they have no shard for it, so anyone can add one."""
    model = make_model(tmp_path / "model")
    place = seal_model(model, shard_size=1 << 20)
    public = tmp_path / "key.pub"
    public.write_bytes(CLASSICAL.verifier.pem)
    (model / "__init__.py").touch()
    assert library(CHECK, model, place.bundle, public).returncode == 0
    with pytest.raises(CasemateError, match=r"__init__\.py"):
        verify(place)
