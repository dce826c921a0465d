"""The user's tolerances, fixed and signed before the first trial, and the states a verdict can have."""

from __future__ import annotations

import enum

import msgspec


class Verdict(enum.StrEnum):
    """The seven answers. There is no score."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_EVIDENCED = "NOT_EVIDENCED"
    STALE = "STALE"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    HUMAN = "HUMAN"


class Tolerance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of one metric is accepted. Exactly one of ``at_most`` and ``at_least`` is given.

    Attributes:
        name: the name control queries use, as in ``policy:membership``.
        kind: evidence kind or pattern, for example "attack/membership/*".
        metric: the metric's name.
        at: which points of a curve it holds for; an empty mapping means every point.
        at_most, at_least: the accepted bound, compared with the interval's unfavorable end.
        reason: why this much is accepted, in the owner's words.
    """

    name: str
    kind: str
    metric: str
    at: dict[str, float | str] = {}
    at_most: float | None = None
    at_least: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError(f"tolerance {self.name!r}: give exactly one of at_most and at_least")


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All tolerances, and the named numbers that control queries refer to."""

    tolerances: tuple[Tolerance, ...] = ()
    values: dict[str, float] = {}
    owner: str = ""
