"""``[purpose]``: what the data were collected for, and so which columns, how precisely, a model may use."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from casemate.core.policy import Policy, Tolerance
from casemate.privacy.tables.purpose.declared import KIND, NEEDS, PURPOSE

TOLERANCE: Final = "purpose"


class PurposeSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[purpose]``: what the data may be used for.

    Attributes:
        text: in the owner's words; it becomes the reason of the tolerance that a model outside of it fails.
        allowed: columns that a model may use; all, unless given.
        precision: of columns with numbers, the step to whose multiples they may be known, as ``{age = 5}``.
    """

    text: str = ""
    allowed: tuple[str, ...] | None = None
    precision: dict[str, float] = {}

    def __post_init__(self) -> None:
        for name, step in self.precision.items():
            if not 0 < step < float("inf"):
                raise ValueError(f"purpose.precision of {name!r} is {step}; give a step above 0")
            if self.allowed is not None and name not in self.allowed:
                raise ValueError(f"purpose.precision speaks of {name!r}, which purpose.allowed does not allow")

    @property
    def names(self) -> tuple[str, ...]:
        """Columns it speaks of."""
        return (*(self.allowed or ()), *self.precision)

    @property
    def stated(self) -> bool:
        """Whether it limits anything."""
        return self.allowed is not None or bool(self.precision)

    def options(self, assess: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Settings of assessments with this purpose in them, so that figures are made anew when it changes."""
        said = {"allowed": None if self.allowed is None else list(self.allowed), "precision": dict(self.precision)}
        purpose, needs = ({**assess.get(each.id, {})} for each in (PURPOSE, NEEDS))
        return {**assess, PURPOSE.id: {**purpose, **said}, NEEDS.id: {**needs, "allowed": said["allowed"]}}

    def policy(self, policy: Policy) -> Policy:
        """Tolerances with that of the purpose, unless there is one: nothing that is not allowed is used."""
        if any(each.metric == "disallowed_fields" for each in policy.tolerances):
            return policy
        reason = self.text or "the purpose allows no more"
        made = Tolerance(name=TOLERANCE, kind=KIND, metric="disallowed_fields", at_most=0.0, reason=reason)
        return msgspec.structs.replace(policy, tolerances=(*policy.tolerances, made))
