"""What this room declares; the mechanisms are imported when they run."""

from __future__ import annotations

from casemate.core.declarations import DefenseSpec

PRIVATE = DefenseSpec(
    id="privacy.dp",
    title="Train again with differential privacy",
    changes="recipe",
    judged_by=("inversion.membership",),
    factory="casemate.privacy.dp.defense:TrainPrivately",
    reference="Abadi et al. 2016, arXiv 1607.00133; for linear models see casemate.privacy.dp.linear",
)

DEFENSES: tuple[DefenseSpec, ...] = (PRIVATE,)
