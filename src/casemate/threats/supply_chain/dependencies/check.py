"""What is known about each dependency: vulnerable, nothing known as of a date, or not checkable. Each is a type.

"Not found" is not "no vulnerabilities": a dependency without an exact version, from a URL, of an ecosystem that the
database does not have, or without any database, was not checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from casemate.threats.supply_chain.dependencies.advisories import Advisory
from casemate.threats.supply_chain.dependencies.database import Database
from casemate.threats.supply_chain.dependencies.model import Dependency, Origin
from casemate.threats.supply_chain.dependencies.versions import key_for


@dataclass(frozen=True, slots=True)
class Vulnerable:
    """Advisories affect this version; ``unsure`` ones could not be compared with it."""

    dependency: Dependency
    advisories: tuple[Advisory, ...]
    unsure: tuple[Advisory, ...] = ()


@dataclass(frozen=True, slots=True)
class NoneKnown:
    """The database was asked and knows of nothing, as of the date of its newest record."""

    dependency: Dependency
    as_of: str


@dataclass(frozen=True, slots=True)
class NotCheckable:
    """It was not checked, and why."""

    dependency: Dependency
    reason: str


Checked: TypeAlias = Vulnerable | NoneKnown | NotCheckable


def check(dependencies: Iterable[Dependency], database: Database | None) -> tuple[Checked, ...]:
    """Ask the database about each."""
    return tuple(_check(each, database) for each in dependencies)


def _check(dependency: Dependency, database: Database | None) -> Checked:
    if database is None:
        return NotCheckable(dependency, "no database was given")
    if dependency.origin is not Origin.REGISTRY:
        return NotCheckable(dependency, f"it comes from a {dependency.origin}, not from the registry")
    if dependency.ecosystem not in database.ecosystems:
        return NotCheckable(dependency, f"the database has no records of {dependency.ecosystem}")
    if dependency.version is None:
        return NotCheckable(dependency, "its version is not fixed")
    answers = [
        (each, each.affects(dependency.ecosystem, dependency.version))
        for each in database.of(dependency.ecosystem, dependency.name)
    ]
    hit = tuple(each for each, answer in answers if answer)
    unsure = tuple(each for each, answer in answers if answer is None)
    if hit:
        return Vulnerable(dependency, _once(hit), unsure)
    if unsure:
        return NotCheckable(
            dependency, f"{', '.join(each.id for each in unsure[:5])}: affected versions cannot be compared"
        )
    if key_for(dependency.ecosystem, dependency.version) is None:
        return NotCheckable(dependency, "its version is not one that the ecosystem orders")
    return NoneKnown(dependency, database.newest or "an unknown date")


def _once(found: tuple[Advisory, ...]) -> tuple[Advisory, ...]:
    """One advisory each vulnerability: an advisory that another names as its alias is left out."""
    kept: list[Advisory] = []
    for each in found:
        names = {each.id, *each.aliases}
        if not any(names & {other.id, *other.aliases} for other in kept):
            kept.append(each)
    return tuple(kept)
