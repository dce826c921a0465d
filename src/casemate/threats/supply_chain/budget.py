"""How much work one file may cause, however deep it nests: fixed by its size before anything is read."""

from __future__ import annotations

from casemate.threats.supply_chain.stops import Refused

RATIO = 256
FREE = 64 << 20
STEPS_PER_BYTE = 8
FREE_STEPS = 4_000_000
MEMBERS = 200_000
DEPTH = 8


class Budget:
    """Counts down; what is spent is never given back, so every scan ends.

    Args:
        size: bytes of the file.
        most: bytes that anything in it may expand to.
    """

    def __init__(self, size: int, most: int) -> None:
        self.expanded = min(most, max(FREE, RATIO * size))
        self.steps = STEPS_PER_BYTE * size + FREE_STEPS
        self.members = MEMBERS

    def expand(self, count: int) -> None:
        """Before ``count`` decompressed bytes are kept."""
        self.expanded -= count
        if self.expanded < 0:
            raise Refused("file.budget", "the content expands beyond what the file's size allows", 0)

    def spend(self, steps: int) -> None:
        """Before ``steps`` of work that is not itself bounded by the bytes it reads."""
        self.steps -= steps
        if self.steps < 0:
            raise Refused("file.budget", "the file repeats itself beyond what its size allows", 0)

    def member(self) -> None:
        """Before a member is opened."""
        self.members -= 1
        if self.members < 0:
            raise Refused("file.members", f"the file has more than {MEMBERS} members", 0)
