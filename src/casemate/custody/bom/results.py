"""Figures of a model from an audit's results.json (casemate.results/1), the only source of performance in a bill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from casemate.core.digests import Digest
from casemate.core.errors import UsageError


class Figure(msgspec.Struct, frozen=True):
    """One row of results.json; rows have more fields, which a bill does not need."""

    subject: str
    kind: str
    metric: str
    estimate: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    at: dict[str, Any] = {}

    @property
    def words(self) -> str:
        """The figure for people."""
        at = "".join(f" at {name} {value}" for name, value in sorted(self.at.items()))
        bounds = "" if self.low is None or self.high is None else f" [{self.low:.4g}, {self.high:.4g}]"
        return f"{self.subject}: {self.kind} {self.metric}{at} {self.estimate:.4g}{bounds}"


class _Results(msgspec.Struct, frozen=True):
    schema: str
    measurements: list[Figure]


@dataclass(frozen=True)
class Figures:
    """All figures of one results.json, and its digest."""

    digest: str
    rows: tuple[Figure, ...]

    @property
    def words(self) -> list[str]:
        """Every figure for people."""
        return [row.words for row in self.rows]

    @property
    def performance(self) -> tuple[Figure, ...]:
        """What the model does well or badly: kinds ``model/*``."""
        return tuple(row for row in self.rows if row.kind.startswith("model/"))


def read_figures(data: bytes) -> Figures:
    """Read a results.json.

    Raises:
        UsageError: it is not one.
    """
    try:
        found = msgspec.json.decode(data, type=_Results)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UsageError("the results cannot be read", cause=str(error)[:200], next_step="give results.json") from None
    if found.schema != "casemate.results/1":
        raise UsageError("the results are of another schema", cause=f"they say {found.schema[:80]!r}")
    return Figures(Digest.of(data).hex, tuple(found.measurements))
