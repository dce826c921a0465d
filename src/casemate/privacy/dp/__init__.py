"""Differential privacy: mechanisms whose noise can be trusted, what they spend, and models made of them.

Names load on first use, so that looking at one does not load the libraries of all.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from casemate.privacy.dp.accounting.accountant import Accountant
    from casemate.privacy.dp.accounting.book import Book
    from casemate.privacy.dp.accounting.events import Approximate, Gaussian, Laplace, Poisson
    from casemate.privacy.dp.accounting.planning import noise_for, steps_for
    from casemate.privacy.dp.bayes import CategoricalNB, GaussianNB
    from casemate.privacy.dp.boosting.ebm import ExplainableBoostingClassifier, ExplainableBoostingRegressor
    from casemate.privacy.dp.certificate import Certificate
    from casemate.privacy.dp.clusters import KMeans
    from casemate.privacy.dp.components import PCA
    from casemate.privacy.dp.linear.forecast import forecast
    from casemate.privacy.dp.linear.logistic import LogisticRegression
    from casemate.privacy.dp.linear.poisson import PoissonRegressor
    from casemate.privacy.dp.linear.ridge import LinearRegression, Ridge
    from casemate.privacy.dp.sgd.engine import PrivacyEngine
    from casemate.privacy.dp.sgd.loader import BatchMemoryManager
    from casemate.privacy.dp.sgd.repair import repaired
    from casemate.privacy.dp.sgd.training import PrivateTraining
    from casemate.privacy.dp.statistics import Statistics
    from casemate.privacy.dp.synthetic.table import SyntheticTable
    from casemate.privacy.dp.warning import PrivacyWarning

_HOMES: Final = {
    "Accountant": "accounting.accountant",
    "Approximate": "accounting.events",
    "BatchMemoryManager": "sgd.loader",
    "Book": "accounting.book",
    "CategoricalNB": "bayes",
    "Certificate": "certificate",
    "ExplainableBoostingClassifier": "boosting.ebm",
    "ExplainableBoostingRegressor": "boosting.ebm",
    "Gaussian": "accounting.events",
    "GaussianNB": "bayes",
    "KMeans": "clusters",
    "Laplace": "accounting.events",
    "LinearRegression": "linear.ridge",
    "LogisticRegression": "linear.logistic",
    "PCA": "components",
    "Poisson": "accounting.events",
    "PoissonRegressor": "linear.poisson",
    "PrivacyEngine": "sgd.engine",
    "PrivacyWarning": "warning",
    "PrivateTraining": "sgd.training",
    "Ridge": "linear.ridge",
    "Statistics": "statistics",
    "SyntheticTable": "synthetic.table",
    "forecast": "linear.forecast",
    "noise_for": "accounting.planning",
    "repaired": "sgd.repair",
    "steps_for": "accounting.planning",
}

__all__ = [
    "PCA",
    "Accountant",
    "Approximate",
    "BatchMemoryManager",
    "Book",
    "CategoricalNB",
    "Certificate",
    "ExplainableBoostingClassifier",
    "ExplainableBoostingRegressor",
    "Gaussian",
    "GaussianNB",
    "KMeans",
    "Laplace",
    "LinearRegression",
    "LogisticRegression",
    "Poisson",
    "PoissonRegressor",
    "PrivacyEngine",
    "PrivacyWarning",
    "PrivateTraining",
    "Ridge",
    "Statistics",
    "SyntheticTable",
    "forecast",
    "noise_for",
    "repaired",
    "steps_for",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
