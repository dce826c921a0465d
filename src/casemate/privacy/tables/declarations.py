"""What the room of tables can measure, as static data."""

from __future__ import annotations

from casemate.core.declarations import AssessmentSpec, DefenseSpec
from casemate.privacy.tables.declared import LINKAGE

ASSESSMENTS: tuple[AssessmentSpec, ...] = (LINKAGE,)
DEFENSES: tuple[DefenseSpec, ...] = ()
