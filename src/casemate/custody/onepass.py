"""One read of a file for everything that wants its bytes: the scan, the digest, and whoever encrypts it.

A thread reads the file into private memory, piece by piece. Each piece goes, as soon as it is there, to a thread that
hashes and to the sinks, which work on threads of their own; the scan runs over the whole once it is read, while the
others finish. All of them see the same bytes, because nobody else can reach them, and none reads the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from casemate.core.digests import Digest
from casemate.custody.guard.policy import MOST_BYTES
from casemate.custody.guard.sealed import Sealed, opened, seal
from casemate.threats.supply_chain.engine import Outcome, scan_view
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.report import Settings


class Sink(Protocol):
    """Takes the bytes of a file in order; it may work on them on other threads."""

    def submit(self, view: memoryview, /) -> None:
        """Begin to work on the next bytes, which never change."""

    def drain(self) -> None:
        """Wait until everything submitted is done."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one read of a file gave.

    Attributes:
        sealed: the bytes, in memory.
        digest: SHA-256 of them.
        outcome: what the scan says of them.
    """

    sealed: Sealed
    digest: Digest
    outcome: Outcome


def one_pass(
    path: Path | str, sinks: Sequence[Sink] = (), *, settings: Settings | None = None, most: int = MOST_BYTES
) -> Pass:
    """Read a file once; scan it, hash it, and feed it to the sinks, all at the same time.

    Nothing is decided here. A caller that encrypts publishes what its sink made only when ``outcome`` and the size are
    what it expects.

    Args:
        path: the file.
        sinks: fed with all of its bytes, and drained.
        settings: for the scan; reviewed names by default.
        most: bytes that the file may have.

    Raises:
        UnreadableError: the file is missing, empty, too large, or changes while it is read.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     _ = file.write(b"bytes"), file.flush()
        ...     one_pass(file.name).digest == Digest.of(b"bytes")
        True
    """
    path = Path(path)

    def tell(piece: memoryview) -> None:
        for sink in sinks:
            sink.submit(piece)

    with ThreadPoolExecutor(1, "casemate-hash") as hasher, opened(path) as source:
        sealed = seal(source, path.name, most, hasher, tell=tell)
        outcome = scan_view(sealed.view(), settings or Settings(allow=reviewed(), most=most))
        for sink in sinks:
            sink.drain()
        return Pass(sealed, sealed.digest, outcome)
