"""One fuzz target in a process of its own; tools/fuzz.py starts it, watches it, and starts it again.

    python -m tests.fuzz.worker NAME FOLDER ENGINE SECONDS SEED

FOLDER holds ``corpus/``, ``crashes/`` and ``now``: how many inputs were run (8 bytes), the length of the current one
(8 bytes, zero between inputs), the memory that was in use before the first (8 bytes), and the current input's bytes, so
that it is known even if this process dies of it.
"""

from __future__ import annotations

import hashlib
import importlib
import mmap
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType, ModuleType

from tests.fuzz.mutate import MOST, mutated

HEADER = 24
MEMORY = 300 << 20
"""Bytes that a target may use beyond what its imports use."""
LIMIT = 5.0
"""Seconds of processor time that one input may take."""
KINDS_KEPT = 50


class OverdueError(BaseException):
    """An input took longer than ``LIMIT``."""


class Target:
    """A target's ``one_input`` under limits; what escapes from it is kept, once for each place it comes from.

    Args:
        one_input: the target.
        folder: where its corpus and crashes lie.
    """

    def __init__(self, one_input: Callable[[bytes], None], folder: Path) -> None:
        self.one_input = one_input
        self.crashes = folder / "crashes"
        descriptor = os.open(folder / "now", os.O_RDWR | os.O_CREAT)
        os.ftruncate(descriptor, HEADER + MOST)
        self.now = mmap.mmap(descriptor, HEADER + MOST)
        os.close(descriptor)
        self.runs = 0
        self.base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        self.now[16:HEADER] = self.base.to_bytes(8, "little")
        self.kinds: set[str] = {path.name.rpartition("-")[0] for path in self.crashes.glob("*.bin")}
        signal.signal(signal.SIGPROF, _overdue)

    def __call__(self, data: bytes) -> None:
        """Run one input."""
        self.now[HEADER : HEADER + min(len(data), MOST)] = data[:MOST]
        self.now[8:16] = max(1, min(len(data), MOST)).to_bytes(8, "little")
        signal.setitimer(signal.ITIMER_PROF, LIMIT)
        try:
            self.one_input(data)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.keep(data, error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        self.runs += 1
        self.now[:16] = self.runs.to_bytes(8, "little") + bytes(8)
        if self.runs % 64 == 0 and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10 > self.base + MEMORY:
            self.keep(data, MemoryError(f"more than {MEMORY >> 20} MB were in use"))
            sys.stdout.flush()
            os._exit(3)

    def keep(self, data: bytes, error: BaseException) -> None:
        """Keep an input that made the target raise."""
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "casemate" in frame.filename] or list(frames)
        place = f"{Path(own[-1].filename).stem}-{own[-1].lineno}" if own else "anywhere"
        kind = f"{type(error).__name__}-{place}"
        if kind in self.kinds or len(self.kinds) >= KINDS_KEPT:
            return
        self.kinds.add(kind)
        stem = f"{kind}-{hashlib.sha256(data).hexdigest()[:12]}"
        (self.crashes / f"{stem}.bin").write_bytes(data)
        text = "".join(traceback.format_exception(error))
        (self.crashes / f"{stem}.txt").write_text(text, encoding="utf-8", errors="backslashreplace")


def _overdue(_signal: int, _frame: FrameType | None) -> None:
    raise OverdueError(f"longer than {LIMIT} seconds of processor time")


def seeds(module: ModuleType) -> list[bytes]:
    """What a target starts from; a few bytes if it says nothing."""
    given = module.seeds() if hasattr(module, "seeds") else []
    return [bytes(each)[:MOST] for each in given] or [b"", b"\0" * 16, b"{}"]


def bound_memory() -> None:
    """Let one allocation that is too large fail, instead of the machine."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def main() -> None:
    """Fuzz for a while."""
    name, folder, engine, seconds, seed = sys.argv[1], Path(sys.argv[2]), sys.argv[3], float(sys.argv[4]), sys.argv[5]
    if engine == "atheris":
        atheris = importlib.import_module("atheris")
        with atheris.instrument_imports(include=["casemate"]):
            module = importlib.import_module(f"tests.fuzz.{name}")
    else:
        module = importlib.import_module(f"tests.fuzz.{name}")
    corpus = folder / "corpus"
    for data in seeds(module):
        (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    target = Target(module.one_input, folder)
    bound_memory()
    if engine == "atheris":
        options = [f"-max_total_time={max(1, round(seconds))}", f"-max_len={MOST}", "-verbosity=0", "-timeout=120"]
        options += [
            f"-rss_limit_mb={(target.base + MEMORY) >> 20}",
            f"-artifact_prefix={folder / 'crashes'}/",
            f"-seed={seed}",
        ]
        atheris.Setup([sys.argv[0], *options, str(corpus)], target)
        atheris.Fuzz()
    kept, draw, end = [path.read_bytes() for path in sorted(corpus.iterdir())], random.Random(seed), time.monotonic()
    end += seconds
    for data in kept:
        target(data)
    while time.monotonic() < end:
        target(mutated(kept, draw))


if __name__ == "__main__":
    main()
