"""Processes that take turns with one ledger, a record at a time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from casemate.core.errors import LockedError, UsageError
from casemate.keys.signing import Signer
from casemate.ledger.ledger import Ledger

PAUSE: Final = 0.01
"""Seconds between two tries to get a turn."""


@contextlib.contextmanager
def turn(folder: Path, signers: Sequence[Signer], wait: float) -> Iterator[Ledger]:
    """The ledger in a folder for this process alone; made where there is none.

    Args:
        folder: of the ledger.
        signers: sign records and checkpoints.
        wait: seconds to wait for other processes' turns.

    Raises:
        LockedError: they kept it too long.
        StorageError: it cannot be written.
        TamperedError: it differs from what was signed.
    """
    until = time.monotonic() + wait
    while True:
        try:
            ledger = _opened(folder, signers)
            break
        except LockedError:
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE)
    with ledger:
        yield ledger


def _opened(folder: Path, signers: Sequence[Signer]) -> Ledger:
    """As it is, or a new one; who is second to make it finds it locked, and then there."""
    try:
        return Ledger.open(folder, signers)
    except UsageError:
        with contextlib.suppress(UsageError):
            return Ledger.create(folder, signers)
        return Ledger.open(folder, signers)
