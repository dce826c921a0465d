"""Writes vectors.json with keys and nonces from a seeded source: ``python -m tests.custody.envelope.make_vectors``."""

from __future__ import annotations

import base64
import contextlib
import json
import random
import secrets
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from casemate.custody.envelope import Policy, encrypt_file, rotate, rotation
from casemate.keys.kek_file import FileKey
from tests.custody.envelope.decoder import decode

GOAL = Path(__file__).with_name("vectors.json")
KEK = bytes(range(32))


class StoppedError(BaseException):
    """The process died here."""


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[pytest.MonkeyPatch]:
    """All random bytes come from a seeded source."""
    rng = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_bytes", rng.randbytes)
        yield patch


def fixed_key(folder: Path) -> FileKey:
    path = folder / "vectors.kek"
    versions = base64.b64encode(KEK).decode()
    path.write_text(json.dumps({"casemate": "kek/1", "id": "0123456789abcdef", "versions": versions}))
    path.chmod(0o600)
    return FileKey(path)


def plaintext(size: int) -> bytes:
    return bytes(number * number % 251 for number in range(size))


def stop_after(patch: pytest.MonkeyPatch, step: int, share: float = 1.0) -> None:
    """The rotation dies while it writes step ``step`` (0 to 4), of which only a share reaches the file."""
    real, count = rotation.write_fully, iter(range(99))

    def write(descriptor: int, data: bytes, offset: int) -> None:
        if next(count) == step:
            real(descriptor, data[: int(len(data) * share)], offset)
            raise StoppedError
        real(descriptor, data, offset)

    patch.setattr(rotation, "write_fully", write)


def make(case: str, folder: Path) -> bytes:
    """The sealed file of one case; the same bytes every time."""
    size = {"empty": 0, "one byte": 1, "one segment": 1024, "one segment and a byte": 1025}.get(case, 2500)
    with seeded(7) as patch:
        key = fixed_key(folder)
        (folder / "m").write_bytes(plaintext(size))
        name = "" if case == "no name" else "models/größe.bin"
        policy = Policy(("file", "hpke"), 3) if case == "policy" else Policy()
        encrypt_file(
            folder / "m", folder / "s", [key], name=name, policy=policy, segment=1024, reserve=4096, overwrite=True
        )
        if case in ("rotated", "stopped at step 2", "stopped at step 4"):
            if case != "rotated":
                stop_after(patch, int(case[-1]) - 1, 0.5)
            with contextlib.suppress(StoppedError):
                rotate(folder / "s", [key])
        return (folder / "s").read_bytes()


CASES = (
    "empty",
    "one byte",
    "one segment",
    "one segment and a byte",
    "many segments",
    "no name",
    "policy",
    "rotated",
    "stopped at step 2",
    "stopped at step 4",
)


def main() -> None:
    vectors: list[dict[str, Any]] = []
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            data = make(case, Path(folder))
        plain, found = decode(data, KEK)
        sealed = base64.b64encode(zlib.compress(data, 9)).decode()
        vectors.append({"case": case, "size": len(plain), "sealed": sealed, **{k: v.hex() for k, v in found.items()}})
    GOAL.write_text(json.dumps({"kek": KEK.hex(), "vectors": vectors}, indent=1) + "\n")


if __name__ == "__main__":
    main()
