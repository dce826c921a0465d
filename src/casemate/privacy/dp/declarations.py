"""What this room declares; the mechanisms are imported when they run."""

from __future__ import annotations

from casemate.core.declarations import AssessmentSpec, DefenseSpec, MetricSpec
from casemate.core.findings import Rule, Severity
from casemate.core.threat import Access

ACCOUNTING = "privacy/dp-accounting"
AUDIT = "privacy/dp-audit"

CERTIFICATE = AssessmentSpec(
    id="privacy.certificate",
    title="Does the model's certificate of privacy count, and what does it claim?",
    kinds=(ACCOUNTING,),
    metrics=(
        MetricSpec(
            name="certificate_holds",
            unit="proportion",
            direction="higher",
            doc="the certificate is signed by a trusted key, names this model and its training data, and its noise "
            "cannot be repeated",
        ),
        MetricSpec(
            name="trusted_noise",
            unit="proportion",
            direction="higher",
            doc="the certificate says that nobody can repeat the noise",
        ),
        MetricSpec(name="epsilon", unit="epsilon", direction="lower", doc="the privacy loss claimed, at its delta"),
        MetricSpec(
            name="delta",
            unit="probability",
            direction="lower",
            doc="the delta claimed at an epsilon: the points of the certificate's curve",
        ),
    ),
    access=Access.LABELS,
    needs=("certificate",),
    factory="casemate.audit.claims.accounting:Accounting",  # resolved by the audit, which stands above this room
    rule=Rule(
        id="CM-DP-001",
        title="The model's certificate of privacy does not count",
        severity=Severity.HIGH,
        why=(
            "A certificate is believed because of who signed it and what it is about. One of another model, of other "
            "data, or changed by a digit says nothing about the people in these records, and one whose noise came from "
            "a seed protects nobody: whoever knows or guesses the seed takes the noise away."
        ),
        how=(
            "The signed statement beside the model (`NAME.certificate.json`, or `certificate` of its `[[model]]`) is "
            "verified against the keys of the key home and of the policy in `[load]`. It has to name the SHA-256 of "
            "the file that was loaded and of the training data of this audit. Epsilon and delta become evidence only "
            "then."
        ),
        fix=(
            "Train the model again with `casemate train --dp`, which writes model and certificate together. If the "
            "certificate comes from somebody else, name a policy with their public key in `[load]`. If data or "
            "`[[column]]` sections were changed after training, the certificate is about the old ones: train again."
        ),
        references=("in-toto Statement v1 in a DSSE envelope: docs/reference/attestations.md",),
    ),
    reference="docs/how-to/train-privately.md",
)

BOUND = AssessmentSpec(
    id="privacy.bound",
    title="Does an attack get more out of the model than its certificate allows?",
    kinds=(AUDIT,),
    metrics=(
        MetricSpec(
            name="epsilon_lower_bound",
            unit="epsilon",
            direction="lower",
            doc="the epsilon that the model exceeds, by what an attack achieved against it: 0 when nothing was shown",
        ),
        MetricSpec(
            name="tpr",
            unit="proportion",
            direction="none",
            doc="share of members recognized, at a threshold that was to accuse a share `fpr` of strangers",
        ),
        MetricSpec(
            name="fpr",
            unit="proportion",
            direction="none",
            doc="share of strangers wrongly accused, at that threshold; its upper limit is what TPR is held against",
        ),
        MetricSpec(
            name="tnr",
            unit="proportion",
            direction="none",
            doc="share of strangers recognized, at a threshold that was to take a share `fnr` of members for strangers",
        ),
        MetricSpec(
            name="fnr",
            unit="proportion",
            direction="none",
            doc="share of members taken for strangers, at that threshold",
        ),
    ),
    access=Access.SCORES,
    needs=("certificate", "holdout", "training-data"),
    factory="casemate.audit.claims.bound:Bound",  # it joins this room's audit with the membership attack
    rule=Rule(
        id="CM-DP-002",
        title="An attack gets more out of the model than its certificate allows",
        severity=Severity.CRITICAL,
        why=(
            "Differential privacy bounds what anybody can learn about one record: no test recognizes a share of "
            "members above exp(epsilon) times the share of strangers it accuses, plus delta. An attack that does is "
            "a proof that the claim is false, whatever the reason: a bug in the training, noise that was left out, "
            "the certificate of another model."
        ),
        how=(
            "The membership attack is held against the bound at thresholds fixed beforehand, for members and for "
            "strangers, with exact limits that hold for all of them together (99 %): a point whose lower limit lies "
            "above the bound at the upper limit of false accusations refutes the claim. Where the model can be trained "
            "again by its recipe, it is, a few times, on the same records and on canaries: strangers with the label "
            "that surprises the model most, one of each two drawn by lot. Who has seen some of these trainings guesses "
            "the coins of the others, and the number of right guesses is held against what the claim allows (Steinke "
            "et al. 2023). What is not refuted is not proved: these attacks only ask the model."
        ),
        fix=(
            "Do not publish the model under this certificate. Train again with `casemate train --dp`; if a training "
            "of your own made it, look for gradients that are not clipped one by one, noise that is left out or drawn "
            "twice, batches that are shuffled and accounted as drawn, bounds that were taken from the data."
        ),
        references=(
            "Kairouz, Oh & Viswanath 2015, The Composition Theorem for Differential Privacy, theorem 2.1",
            "Steinke, Nasr & Jagielski 2023, Privacy Auditing with One (1) Training Run, arXiv 2305.08846",
        ),
    ),
    reference="Kairouz, Oh & Viswanath 2015, theorem 2.1; Steinke et al. 2023, arXiv 2305.08846, theorem 5.2",
    rests_on=("inversion.membership",),
)

ASSESSMENTS: tuple[AssessmentSpec, ...] = (CERTIFICATE, BOUND)

PRIVATE = DefenseSpec(
    id="privacy.dp",
    title="Train again with differential privacy",
    changes="recipe",
    judged_by=("inversion.membership",),
    factory="casemate.privacy.dp.defense:TrainPrivately",
    reference="Abadi et al. 2016, arXiv 1607.00133; for linear models see casemate.privacy.dp.linear",
)

DEFENSES: tuple[DefenseSpec, ...] = (PRIVATE,)
