"""What the room of inversion can do, as static data."""

from __future__ import annotations

from casemate.core.declarations import AssessmentSpec, DefenseSpec, MetricSpec
from casemate.core.findings import Rule, Severity
from casemate.core.threat import Access

LIRA = "attack/membership/lira"
WEIGHTS = "attack/membership/weights"
BLIND = "attack/membership/blind"
CONTROL = "attack/membership/control"
ATTRIBUTE_KIND = "attack/inversion/attribute"

MEMBERSHIP = AssessmentSpec(
    id="inversion.membership",
    title="Can an adversary tell who was in the training data?",
    kinds=(LIRA, BLIND, CONTROL),
    metrics=(
        MetricSpec(
            name="tpr",
            unit="proportion",
            direction="lower",
            least_n=100,
            doc="share of training records recognized while a share `fpr` of strangers is wrongly accused",
        ),
        MetricSpec(
            name="auc",
            unit="auc",
            direction="lower",
            least_n=50,
            doc="chance that a random training record looks more like a member than a random stranger",
        ),
        MetricSpec(
            name="advantage",
            unit="proportion",
            direction="lower",
            least_n=50,
            doc="TPR - FPR where the evidence for and against membership balances",
        ),
        MetricSpec(
            name="detectable-tpr",
            unit="proportion",
            direction="none",
            doc="the smallest TPR at this FPR that these records could have told from guessing, four times out of five",
        ),
    ),
    access=Access.SCORES,
    needs=("recipe", "holdout", "training-data"),
    factory="casemate.threats.inversion.membership:Membership",
    rule=Rule(
        id="CM-INV-001",
        title="The model gives away who was in its training data",
        severity=Severity.HIGH,
        why=(
            "Being in a training set can itself be the secret: in a study of the terminally ill, of drug users, of "
            "debtors. Whoever holds a person's record can ask the model and learn whether that person was in the data."
        ),
        how=(
            "For every record, the model's answer is compared with what models trained with and without the record "
            "would say (likelihood-ratio attack). For logistic regression both are calculated from one fit, for other "
            "models they are learned from shadow models trained by the same recipe. Reported is the share of members "
            "recognized at a fixed rate of false accusations, with its interval; a classifier that never sees the "
            "model must score 0.5, and the same attack on a model that never saw the data must find nothing."
        ),
        fix=(
            "Regularize more (`inversion.regularize`, `inversion.leaf_size` choose the strength that meets the "
            "tolerance at least cost), drop the features that make records unique, or train with differential privacy. "
            "Look at the most exposed records first: `casemate explain --record`. Rounding scores is no defense."
        ),
        references=(
            "Carlini et al. 2022, Membership Inference Attacks From First Principles, arXiv 2112.03570",
            "Yeom et al. 2018, Privacy Risk in Machine Learning, arXiv 1709.01604",
        ),
    ),
    reference="Carlini et al. 2022, arXiv 2112.03570, algorithm 1",
)

MEMBERSHIP_WEIGHTS = AssessmentSpec(
    id="inversion.membership_weights",
    title="Can whoever holds the weights of a regression tell who was in the training data?",
    kinds=(WEIGHTS, BLIND, CONTROL),
    metrics=MEMBERSHIP.metrics,
    access=Access.WEIGHTS,
    needs=("recipe", "holdout", "training-data", "linear"),
    factory="casemate.threats.inversion.weights:MembershipFromWeights",
    rule=Rule(
        id="CM-INV-003",
        title="The weights give away who was in the training data",
        severity=Severity.HIGH,
        why=(
            "A regression's weights are published in papers, shipped in devices and shared between hospitals. They "
            "are an exact sum over the training records, and can be searched for each of them."
        ),
        how=(
            "At the minimum the records' gradients and the penalty cancel. For every record of a pool, the likelihood "
            "ratio of being part of that sum is calculated from the weights; nothing is asked and nothing is trained."
        ),
        fix=(
            "Regularization does not help against this adversary. Keep the weights and hand out answers instead, or "
            "train with differential privacy."
        ),
        references=("Suri, Zhang & Evans 2024, Do Parameters Reveal More than Loss, arXiv 2406.11544",),
    ),
    reference="Suri, Zhang & Evans 2024, arXiv 2406.11544",
)

ATTRIBUTE = AssessmentSpec(
    id="inversion.attribute",
    title="Does the model give away sensitive attributes of the people it was trained on?",
    kinds=(ATTRIBUTE_KIND,),
    metrics=(
        MetricSpec(
            name="advantage",
            unit="proportion",
            direction="lower",
            least_n=100,
            doc="accuracy gained over imputation alone by asking the model, on members or on people it never saw",
        ),
        MetricSpec(
            name="excess",
            unit="proportion",
            direction="lower",
            least_n=200,
            doc="how much more is gained on members: what works on everyone is knowledge of the population, not a leak",
        ),
    ),
    access=Access.SCORES,
    needs=("recipe", "holdout", "training-data", "sensitive"),
    factory="casemate.threats.inversion.attribute:Attribute",
    rule=Rule(
        id="CM-INV-002",
        title="The model gives away sensitive attributes of people it was trained on",
        severity=Severity.HIGH,
        why=(
            "Someone who knows most of a person's record, an employer or a relative, completes it with the model's "
            "help: drug use, orientation, income."
        ),
        how=(
            "For every sensitive column each possible value is put into the victims' records and the model is asked. "
            "Its answers are weighed against an imputation model that knows the population; the same is done for "
            "people the model never saw. Only what the model adds, and adds for its training records more than for "
            "others, is a leak."
        ),
        fix=(
            "Drop the column if it is not needed (the quality report says what it is worth), regularize or limit leaf "
            "sizes, or train with differential privacy."
        ),
        references=(
            "Fredrikson, Jha & Ristenpart 2015, CCS",
            "Jayaraman & Evans 2022, Are Attribute Inference Attacks Just Imputation?, arXiv 2209.01292",
        ),
    ),
    reference="Jayaraman & Evans 2022, arXiv 2209.01292; Fredrikson et al. 2015 (CCS), section 3",
)

ASSESSMENTS: tuple[AssessmentSpec, ...] = (MEMBERSHIP, MEMBERSHIP_WEIGHTS, ATTRIBUTE)

REGULARIZE = DefenseSpec(
    id="inversion.regularize",
    title="Regularize a logistic regression as much as the membership tolerance asks for",
    changes="recipe",
    judged_by=(MEMBERSHIP.id, MEMBERSHIP_WEIGHTS.id),
    factory="casemate.threats.inversion.regularize:Regularize",
    reference="Yeom et al. 2018, arXiv 1709.01604, section 3 (overfitting and membership)",
)

LEAF_SIZE = DefenseSpec(
    id="inversion.leaf_size",
    title="Limit the leaves of a boosted ensemble, so that no leaf can be about one person",
    changes="recipe",
    judged_by=(MEMBERSHIP.id,),
    factory="casemate.threats.inversion.leaf_size:LeafSize",
    reference="Yeom et al. 2018, arXiv 1709.01604, section 3 (overfitting and membership)",
)

DEFENSES: tuple[DefenseSpec, ...] = (REGULARIZE, LEAF_SIZE)
