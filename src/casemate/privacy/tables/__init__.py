"""Tables of people, generalized so that privacy models hold; results say what holds and what does not.

Names load on first use, so that looking at one does not load the libraries of all.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from casemate.privacy.tables.anonymizer import Anonymizer
    from casemate.privacy.tables.cells import Cells
    from casemate.privacy.tables.closeness import BetaLikeness, EqualDistance, HierarchicalDistance, OrderedDistance
    from casemate.privacy.tables.dates import DateShift
    from casemate.privacy.tables.disclosure import levels
    from casemate.privacy.tables.diversity import DistinctDiversity, EntropyDiversity, RecursiveDiversity
    from casemate.privacy.tables.hierarchies import Hierarchy
    from casemate.privacy.tables.inference import infer
    from casemate.privacy.tables.losses import AverageClassSize, Discernibility, DomainShare, Entropy, Precision
    from casemate.privacy.tables.minimization.minimizer import Minimizer
    from casemate.privacy.tables.models import DeltaPresence, KAnonymity, KMap
    from casemate.privacy.tables.noise import Noise
    from casemate.privacy.tables.pseudonyms import PseudonymKey, Pseudonyms
    from casemate.privacy.tables.publishing import Publication, publish
    from casemate.privacy.tables.release import Release
    from casemate.privacy.tables.roles import infer_roles

_HOMES: Final = {
    "Anonymizer": "anonymizer",
    "AverageClassSize": "losses",
    "BetaLikeness": "closeness",
    "Cells": "cells",
    "DateShift": "dates",
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
    "Minimizer": "minimization.minimizer",
    "Noise": "noise",
    "OrderedDistance": "closeness",
    "Precision": "losses",
    "PseudonymKey": "pseudonyms",
    "Pseudonyms": "pseudonyms",
    "Publication": "publishing",
    "RecursiveDiversity": "diversity",
    "Release": "release",
    "infer": "inference",
    "infer_roles": "roles",
    "levels": "disclosure",
    "publish": "publishing",
}

__all__ = [
    "Anonymizer",
    "AverageClassSize",
    "BetaLikeness",
    "Cells",
    "DateShift",
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
    "Minimizer",
    "Noise",
    "OrderedDistance",
    "Precision",
    "PseudonymKey",
    "Pseudonyms",
    "Publication",
    "RecursiveDiversity",
    "Release",
    "infer",
    "infer_roles",
    "levels",
    "publish",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
