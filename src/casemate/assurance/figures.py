"""Looking up the figures that an atom speaks of, among measurements, pairs and the ledger's own facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from casemate.assurance.catalog import CHANGES, defense_kind
from casemate.assurance.grammar import Atom, Conditions, Query
from casemate.assurance.judging import same
from casemate.assurance.kinds import covers
from casemate.assurance.view import LedgerView, Measured, Record
from casemate.core.measurement import Measurement, Pair

LIVE = "gateway."
"""Assessments of the running gateway have ids that begin with this."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of evidence: a measurement, or the measurement after a defense with its pair."""

    record: Record
    measurement: Measurement
    pair: Pair | None = None
    stale: str = ""
    fact: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """What kinds it is evidence of; a pair is also evidence about its defense."""
        own = (self.measurement.kind,)
        return own if self.pair is None else (*own, defense_kind(self.pair.defense))

    @property
    def series(self) -> tuple[object, ...]:
        """What makes a later record supersede an earlier one."""
        defense = self.pair.defense if self.pair else ""
        return self.measurement.subject, defense, self.measurement.key


class Figure(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A number with its interval, as one atom looks at it."""

    source: Source
    estimate: float
    low: float | None
    high: float | None
    unit: str
    cost: bool = False
    change: bool = False

    @property
    def index(self) -> int:
        """Index of its record."""
        return self.source.record.index

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds its source is evidence of."""
        return self.source.kinds

    @property
    def defense(self) -> str:
        """Id of the defense behind it, or ""."""
        return self.source.pair.defense if self.source.pair else ""

    @property
    def series(self) -> object:
        """What was attacked, whatever the defense."""
        pair = self.source.pair
        return pair.before.key if pair else self.source.measurement.key


def sources(view: LedgerView, facts: Sequence[Measured] = ()) -> tuple[Source, ...]:
    """All evidence of a view, in the order of the ledger, then the facts."""
    measured = (Source(record=x.record, measurement=x.measurement, stale=view.stale(x.record)) for x in view.measured)
    paired = (
        Source(record=x.record, measurement=x.pair.after, pair=x.pair, stale=view.stale(x.record)) for x in view.paired
    )
    counted = (Source(record=x.record, measurement=x.measurement, fact=True) for x in facts)
    return (*measured, *paired, *counted)


def figures(atom: Atom, query: Query, evidence: Sequence[Source]) -> list[Figure]:
    """The figures an atom has to be true of.

    Without ``every`` the latest record of each series speaks; with it, each record about the current digests does.
    Outdated evidence is looked at only where there is no current one.
    """
    conditions = query.conditions
    fitting = [
        (source, figure)
        for source in evidence
        if _wanted(atom, conditions, source)
        and (not conditions.live or source.measurement.assessment.startswith(LIVE))
        and any(covers(kind, own) for kind in query.kinds for own in source.kinds)
        for figure in _figures(atom, source)
    ]
    current = [pair for pair in fitting if not pair[0].stale]
    fresh = {source.series for source, _ in current}
    kept = current + [pair for pair in fitting if pair[0].stale and pair[0].series not in fresh]
    if conditions.every:
        return [figure for _, figure in kept]
    latest: dict[tuple[object, ...], list[Figure]] = {}
    for source, figure in kept:
        held = latest.setdefault(source.series, [])
        if held and held[0].index < source.record.index:
            held.clear()
        held.append(figure)
    return [figure for held in latest.values() for figure in held]


def _wanted(atom: Atom, conditions: Conditions, source: Source) -> bool:
    """Pairs where a change is asked for, and for attacks where the query asks for pairs; else plain measurements."""
    cost = conditions.pair and atom.metric.endswith("_loss")
    if atom.field.startswith("delta") or atom.metric in CHANGES or cost:
        return source.pair is not None
    if conditions.pair:
        return source.pair is not None or not source.measurement.kind.startswith("attack/")
    return source.pair is None


def _figures(atom: Atom, source: Source) -> Iterator[Figure]:
    m, pair = source.measurement, source.pair
    if pair is not None and atom.metric.endswith("_loss"):
        for q in pair.quality:
            if f"{q.metric}_loss" == atom.metric:
                yield Figure(
                    source=source, estimate=-q.difference, low=-q.high, high=-q.low, unit="proportion", cost=True
                )
    if pair is not None and atom.metric in CHANGES and m.direction != "none":
        lower = m.direction == "lower"
        low, high = (-pair.high, -pair.low) if lower else (pair.low, pair.high)
        better = -pair.difference if lower else pair.difference
        yield Figure(source=source, estimate=better, low=low, high=high, unit=m.unit, change=True)
    if m.metric != atom.metric or not _at(atom, m):
        return
    if atom.field.startswith("delta"):
        if pair is not None:
            yield Figure(
                source=source, estimate=pair.difference, low=pair.low, high=pair.high, unit=m.unit, change=True
            )
    else:
        yield Figure(source=source, estimate=m.estimate, low=m.low, high=m.high, unit=m.unit)


def _at(atom: Atom, m: Measurement) -> bool:
    return all(axis in m.at and (value is None or same(m.at[axis], value)) for axis, value in atom.at)
