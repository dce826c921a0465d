"""What the room of tables can measure, as static data."""

from __future__ import annotations

from casemate.core.declarations import AssessmentSpec, DefenseSpec
from casemate.privacy.tables.declared import LINKAGE
from casemate.privacy.tables.purpose.declared import NEEDS, PURPOSE

ASSESSMENTS: tuple[AssessmentSpec, ...] = (LINKAGE, PURPOSE, NEEDS)
DEFENSES: tuple[DefenseSpec, ...] = ()
