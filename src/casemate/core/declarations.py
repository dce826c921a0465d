"""Static declarations of assessments and defenses. Listing them imports nothing heavy.

A room keeps its declarations in ``declarations.py`` and its mechanism elsewhere; ``factory`` names the mechanism as
"module:attribute" and is resolved only when the plan runs it. Third parties register theirs through the entry-point
group ``casemate.declarations``.
"""

from __future__ import annotations

import importlib
from typing import Any, Literal

import msgspec

from casemate.core.findings import Rule
from casemate.core.measurement import Direction
from casemate.core.threat import Access

Need = Literal[
    "recipe", "holdout", "linear", "sensitive", "schema", "training-data", "artifact", "tensors", "certificate"
]
"""What an assessment needs besides a target; a plan says NOT_APPLICABLE where it is missing."""


class MetricSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A metric that an assessment reports: its unit, which way is better, and the least n it may be claimed from."""

    name: str
    unit: str
    direction: Direction
    least_n: int = 1
    doc: str = ""


class AssessmentSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What an assessment is, before anything runs.

    Attributes:
        id: "room.name", for example "inversion.membership".
        title: one line for people.
        kinds: the evidence kinds it produces.
        metrics: the metrics it reports.
        access: the least access the adversary needs.
        needs: what else it needs.
        factory: "module:Class" of the mechanism (see ``casemate.training.engagement.Assessment``).
        rule: what ``casemate explain`` and SARIF say when its verdict fails.
        reference: paper and section.
        rests_on: ids of assessments whose results it is given too, where they apply; their trials are run once.
    """

    id: str
    title: str
    kinds: tuple[str, ...]
    metrics: tuple[MetricSpec, ...]
    access: Access
    factory: str
    rule: Rule
    needs: tuple[Need, ...] = ()
    reference: str = ""
    rests_on: tuple[str, ...] = ()

    def load(self) -> Any:
        """Import the mechanism."""
        return load(self.factory)


class DefenseSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a defense is: what it changes, and which adaptive attacks must judge it.

    Attributes:
        id: "room.name", for example "inversion.regularize".
        title: one line for people.
        changes: "answers" (what the target says), "recipe" (how it is trained) or "data".
        judged_by: ids of the assessments that are run again, knowing the defense.
        factory: "module:Class" of the mechanism.
        known_false: why the field knows it to be no defense, or "".
        reference: paper and section.
    """

    id: str
    title: str
    changes: Literal["answers", "recipe", "data"]
    judged_by: tuple[str, ...]
    factory: str
    known_false: str = ""
    reference: str = ""

    def load(self) -> Any:
        """Import the mechanism."""
        return load(self.factory)


def load(factory: str) -> Any:
    """Resolve "module:attribute"."""
    module, _, attribute = factory.partition(":")
    return getattr(importlib.import_module(module), attribute)
