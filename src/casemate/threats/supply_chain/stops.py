"""Why a parser ends early; all three stay inside this room and become findings or verdicts at its door."""

from __future__ import annotations


class NotMine(Exception):
    """The bytes are not of this format after all; another parser may know them. No finding, no verdict."""


class Malformed(Exception):
    """The bytes are of this format but not what it says; what follows ``offset`` cannot be known: unreadable."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class Refused(Exception):
    """The bytes can be read, but in a way that no writer of models produces and an attacker would want.

    Args:
        fact: the kind of fact, "family.name", for which a rule in ``rules/family.toml`` exists.
        message: what was seen, in one line; names as they are, never contents.
        offset: where, in bytes from the start of the view.
    """

    def __init__(self, fact: str, message: str, offset: int) -> None:
        super().__init__(message)
        self.fact = fact
        self.message = message
        self.offset = offset
