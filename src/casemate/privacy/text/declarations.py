"""What the room of texts can measure, as static data."""

from __future__ import annotations

from casemate.core.declarations import AssessmentSpec, DefenseSpec
from casemate.privacy.text.declared import LEAKS

ASSESSMENTS: tuple[AssessmentSpec, ...] = (LEAKS,)
DEFENSES: tuple[DefenseSpec, ...] = ()
