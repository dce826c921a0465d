"""Evidence kinds and the patterns that select them: "attack/membership/*" selects "attack/membership/lira"."""

from __future__ import annotations


def covers(pattern: str, kind: str) -> bool:
    """Whether a pattern selects a kind. A final "*" stands for everything below, the stem itself included.

    Example:
        >>> covers("attack/*", "attack/evasion/decision"), covers("attack/membership/*", "attack/membership")
        (True, True)
        >>> covers("attack/poison", "attack/poisoning")
        False
    """
    stem, star, _ = pattern.partition("*")
    if not star:
        return pattern == kind
    return kind.startswith(stem) or kind == stem.rstrip("/")
