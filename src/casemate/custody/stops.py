"""Why a walk ends early; both stay inside this room and become errors of ``casemate.core.errors`` at its door."""

from __future__ import annotations

from casemate.core.findings import Rule


class Malformed(Exception):
    """The bytes are not what the format says; what follows them cannot be known."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class Refused(Exception):
    """The bytes can be read, but in a way that no writer of models produces and an attacker would want."""

    def __init__(self, rule: Rule, message: str, offset: int) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.offset = offset
