"""Adversarial examples: small changes of an input that turn the model's answer, and what they cost the attacker.

Attacks on tables need no torch; those on tensors do, so their names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from casemate.threats.evasion.attacks import APGD, FAB, FGSM, MIM, PGD, AutoAttack, Square
    from casemate.threats.evasion.balls import L1, L2, Linf
    from casemate.threats.evasion.bracket import Bracket, Bracketed
    from casemate.threats.evasion.certificates.certify import Certificate, certify
    from casemate.threats.evasion.certificates.smoothing import Smoothed
    from casemate.threats.evasion.compat import fgsm
    from casemate.threats.evasion.decisions.attacks import HopSkipJump, NormalSearch
    from casemate.threats.evasion.decisions.labels import LabelFunction
    from casemate.threats.evasion.evaluation import Evaluation
    from casemate.threats.evasion.guards.detector import Detected
    from casemate.threats.evasion.guards.judge import judge
    from casemate.threats.evasion.guards.preprocess import Preprocessed
    from casemate.threats.evasion.guards.result import Judged
    from casemate.threats.evasion.masking import Trust, examine
    from casemate.threats.evasion.norms.attacks import DDN, FMN, CarliniWagner, MinimumEnsemble, MinimumFAB, SigmaZero
    from casemate.threats.evasion.norms.patch import AdversarialPatch, Scenes
    from casemate.threats.evasion.norms.universal import UniversalPerturbation

_HOMES: Final = {
    "AdversarialPatch": "norms.patch",
    "CarliniWagner": "norms.attacks",
    "DDN": "norms.attacks",
    "FMN": "norms.attacks",
    "HopSkipJump": "decisions.attacks",
    "L1": "balls",
    "LabelFunction": "decisions.labels",
    "MinimumEnsemble": "norms.attacks",
    "MinimumFAB": "norms.attacks",
    "NormalSearch": "decisions.attacks",
    "Scenes": "norms.patch",
    "SigmaZero": "norms.attacks",
    "UniversalPerturbation": "norms.universal",
    "APGD": "attacks",
    "FAB": "attacks",
    "FGSM": "attacks",
    "MIM": "attacks",
    "PGD": "attacks",
    "AutoAttack": "attacks",
    "Bracket": "bracket",
    "Bracketed": "bracket",
    "Square": "attacks",
    "L2": "balls",
    "Linf": "balls",
    "Certificate": "certificates.certify",
    "Detected": "guards.detector",
    "Evaluation": "evaluation",
    "Judged": "guards.result",
    "Preprocessed": "guards.preprocess",
    "Smoothed": "certificates.smoothing",
    "Trust": "masking",
    "certify": "certificates.certify",
    "examine": "masking",
    "fgsm": "compat",
    "judge": "guards.judge",
}

__all__ = [
    "APGD",
    "DDN",
    "FAB",
    "FGSM",
    "FMN",
    "L1",
    "L2",
    "MIM",
    "PGD",
    "AdversarialPatch",
    "AutoAttack",
    "Bracket",
    "Bracketed",
    "CarliniWagner",
    "Certificate",
    "Detected",
    "Evaluation",
    "HopSkipJump",
    "Judged",
    "LabelFunction",
    "Linf",
    "MinimumEnsemble",
    "MinimumFAB",
    "NormalSearch",
    "Preprocessed",
    "Scenes",
    "SigmaZero",
    "Smoothed",
    "Square",
    "Trust",
    "UniversalPerturbation",
    "certify",
    "examine",
    "fgsm",
    "judge",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
