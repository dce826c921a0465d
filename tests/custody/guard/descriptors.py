"""The open descriptors of this process that a test answers for."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def opened_under(*places: Path | str) -> list[str]:
    """What is open at or beneath ``places``, once per descriptor; ``/memfd:`` begins a file in memory.

    Only these: sockets and files that earlier tests left to the garbage collector may close at any moment.
    """
    found = []
    for descriptor in os.listdir("/proc/self/fd"):  # noqa: PTH208 - it may be gone before a Path looks at it
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - as above
            if target.startswith(tuple(str(place) for place in places)):
                found.append(target)
    return sorted(found)
