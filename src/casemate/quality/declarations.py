"""What the room of quality can measure. Static: importing this loads no numbers library."""

from __future__ import annotations

from casemate.core.declarations import AssessmentSpec, DefenseSpec, MetricSpec
from casemate.core.findings import Rule, Severity
from casemate.core.threat import Access

MODEL = AssessmentSpec(
    id="quality.model",
    title="Accuracy overall and by group",
    kinds=("model/accuracy", "model/fairness"),
    metrics=(
        MetricSpec(name="accuracy", unit="proportion", direction="higher", doc="rows answered with their own label"),
        MetricSpec(
            name="disparity",
            unit="proportion",
            direction="lower",
            least_n=60,
            doc="largest difference of accuracy between two groups of one column",
        ),
    ),
    access=Access.LABELS,
    needs=("holdout",),
    factory="casemate.quality.model:ModelQuality",
    rule=Rule(
        id="CM-QUA-001",
        title="The model is less accurate than its owner promised, overall or for one group of people",
        severity=Severity.MEDIUM,
        why="a defense that costs accuracy, or accuracy that one group does not get, is a harm of its own",
        how="labels of rows the model never saw; exact intervals; differences hold for all pairs of groups at once",
        fix="collect more rows of the group, reweigh it, or choose a milder defense",
        references=("Clopper & Pearson 1934", "Newcombe 1998, Statistics in Medicine 17, 873-890, method 10"),
    ),
    reference="Newcombe 1998, method 10, with Bonferroni's correction over the pairs of groups",
)

SCORES = AssessmentSpec(
    id="quality.scores",
    title="Ranking and calibration of the scores",
    kinds=("model/accuracy", "model/calibration"),
    metrics=(
        MetricSpec(name="auc", unit="auc", direction="higher", doc="area under the ROC curve; two classes only"),
        MetricSpec(name="ece", unit="probability", direction="lower", least_n=500, doc="expected calibration error"),
        MetricSpec(name="brier", unit="probability", direction="lower", doc="mean squared error of the scores"),
        MetricSpec(
            name="reliability", unit="proportion", direction="none", doc="rows right among those of one confidence"
        ),
    ),
    access=Access.SCORES,
    needs=("holdout",),
    factory="casemate.quality.scores:ScoreQuality",
    rule=Rule(
        id="CM-QUA-002",
        title="The model's scores do not mean what they say",
        severity=Severity.LOW,
        why="people rely on a score of 90 % being right nine times in ten",
        how="top-label confidence of unseen rows in bins of equal mass, against how often the label was right",
        fix="recalibrate on held-out rows (sigmoid for few rows, isotonic for many)",
        references=("Guo et al. 2017, arXiv:1706.04599", "Brier 1950", "DeLong et al. 1988"),
    ),
    reference="Guo et al. 2017 (ECE); Nixon et al. 2019 (bins of equal mass); Brier 1950; DeLong et al. 1988",
)

ASSESSMENTS: tuple[AssessmentSpec, ...] = (MODEL, SCORES)
DEFENSES: tuple[DefenseSpec, ...] = ()
