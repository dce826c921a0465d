"""What the room of poisoning can attack and defend. Static: importing this loads no numbers library."""

from __future__ import annotations

from casemate.core.declarations import AssessmentSpec, DefenseSpec, MetricSpec
from casemate.core.findings import Rule, Severity
from casemate.core.threat import Access

LABEL_FLIP = AssessmentSpec(
    id="poisoning.label_flip",
    title="Flipped training labels: what they cost, and whether they are found",
    kinds=("attack/poison/label-flip", "defense/poison/ranking"),
    metrics=(
        MetricSpec(
            name="accuracy_drop", unit="proportion", direction="lower", least_n=100, doc="accuracy lost to the poison"
        ),
        MetricSpec(
            name="attack_success_rate",
            unit="proportion",
            direction="lower",
            least_n=100,
            doc="rows answered correctly before the poison and wrongly after it",
        ),
        MetricSpec(name="auroc", unit="auc", direction="higher", doc="how well the ranking tells flipped labels apart"),
        MetricSpec(name="tpr", unit="proportion", direction="higher", doc="flipped labels found at a false alarm rate"),
        MetricSpec(
            name="flagged_clean", unit="proportion", direction="lower", least_n=300, doc="untouched labels flagged"
        ),
    ),
    access=Access.LABELS,
    needs=("recipe", "holdout", "training-data"),
    factory="casemate.threats.poisoning.assess:LabelFlip",
    rule=Rule(
        id="CM-POI-001",
        title="A few wrong training labels change what the model learns",
        severity=Severity.MEDIUM,
        why="whoever can change or submit labels can bend the model, and careless labeling does the same unasked",
        how="labels are flipped at random and where a linear stand-in says it hurts most; the model is trained again; "
        "the labels are ranked by models that never saw them, an untouched set as control",
        fix="let the ranking pick labels for review (poisoning.cleanse), control who may write labels, sign the data",
        references=(
            "Biggio, Nelson & Laskov 2012, arXiv:1206.6389",
            "Koh, Steinhardt & Liang 2022, arXiv:1811.00741",
            "Northcutt, Jiang & Chuang 2021, arXiv:1911.00068",
        ),
    ),
    reference="Koh, Steinhardt & Liang 2022 (attacks that know the defense); Northcutt et al. 2021 (ranking)",
)

CLEANSE = DefenseSpec(
    id="poisoning.cleanse",
    title="Drop or relabel training rows whose labels contradict all models that never saw them",
    changes="data",
    judged_by=("poisoning.label_flip",),
    factory="casemate.threats.poisoning.cleanse:Cleanse",
    reference="Northcutt, Jiang & Chuang 2021, arXiv:1911.00068; the threshold is a tolerance limit (Wilks 1942)",
)

ASSESSMENTS: tuple[AssessmentSpec, ...] = (LABEL_FLIP,)
DEFENSES: tuple[DefenseSpec, ...] = (CLEANSE,)
