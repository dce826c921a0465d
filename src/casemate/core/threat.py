"""Who attacks, what for, knowing what, through which door, with how many questions."""

from __future__ import annotations

import enum

import msgspec


class Access(enum.IntEnum):
    """What a target gives to whoever asks; each level includes the ones below it."""

    LABELS = 1
    SCORES = 2
    WEIGHTS = 3


class ThreatModel(msgspec.Struct, frozen=True, kw_only=True):
    """The adversary that a measurement is about. No measurement exists without one.

    Attributes:
        goal: what the adversary wants, as a short sentence.
        knowledge: what it knows besides the target's answers, one phrase each.
        access: what the target gives it.
        queries: how many rows it may ask about; None means no bound.
    """

    goal: str
    knowledge: tuple[str, ...]
    access: Access
    queries: int | None = None

    def __str__(self) -> str:
        budget = "no query bound" if self.queries is None else f"{self.queries:,} queries"
        known = "; ".join(self.knowledge) or "nothing else"
        return f"{self.goal} | {self.access.name} | {budget} | knows: {known}"
