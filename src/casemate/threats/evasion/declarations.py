"""What the room of evasion can attack. Static: importing this loads no numbers library."""

from __future__ import annotations

from casemate.core.declarations import AssessmentSpec, DefenseSpec, MetricSpec
from casemate.core.findings import Rule, Severity
from casemate.core.threat import Access

DECISION = AssessmentSpec(
    id="evasion.decision",
    title="Adversarial examples from labels alone, inside the schema",
    kinds=("attack/evasion/decision",),
    metrics=(
        MetricSpec(
            name="attack_success_rate",
            unit="proportion",
            direction="lower",
            least_n=20,
            doc="correctly answered rows that a change within the budget turns wrong",
        ),
        MetricSpec(
            name="robust_accuracy",
            unit="proportion",
            direction="higher",
            least_n=20,
            doc="rows answered correctly before and after the attack",
        ),
    ),
    access=Access.LABELS,
    needs=("holdout", "schema"),
    factory="casemate.threats.evasion.assess:DecisionEvasion",
    rule=Rule(
        id="CM-EVA-001",
        title="Small, plausible changes of a record turn the model's answer",
        severity=Severity.HIGH,
        why="whoever fills in the record decides the answer, and the changed record passes every input check",
        how="a decision-based attack asks for labels only and changes only what the schema lets an attacker change; "
        "every example is asked again on the model itself before it counts",
        fix="mark what attackers cannot change as immutable, check inputs for consistency, limit queries per person, "
        "prefer smoother models, and measure again",
        references=(
            "Chen, Jordan & Wainwright 2020, arXiv:1904.02144 (HopSkipJump)",
            "Rahmati et al. 2020, arXiv:2003.06468 (GeoDA)",
            "Carlini et al. 2019, arXiv:1902.06705 (on evaluating robustness)",
        ),
    ),
    reference="Chen, Jordan & Wainwright 2020 (HopSkipJump), Rahmati et al. 2020 (GeoDA); sparse steps of our own",
)

BRACKET = AssessmentSpec(
    id="evasion.bracket",
    title="Robust accuracy of a network, between certificates and attacks",
    kinds=("attack/evasion/bracket", "attack/evasion/trust"),
    metrics=(
        MetricSpec(
            name="robust_accuracy",
            unit="proportion",
            direction="higher",
            least_n=50,
            doc="inputs answered correctly that no attack turned; of masked models, bounded below by certificates",
        ),
        MetricSpec(
            name="certified_accuracy",
            unit="proportion",
            direction="higher",
            least_n=50,
            doc="inputs answered correctly that no change within the radius can turn, proven",
        ),
        MetricSpec(
            name="masking_signs",
            unit="signs",
            direction="lower",
            doc="signs that gradients are hidden, so that the attack's failure says nothing",
        ),
    ),
    access=Access.WEIGHTS,
    needs=("holdout", "tensors"),
    factory="casemate.threats.evasion.robustness:BracketEvasion",
    rule=Rule(
        id="CM-EVA-002",
        title="Changes too small to see turn the network's answer",
        severity=Severity.HIGH,
        why="whoever can touch the input decides the answer, and no person who looks at the input notices",
        how="attacks with the published strength go to what certificates leave open; every example is asked again on "
        "the network itself; signs of hidden gradients take the lower bound away, for a blinded attack proves nothing",
        fix="train adversarially or certifiably (`casemate harden --against evasion`) for the radius that matters, and "
        "measure again; a detector or a filter in front is no fix until it has been attacked through",
        references=(
            "Croce & Hein 2020, arXiv:2003.01690 (AutoAttack)",
            "Zhang et al. 2018, arXiv:1811.00866 (CROWN)",
            "Athalye, Carlini & Wagner 2018, arXiv:1802.00420 (obfuscated gradients)",
        ),
    ),
    reference="Croce & Hein 2020; Zhang et al. 2018; Athalye, Carlini & Wagner 2018",
)

TREES = AssessmentSpec(
    id="evasion.trees",
    title="Robust accuracy of trees over a table, between proof and example",
    kinds=("attack/evasion/trees",),
    metrics=(
        MetricSpec(
            name="robust_accuracy",
            unit="proportion",
            direction="higher",
            least_n=50,
            doc="rows answered correctly for which the search found no change within the radius that turns the answer",
        ),
        MetricSpec(
            name="certified_accuracy",
            unit="proportion",
            direction="higher",
            least_n=50,
            doc="rows answered correctly for which no such change exists, proven",
        ),
    ),
    access=Access.WEIGHTS,
    needs=("holdout", "schema"),
    factory="casemate.threats.evasion.trees.assess:TreesEvasion",
    rule=Rule(
        id="CM-EVA-003",
        title="Whoever knows the trees turns their answer within the schema",
        severity=Severity.HIGH,
        why="trees decide by thresholds; a record just beside one is turned by a change that no check of inputs sees",
        how="a search over boxes of thresholds finds the nearest record that the schema allows and the model answers "
        "otherwise, or proves that none lies within the radius; scalers and encoders before the trees are followed "
        "back to the table's own units, and every example is asked again on the model itself",
        fix="grow trees whose splits expect rows to move (`evasion.robust_splitting`), mark what attackers cannot "
        "change as immutable, and measure again",
        references=(
            "Kantchelian, Tygar & Joseph 2016, arXiv:1509.07892 (evasion of tree ensembles)",
            "Chen et al. 2019, arXiv:1906.03849 (robustness verification of trees)",
            "Devos, Meert & Davis 2021, arXiv:2011.07553 (Veritas)",
        ),
    ),
    reference="Kantchelian, Tygar & Joseph 2016; Chen et al. 2019; a search over radii of our own",
)


def _training(name: str, title: str, mechanism: str, reference: str) -> DefenseSpec:
    return DefenseSpec(
        id=f"evasion.{name}",
        title=title,
        changes="recipe",
        judged_by=(BRACKET.id,),
        factory=f"casemate.threats.evasion.hardening.defenses:{mechanism}",
        reference=reference,
    )


ADVERSARIAL = _training(
    "adversarial_training",
    "Train on the examples that projected gradient descent finds",
    "AdversarialTraining",
    "Madry et al. 2018, arXiv:1706.06083",
)
TRADES = _training(
    "trades", "Train for answers that do not move within the ball", "Trades", "Zhang et al. 2019, arXiv:1901.08573"
)
AWP = _training(
    "weight_perturbation",
    "Adversarial training that withstands perturbed weights too",
    "WeightPerturbation",
    "Wu, Xia & Wang 2020, arXiv:2004.05884",
)
FAST = _training(
    "fast_training",
    "Train on examples of one step, with a guard against catastrophic overfitting",
    "FastTraining",
    "Wong, Rice & Kolter 2020, arXiv:2001.03994",
)
FREE = _training(
    "free_training",
    "Train on each batch several times, inputs and weights moved by one gradient",
    "FreeTraining",
    "Shafahi et al. 2019, arXiv:1904.12843",
)
CERTIFIED = _training(
    "certified_training",
    "Train for the worst answer that interval bounds allow",
    "CertifiedTraining",
    "Gowal et al. 2018, arXiv:1810.12715",
)
SPLITTING = DefenseSpec(
    id="evasion.robust_splitting",
    title="Grow a forest whose splits are judged by the worst an adversary can do with rows near them",
    changes="recipe",
    judged_by=(DECISION.id, TREES.id),
    factory="casemate.threats.evasion.hardening.splitting:RobustSplitting",
    reference="Chen et al. 2019, arXiv:1902.10660",
)

ASSESSMENTS: tuple[AssessmentSpec, ...] = (DECISION, BRACKET, TREES)
DEFENSES: tuple[DefenseSpec, ...] = (ADVERSARIAL, TRADES, AWP, FAST, FREE, CERTIFIED, SPLITTING)
