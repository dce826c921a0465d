"""Acceptance 12: verifiers that others wrote accept our checkpoints, tiles and proofs, and reject changed ones."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from casemate.keys.signing import vkey
from casemate.ledger.ledger import Ledger
from casemate.ledger.merkle import leaf_hash
from tests.ledger.folder import SIGNER

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GO_CODE = Path("/usr/share/gocode")
Check = Callable[[Path, Path], "subprocess.CompletedProcess[str]"]


def encoded(hashes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(each).decode() for each in hashes]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A ledger of 66,000 records (three levels of tiles) and proofs about it."""
    base = tmp_path_factory.mktemp("outside")
    with Ledger.create(base / "ledger", [SIGNER]) as ledger:
        for start in range(0, 66_000, 6_000):
            ledger.append_many([b"record %d" % number for number in range(start, start + 6_000)])
        tree = ledger.reader().tree
        records = [
            {"N": n, "Hash": encoded([leaf_hash(b"record %d" % n)])[0], "Proof": encoded(tree.inclusion(n))}
            for n in (0, 1, 255, 256, 257, 40_000, 65_535, 65_536, 65_999)
        ]
        trees = [
            {"N": n, "Hash": encoded([tree.root(n)])[0], "Proof": encoded(tree.consistency(n))}
            for n in (1, 2, 255, 256, 257, 32_768, 65_535, 65_536, 65_537, 65_999, 66_000)
        ]
    (base / "proofs.json").write_text(json.dumps({"Records": records, "Trees": trees}))
    return base / "ledger", base / "proofs.json"


@pytest.fixture(scope="module", params=["go", "tlog-scales"])
def check(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Check:
    if request.param == "go":
        if not shutil.which("go") or not (GO_CODE / "src/golang.org/x/mod").is_dir():
            pytest.skip("needs Debian's golang-go and golang-golang-x-mod-dev")
        program = tmp_path_factory.mktemp("go") / "check"
        scratch = {"GOCACHE": str(program.parent / "cache"), "GO111MODULE": "off", "GOPATH": str(GO_CODE)}
        subprocess.run(["go", "build", "-o", program, HERE / "check.go"], check=True, env={**os.environ, **scratch})
        command = [str(program)]
    else:
        python = Path(os.environ.get("CASEMATE_PEERS", ROOT / ".peers")) / "tlog-scales" / "bin" / "python"
        if not python.exists():
            pytest.skip("needs the peer tlog-scales: make peers")
        command = [str(python), str(HERE / "check_tlog_scales.py")]

    def run(ledger: Path, proofs: Path) -> subprocess.CompletedProcess[str]:
        arguments = [*command, vkey(SIGNER.verifier), str(ledger), str(proofs)]
        return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)

    return run


def test_accepts_ours(made: tuple[Path, Path], check: Check) -> None:
    done = check(*made)
    assert done.returncode == 0, done.stderr
    assert "66000 records" in done.stdout


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/257.p/208", "tile/1/001.p/1", "tile/2/000.p/1"])
def test_rejects_a_changed_file(made: tuple[Path, Path], check: Check, path: str) -> None:
    file = made[0] / path
    data = file.read_bytes()
    try:
        file.write_bytes(data[:20] + bytes([data[20] ^ 1]) + data[21:])
        assert check(*made).returncode != 0
    finally:
        file.write_bytes(data)


def test_rejects_another_key(made: tuple[Path, Path], check: Check, tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "ledger", [type(SIGNER)("example.org/audits", bytes(32))]) as ledger:
        ledger.append(b"record 0")
    (tmp_path / "none.json").write_text('{"Records": [], "Trees": []}')
    assert check(tmp_path / "ledger", tmp_path / "none.json").returncode != 0


@pytest.mark.parametrize("kind", ["Records", "Trees"])
def test_rejects_a_changed_proof(made: tuple[Path, Path], check: Check, tmp_path: Path, kind: str) -> None:
    proofs: dict[str, list[dict[str, Any]]] = json.loads(made[1].read_text())
    proof = next(each["Proof"] for each in proofs[kind] if each["Proof"])
    proof[0], proof[-1] = proof[-1], proof[0]
    changed = tmp_path / "proofs.json"
    changed.write_text(json.dumps(proofs))
    assert check(made[0], changed).returncode != 0
