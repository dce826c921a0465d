"""Acceptance 10, end to end: a sealed file that a key file, a recipient, OpenBao, KMS and an HSM open, and rotation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from casemate.core.errors import StaleError
from casemate.custody.envelope import encrypt_file, open_encrypted, rotate
from casemate.keys.services import KeyService, WrongKeyError
from tests.keys.scenes import scene

pytestmark = pytest.mark.slow
CONTENT = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[KeyService]]:
    with ExitStack() as stack:
        names = ("file", "hpke", "transit", "awskms", "pkcs11")
        yield [stack.enter_context(scene(name, tmp_path_factory.mktemp(name))).key for name in names]


def test_each_service_opens_the_same_file_and_rotation_leaves_only_the_new_ones(
    services: list[KeyService], tmp_path: Path
) -> None:
    (tmp_path / "m").write_bytes(CONTENT)
    encrypt_file(tmp_path / "m", tmp_path / "s", services, segment=1024)
    for service in services:
        with open_encrypted(tmp_path / "s", [service]) as opened:
            assert opened.read(0, opened.size) == CONTENT
    assert rotate(tmp_path / "s", services).sequence == 2  # every wrap renewed, inside the service where it can
    for number, (now, then) in enumerate(zip(services, services[1:] + services[:1], strict=True), 3):
        assert rotate(tmp_path / "s", [now], [then]).sequence == number
        with open_encrypted(tmp_path / "s", [then], least=number) as opened:
            assert opened.read(0, opened.size) == CONTENT
        with pytest.raises(WrongKeyError):
            open_encrypted(tmp_path / "s", [now])
        with pytest.raises(StaleError):
            open_encrypted(tmp_path / "s", [then], least=number + 1)


def test_rotating_a_gigabyte_writes_only_its_header(services: list[KeyService], tmp_path: Path) -> None:
    with (tmp_path / "m").open("wb") as stream:
        stream.truncate(1 << 30)
    encrypt_file(tmp_path / "m", tmp_path / "s", [services[0]])
    for now, then in zip(services, services[1:] + services[:1], strict=True):
        begin = time.process_time()
        rotate(tmp_path / "s", [now], [then])
        assert time.process_time() - begin < 0.1
