"""Differential privacy: mechanisms whose noise can be trusted, what they spend, and models made of them.

Names load on first use, so that looking at one does not load the libraries of all.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from casemate.privacy.dp.certificate import Certificate
    from casemate.privacy.dp.linear.logistic import LogisticRegression
    from casemate.privacy.dp.warning import PrivacyWarning

_HOMES: Final = {
    "Certificate": "certificate",
    "LogisticRegression": "linear.logistic",
    "PrivacyWarning": "warning",
}

__all__ = ["Certificate", "LogisticRegression", "PrivacyWarning"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
