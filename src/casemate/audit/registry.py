"""Every assessment and defense there is: the built-in rooms', and those that entry points add."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import TypeVar

import casemate.privacy.dp.declarations as private
import casemate.privacy.tables.declarations as tables
import casemate.privacy.text.declarations as text
import casemate.quality.declarations as quality
import casemate.threats.evasion.declarations as evasion
import casemate.threats.extraction.declarations as extraction
import casemate.threats.inversion.declarations as inversion
import casemate.threats.poisoning.declarations as poisoning
import casemate.threats.supply_chain.declarations as supply_chain
from casemate.core.declarations import AssessmentSpec, DefenseSpec
from casemate.core.errors import UsageError
from casemate.core.findings import Rule

Spec = TypeVar("Spec", AssessmentSpec, DefenseSpec)

BUILT_IN: tuple[ModuleType, ...] = (
    quality,
    inversion,
    extraction,
    evasion,
    poisoning,
    supply_chain,
    private,
    tables,
    text,
)


@dataclass(frozen=True)
class Registry:
    """All declarations, by id."""

    assessments: dict[str, AssessmentSpec]
    defenses: dict[str, DefenseSpec]

    def assessment(self, identifier: str) -> AssessmentSpec:
        """The assessment with this id, or an error that names the nearest one."""
        return _find(self.assessments, identifier, "assessment")

    def defense(self, identifier: str) -> DefenseSpec:
        """The defense with this id, or an error that names the nearest one."""
        return _find(self.defenses, identifier, "defense")

    @property
    def rules(self) -> dict[str, Rule]:
        """The rules of all assessments, by rule id."""
        return {spec.rule.id: spec.rule for spec in self.assessments.values()}


@cache
def registry() -> Registry:
    """The built-in rooms' declarations and those of the entry-point group ``casemate.declarations``."""
    modules = [*BUILT_IN, *(entry.load() for entry in entry_points(group="casemate.declarations"))]
    return Registry(
        _by_id(spec for module in modules for spec in getattr(module, "ASSESSMENTS", ())),
        _by_id(spec for module in modules for spec in getattr(module, "DEFENSES", ())),
    )


def _by_id(specs: Iterable[Spec]) -> dict[str, Spec]:
    found: dict[str, Spec] = {}
    for spec in specs:
        if spec.id in found:
            raise UsageError(f"two declarations share the id {spec.id!r}", next_step="uninstall one of the plug-ins")
        found[spec.id] = spec
    return found


def _find(found: dict[str, Spec], identifier: str, what: str) -> Spec:
    if identifier in found:
        return found[identifier]
    near = difflib.get_close_matches(identifier, found, n=1)
    raise UsageError(
        f"there is no {what} {identifier!r}",
        next_step=f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(sorted(found))}",
    )
