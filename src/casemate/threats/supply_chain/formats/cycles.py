"""Circles in small graphs of names: functions that call each other, links that lead to each other."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def cyclic(calls: Mapping[Name, Iterable[Name]]) -> Name | None:
    """A name that leads back to itself, or None. Linear in names and calls.

    Example:
        >>> cyclic({"a": ["b"], "b": ["c"]}) is None
        True
        >>> cyclic({"a": ["b"], "b": ["a"]}) in ("a", "b")
        True
    """
    try:
        TopologicalSorter(calls).prepare()
    except CycleError as error:
        found: list[Name] = error.args[1]
        return found[0]
    return None
