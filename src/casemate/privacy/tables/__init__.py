"""Tables of people, generalized so that privacy models hold; results say what holds and what does not.

Names load on first use, so that looking at one does not load the libraries of all.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from casemate.privacy.tables.anonymizer import Anonymizer
    from casemate.privacy.tables.closeness import BetaLikeness, EqualDistance, HierarchicalDistance, OrderedDistance
    from casemate.privacy.tables.disclosure import levels
    from casemate.privacy.tables.diversity import DistinctDiversity, EntropyDiversity, RecursiveDiversity
    from casemate.privacy.tables.hierarchies import Hierarchy
    from casemate.privacy.tables.inference import infer
    from casemate.privacy.tables.losses import AverageClassSize, Discernibility, DomainShare, Entropy, Precision
    from casemate.privacy.tables.models import DeltaPresence, KAnonymity, KMap
    from casemate.privacy.tables.release import Release

_HOMES: Final = {
    "Anonymizer": "anonymizer",
    "AverageClassSize": "losses",
    "BetaLikeness": "closeness",
    "DeltaPresence": "models",
    "Discernibility": "losses",
    "DistinctDiversity": "diversity",
    "DomainShare": "losses",
    "Entropy": "losses",
    "EntropyDiversity": "diversity",
    "EqualDistance": "closeness",
    "HierarchicalDistance": "closeness",
    "Hierarchy": "hierarchies",
    "KAnonymity": "models",
    "KMap": "models",
    "OrderedDistance": "closeness",
    "Precision": "losses",
    "RecursiveDiversity": "diversity",
    "Release": "release",
    "infer": "inference",
    "levels": "disclosure",
}

__all__ = [
    "Anonymizer",
    "AverageClassSize",
    "BetaLikeness",
    "DeltaPresence",
    "Discernibility",
    "DistinctDiversity",
    "DomainShare",
    "Entropy",
    "EntropyDiversity",
    "EqualDistance",
    "HierarchicalDistance",
    "Hierarchy",
    "KAnonymity",
    "KMap",
    "OrderedDistance",
    "Precision",
    "RecursiveDiversity",
    "Release",
    "infer",
    "levels",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
