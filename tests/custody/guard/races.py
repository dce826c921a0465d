"""Races between a loader and an attacker, with the same help for both loaders: naive, and guarded.

One round: the attacker either stays calm or flips freely; the loader runs; at one of its sync points, drawn at random,
it waits until the marker stands on the disk, so that the attacker never misses the moment between check and use.
A round is lost if the loader hands out the marker, or content of another digest than the one it recorded.
"""

from __future__ import annotations

import collections
import hashlib
import io
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import joblib
import numpy as np
import onnx

from casemate.core.digests import Digest
from casemate.core.errors import CasemateError
from casemate.custody import Pinned, Policy, load
from casemate.threats.supply_chain.pickles.allowlist import extended
from casemate.threats.supply_chain.pickles.scan import scan

GUARD = "casemate.custody.guard.load"
POINTS = (("seal", True), ("seal", False), ("scan_view", False), ("_verify", True), ("_verify", False), ("_load", True))
"""The guard's sync points: which step, and whether before it or after it."""

SIZE = 20_000


class Honest:
    """What the benign file holds; allowed by the policy."""

    def __init__(self, weights: Any) -> None:
        self.weights = weights


class Marker:
    """What the marker holds: as harmless as ``Honest``, but not on the list."""

    def __init__(self, weights: Any) -> None:
        self.weights = weights


@dataclass
class Prey:
    """What is fought over.

    Attributes:
        target: the file that the attacker swaps.
        benign, marker: its two contents, of equal length.
        naive: checks, calls ``between``, and loads by path; returns the recorded digest and what was loaded.
        guarded: the same through the guard, whose sync points are patched in.
        content: the digest of what was loaded.
    """

    target: Path
    benign: bytes
    marker: bytes
    naive: Callable[[Callable[[], None]], tuple[str, Any] | None]
    guarded: Callable[[], tuple[str, Any]]
    content: Callable[[Any], str]


def pickled(value: Any) -> bytes:
    written = io.BytesIO()
    joblib.dump(value, written)
    return written.getvalue()


def pickle_prey(folder: Path) -> Prey:
    """A joblib file: the marker is an object of a class that is not allowed."""
    target = folder / "model.joblib"
    benign, marker = pickled(Honest(np.zeros(SIZE))), pickled(Marker(np.ones(SIZE)))
    own = [f"{Honest.__module__}:Honest"]
    allowed = extended(own)[0]

    def naive(between: Callable[[], None]) -> tuple[str, Any] | None:
        data = target.read_bytes()
        if scan(data, allowed, most=1 << 20).verdict != "clean":
            return None
        between()
        return Digest.of(data).hex, joblib.load(target)  # noqa: TID251 - two files of these tests, both harmless

    def guarded() -> tuple[str, Any]:
        loaded = load(target, Policy(allow=tuple(own)))
        return loaded.digest.hex, loaded.model

    return Prey(target, benign, marker, naive, guarded, lambda model: hashlib.sha256(pickled(model)).hexdigest())


def onnx_prey(folder: Path) -> Prey:
    """A model with its weights outside: the marker is other weights, which the pinned digests do not know."""
    target, path = folder / "weights.bin", folder / "model.onnx"
    benign, marker = np.zeros(SIZE, "f4").tobytes(), np.ones(SIZE, "f4").tobytes()
    tensor = onnx.TensorProto(name="w", dims=[SIZE], data_type=1, data_location=onnx.TensorProto.EXTERNAL)
    for key, value in (("location", target.name), ("length", str(len(benign)))):
        tensor.external_data.add(key=key, value=value)
    node = onnx.helper.make_node("Identity", ["w"], ["y"])
    out = onnx.helper.make_tensor_value_info("y", 1, [SIZE])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], [out], [tensor]), ir_version=10)
    path.write_bytes(model.SerializeToString())
    pinned = [Digest.of(path.read_bytes()).hex, Digest.of(benign).hex]

    def naive(between: Callable[[], None]) -> tuple[str, Any] | None:
        if not {Digest.of_file(path).hex, Digest.of_file(target).hex} <= set(pinned):
            return None
        between()
        return pinned[1], onnx.load(path).graph.initializer[0].raw_data  # noqa: TID251, RUF100 - written above

    def guarded() -> tuple[str, Any]:
        loaded = load(path, Policy(verifiers=(Pinned(pinned),)))
        model = loaded.model  # an OnnxModel, or a session where onnxruntime is installed
        weights = model.proto().graph.initializer[0].raw_data if hasattr(model, "proto") else model.run(None, {})[0]
        return loaded.external[target.name].hex, bytes(weights)

    return Prey(target, benign, marker, naive, guarded, lambda data: hashlib.sha256(data).hexdigest())


class Attacker:
    """The other process."""

    def __init__(self, how: str, prey: Prey, folder: Path) -> None:
        for name, content in (("benign", prey.benign), ("marker", prey.marker)):
            (folder / name).write_bytes(content)
        program = Path(__file__).with_name("attacker.py")
        self.process = subprocess.Popen(
            [sys.executable, "-I", program, how, prey.target, folder / "benign", folder / "marker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def order(self, command: bytes) -> None:
        """Give a command and wait until it is carried out."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(command)
        assert self.process.stdout.read(1) == command

    def __enter__(self) -> Attacker:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def race(how: str, prey: Prey, rounds: int, *, guarded: bool, folder: Path) -> collections.Counter[str]:
    """Outcomes of so many rounds: "loaded", "refused" or "lost"."""
    draw = random.Random(how)
    outcomes: collections.Counter[str] = collections.Counter()
    with Attacker(how, prey, folder) as attacker:
        for _round in range(rounds):
            attacker.order(draw.choice([b"c", b"f"]))
            point = draw.randrange(len(POINTS))
            outcomes[_guarded(prey, attacker, point) if guarded else _naive(prey, attacker)] += 1
    return outcomes


def _naive(prey: Prey, attacker: Attacker) -> str:
    try:
        found = prey.naive(lambda: attacker.order(b"m"))
    except Exception:  # torn bytes: whatever the library raises, nothing was handed out
        return "refused"
    return "refused" if found is None else _judge(prey, *found)


def _guarded(prey: Prey, attacker: Attacker, point: int) -> str:
    with _synced(point, attacker):
        try:
            found = prey.guarded()
        except CasemateError:
            return "refused"
    return _judge(prey, *found)


def _judge(prey: Prey, recorded: str, model: Any) -> str:
    honest = isinstance(model, Honest) or model == prey.benign
    return "loaded" if honest and prey.content(model) == recorded else "lost"


@contextmanager
def _synced(point: int, attacker: Attacker) -> Iterator[None]:
    """Hooks in the guard at which the attacker is helped."""
    reached = [False]

    def between() -> None:
        if not reached[0]:
            reached[0] = True
            attacker.order(b"m")

    module = sys.modules[GUARD]

    def hooked(name: str, *, before: bool) -> Any:
        real = getattr(module, name)

        def call(*rest: Any, **more: Any) -> Any:
            if before:
                between()
            result = real(*rest, **more)
            if not before:
                between()
            return result

        return mock.patch.object(module, name, call)

    name, before = POINTS[point]
    with hooked(name, before=before):
        yield
