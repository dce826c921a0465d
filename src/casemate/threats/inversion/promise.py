"""What the defenses of this room share: which tolerance they aim at, and what they promise."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from casemate.core.digests import canonical_json
from casemate.core.policy import Policy
from casemate.threats.inversion import declarations

AT: dict[str, float | str] = {"fpr": 0.01}
CONFIDENT = 0.9
"""A defense aims at what this share of models trained its way would pass, since only one will be trained and judged."""


def accepted(policy: Policy) -> float | None:
    """The strictest accepted TPR at a false-positive rate of 1 %, or None when the policy names none."""
    found = [
        tolerance.at_most
        for tolerance in policy.tolerances
        if tolerance.at_most is not None
        and tolerance.metric == "tpr"
        and tolerance.at in ({}, AT)
        and fnmatchcase(declarations.LIRA, tolerance.kind)
    ]
    return min(found, default=None)


def promise(kind: str, metric: str, at: Mapping[str, float | str]) -> str:
    """The key under which ``Proposal.predicted`` promises a figure of ``inversion.membership``."""
    return canonical_json([declarations.MEMBERSHIP.id, kind, metric, dict(at)]).decode()
