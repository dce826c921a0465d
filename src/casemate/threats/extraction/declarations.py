"""What the room measures and offers, as static data; nothing heavy is imported."""

from __future__ import annotations

from casemate.core.declarations import AssessmentSpec, DefenseSpec, MetricSpec
from casemate.core.findings import Rule, Severity
from casemate.core.threat import Access

EQUATIONS = "extraction.equations"
SURROGATE = "extraction.surrogate"
TOP_ONE = "extraction.top_one"
ROUNDING = "extraction.rounding"

FIDELITY = MetricSpec(
    name="fidelity",
    unit="proportion",
    direction="lower",
    least_n=100,
    doc="share of unseen rows on which the stolen copy gives the model's own label, after so many queries",
)
ACCURACY = MetricSpec(
    name="accuracy",
    unit="proportion",
    direction="lower",
    least_n=100,
    doc="share of unseen rows on which the stolen copy is right",
)

ASSESSMENTS = (
    AssessmentSpec(
        id=EQUATIONS,
        title="Model theft by equation solving",
        kinds=("attack/extraction/equations",),
        metrics=(
            FIDELITY,
            ACCURACY,
            MetricSpec(
                name="coefficient_error",
                unit="relative",
                direction="higher",
                doc="largest error of a stolen coefficient, relative to the largest coefficient",
            ),
        ),
        access=Access.SCORES,
        needs=("schema", "holdout"),
        factory="casemate.threats.extraction.assess_equations:EquationAssessment",
        rule=Rule(
            id="CM-EXT-001",
            title="A linear model can be copied exactly through its answers",
            severity=Severity.HIGH,
            why=(
                "Whoever copies the model owns the work that went into it, finds adversarial examples without being "
                "seen, and attacks the people in its training data at leisure."
            ),
            how=(
                "Log-odds of a linear model are affine in an encoding that the public schema gives away, so d + 1 "
                "exact answers are its coefficients. Where answers are rounded or only labels, rows near the decision "
                "boundary are chosen adaptively and the coefficients found by maximum likelihood. Copies are graded on "
                "rows that neither the model nor the attacker has seen."
            ),
            fix=(
                "Answer with labels only where scores are not needed (extraction.top_one), limit queries per "
                "principal, and watch for rows that cluster near the boundary. Rounding scores is no defense: it "
                "costs the attacker about as many queries again."
            ),
            references=(
                "Tramer et al. 2016, Stealing machine learning models via prediction APIs, USENIX Security",
                "Lowd & Meek 2005, Adversarial learning, KDD",
                "MITRE ATLAS AML.T0024.002; OWASP ML05:2023",
            ),
        ),
        reference="Tramer et al. 2016, USENIX Security, sections 4.1 and 6",
    ),
    AssessmentSpec(
        id=SURROGATE,
        title="Model theft by imitation",
        kinds=("attack/extraction/surrogate",),
        metrics=(FIDELITY, ACCURACY),
        access=Access.SCORES,
        needs=("schema", "holdout"),
        factory="casemate.threats.extraction.assess_surrogate:SurrogateAssessment",
        rule=Rule(
            id="CM-EXT-002",
            title="A copy learned from answers does the model's work",
            severity=Severity.MEDIUM,
            why=(
                "A copy that agrees with the model almost everywhere can be sold, and shows an attacker at home how to "
                "fool the original."
            ),
            how=(
                "An attacker with rows of its own asks where its copy is unsure and imitates the answers. Fidelity is "
                "agreement with the model on rows neither has seen; at 0 queries it is that of a model of the "
                "attacker's own labels, so the difference is what the answers gave away."
            ),
            fix=(
                "Limit queries per principal below the number at which fidelity meets the tolerance, answer with "
                "labels only, and mark the model so that a copy can be recognized."
            ),
            references=(
                "Orekondy, Schiele & Fritz 2019, Knockoff Nets, CVPR",
                "Pal et al. 2020, ActiveThief, AAAI",
                "MITRE ATLAS AML.T0024.002; OWASP ML05:2023",
            ),
        ),
        reference="Orekondy et al. 2019, CVPR; Pal et al. 2020, AAAI",
    ),
)

DEFENSES = (
    DefenseSpec(
        id=TOP_ONE,
        title="Answer with the best label only",
        changes="answers",
        judged_by=(EQUATIONS, SURROGATE),
        factory="casemate.threats.extraction.defenses:TopOne",
        reference="Tramer et al. 2016, section 7",
    ),
    DefenseSpec(
        id=ROUNDING,
        title="Round the scores",
        changes="answers",
        judged_by=(EQUATIONS, SURROGATE),
        factory="casemate.threats.extraction.defenses:Rounding",
        known_false=(
            "Rounding is no defense against extraction. Every rounded score still bounds the log-odds from both sides, "
            "so an attacker who knows the rounding solves for the same coefficients with about twice the queries: "
            "a query tax, not a barrier."
        ),
        reference="Tramer et al. 2016, section 7; Jagielski et al. 2020, USENIX Security",
    ),
)
