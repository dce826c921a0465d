"""What is declared of purpose and need; the mechanisms are imported when they run."""

from __future__ import annotations

from typing import Final

from casemate.core.declarations import AssessmentSpec, MetricSpec
from casemate.core.findings import Rule, Severity
from casemate.core.threat import Access

KIND: Final = "data/minimization"

PURPOSE = AssessmentSpec(
    id="data.purpose",
    title="Does the model use what its purpose does not allow?",
    kinds=(KIND,),
    metrics=(
        MetricSpec(
            name="disallowed_fields",
            unit="columns",
            direction="lower",
            doc="columns that change the model's answers though the purpose does not allow them, or not so precisely",
        ),
        MetricSpec(
            name="disallowed_use",
            unit="proportion",
            direction="lower",
            doc="share of held-out rows whose answer changes with what the purpose does not allow of a column",
        ),
        MetricSpec(
            name="disallowed_worth",
            unit="proportion",
            direction="none",
            doc="accuracy the model as it is loses without what is not allowed of a column, by pairs",
        ),
        MetricSpec(
            name="purpose_loss",
            unit="proportion",
            direction="none",
            doc="accuracy that a model loses which is trained anew on what the purpose allows, by pairs",
        ),
    ),
    access=Access.SCORES,
    needs=("schema", "holdout"),
    factory="casemate.privacy.tables.purpose.limits:Limits",
    rule=Rule(
        id="CM-MIN-001",
        title="The model uses data that its purpose does not allow",
        severity=Severity.HIGH,
        why=(
            "Data collected for one purpose may not be used for another. A model that answers by a column, or by a "
            "precision, that its declared purpose does not name processes personal data without a ground, whoever "
            "asks it, for as long as it runs."
        ),
        how=(
            "Each column that `[purpose]` does not allow is exchanged between held-out rows, and each column with a "
            "`precision` is rounded to that step; an answer that changes shows that the model used what was taken "
            "away. Beside it stand the accuracy lost without it, and what a model trained anew on the allowed data "
            "loses, both by pairs with their interval."
        ),
        fix=(
            "Train without these columns, or on rounded ones: `purpose_loss` says what that costs. If they are needed "
            "for the purpose, say so where the purpose is declared, then add them to `[purpose]`."
        ),
        references=("GDPR, Art. 5(1)(b) and (c)", "Goldsteen et al. 2022, AI and Ethics 2, arXiv 2008.04113"),
    ),
    reference="Breiman 2001, Machine Learning 45, 5-32, section 10 (columns exchanged between rows)",
)

NEEDS = AssessmentSpec(
    id="data.minimization",
    title="Which columns does the model need, and how precisely?",
    kinds=(KIND,),
    metrics=(
        MetricSpec(
            name="utility_loss",
            unit="proportion",
            direction="lower",
            least_n=100,
            doc="accuracy the model as it is loses when it is told no more than it needs, by pairs",
        ),
        MetricSpec(
            name="unused_fields",
            unit="columns",
            direction="lower",
            doc="columns that are allowed, of which the model needs nothing",
        ),
        MetricSpec(
            name="column_worth",
            unit="proportion",
            direction="none",
            doc="accuracy the model as it is loses without a column, by pairs",
        ),
        MetricSpec(
            name="needed_bits", unit="bits", direction="none", doc="entropy of what is needed of a column, or of all"
        ),
        MetricSpec(
            name="retrained_loss",
            unit="proportion",
            direction="none",
            doc="accuracy that a model loses which is trained anew on what is needed, by pairs",
        ),
    ),
    access=Access.SCORES,
    needs=("schema", "holdout", "recipe"),
    factory="casemate.privacy.tables.purpose.needs:Needs",
    rule=Rule(
        id="CM-MIN-002",
        title="Data are collected that the model does not need",
        severity=Severity.LOW,
        why="What is not collected cannot leak, be stolen or be asked for; the law allows no more than is needed.",
        how=(
            "On one half of the held-out rows each column is told less and less precisely, down to nothing, as long "
            'as the upper bound of the accuracy lost stays below `loss`, 0.01 unless `[assess."data.minimization"]` '
            "says otherwise. On the other half, which had no say, the "
            "loss is judged by pairs; then a model is trained anew on what is left."
        ),
        fix=(
            "Stop collecting columns of which nothing is needed, and collect others in the intervals and groups that "
            "`casemate.privacy.tables.minimization.Minimizer` prints. First look at accuracy by group: a column may "
            "matter to few."
        ),
        references=("GDPR, Art. 5(1)(c)", "Goldsteen et al. 2022, AI and Ethics 2, arXiv 2008.04113"),
    ),
    reference="Goldsteen et al. 2022, arXiv 2008.04113",
)
