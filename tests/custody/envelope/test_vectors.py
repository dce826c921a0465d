"""The format is what docs/reference/envelope.md says: a reader written from it agrees, and so do files of old."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest

from casemate.custody.envelope import decrypt_file, open_encrypted
from casemate.custody.envelope.layout import parse_head
from tests.custody.envelope.decoder import decode
from tests.custody.envelope.make_vectors import CASES, GOAL, KEK, fixed_key, make, plaintext

VECTORS: dict[str, Any] = json.loads(GOAL.read_text())
DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "envelope.md"


def sealed(vector: dict[str, Any]) -> bytes:
    return zlib.decompress(base64.b64decode(vector["sealed"]))


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=CASES)
def test_an_independent_reader_agrees(vector: dict[str, Any]) -> None:
    plain, found = decode(sealed(vector), bytes.fromhex(VECTORS["kek"]))
    assert plain == plaintext(vector["size"])
    for name, value in found.items():
        assert value.hex() == vector[name]


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=CASES)
def test_files_sealed_long_ago_still_open(vector: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(sealed(vector))
    key = fixed_key(tmp_path)
    unsealed = decrypt_file(tmp_path / "s", tmp_path / "m", [key])
    assert (tmp_path / "m").read_bytes() == plaintext(vector["size"])
    assert unsealed.name == ("" if vector["case"] == "no name" else "models/größe.bin")
    with open_encrypted(tmp_path / "s", [key]) as opened:
        assert opened.sequence == 2 if vector["case"] in ("rotated", "stopped at step 4") else opened.sequence == 1
    derived = parse_head(sealed(vector)).unlock(bytes.fromhex(vector["dek"]))
    assert [part.hex() for part in derived] == [vector["segments"], vector["slots"], vector["commitment"]]


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=CASES)
def test_sealing_gives_the_same_bytes(vector: dict[str, Any], tmp_path: Path) -> None:
    assert make(vector["case"], tmp_path) == sealed(vector)


def test_the_document_shows_a_vector() -> None:
    vector = VECTORS["vectors"][CASES.index("one byte")]
    text = re.sub(r"\s+", "", DOCUMENT.read_text(encoding="utf-8"))
    for name in ("dek", "digest", "segments", "slots", "commitment"):
        assert vector[name] in text, name
    assert hashlib.sha256(sealed(vector)).hexdigest() in text
    assert KEK.hex() in text
