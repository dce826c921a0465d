"""Evasion of tree ensembles: how far a row must move, exactly, and what can be proven about a model from it.

``read`` turns a fitted model of scikit-learn, XGBoost or LightGBM into arrays. ``TreeAttack`` finds, for each row, the
nearest one that the constraints allow and the model answers otherwise, or bounds of its distance. ``TreeRobustness``
counts rows that are certified, and rows that the attack left standing.
"""

from casemate.threats.evasion.trees.attack import TreeAttack, TreeRadius
from casemate.threats.evasion.trees.constraints import Constraints, Feature
from casemate.threats.evasion.trees.evaluate import TreeBracket, TreeEvaluation, TreeRobustness
from casemate.threats.evasion.trees.form import Ensemble
from casemate.threats.evasion.trees.pipeline import TableTrees
from casemate.threats.evasion.trees.read import read

__all__ = [
    "Constraints",
    "Ensemble",
    "Feature",
    "TableTrees",
    "TreeAttack",
    "TreeBracket",
    "TreeEvaluation",
    "TreeRadius",
    "TreeRobustness",
    "read",
]
