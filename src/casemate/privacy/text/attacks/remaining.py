"""Find the person of a document by what is left of it: places, dates, employers, and everything else that narrows down.

The attacker has a list of what is said of everybody in the sample, and keeps those whose entry holds all that is left.
Source: Sweeney 2000 (quasi-identifiers); Pilán et al. 2022 (direct and quasi-identifiers in texts).
"""

from __future__ import annotations

from collections.abc import Sequence

from casemate.privacy.text.attacks.outcome import Attacked
from casemate.privacy.text.labeled import NEITHER, Labeled
from casemate.privacy.text.leaks import Count, exposed
from casemate.privacy.text.operators.base import canonical
from casemate.privacy.text.redactor import Redacted
from casemate.privacy.text.types import types

Value = tuple[str, str]
"""Type, and value as it is compared."""


def remaining(sample: Sequence[Labeled], made: Sequence[Redacted], wanted: frozenset[str] = frozenset()) -> Attacked:
    """Single documents out by their quasi-identifiers.

    Args:
        sample: (n,) documents, each of another person.
        made: (n,) what became of them.
        wanted: types that count; all if none.
    """
    said = ("quasi-identifiers", "find the person of a document", ("what the document of everybody says",),
            "the texts as they are")  # fmt: skip
    known = [_said(each, range(len(each.spans)), wanted) for each in sample]
    if not any(known):
        return Attacked(*said, skipped="no quasi-identifiers are marked (see the relation of types)")
    by: dict[Value, set[int]] = {}
    for number, values in enumerate(known):
        for value in values:
            by.setdefault(value, set()).add(number)
    before, after, left = Count(), Count(), 0
    for number, (each, done, values) in enumerate(zip(sample, made, known, strict=True)):
        if not values:
            continue
        rest = _said(each, exposed(each, done), wanted)
        left += bool(rest)
        before.add(number, _alone(values, by), 1)
        after.add(number, _alone(rest, by), 1)
    note = f"{left} of {after.n} documents still say something that narrows down whose they are"
    return Attacked(*said, before, after, note)


def _said(each: Labeled, which: Sequence[int] | range, wanted: frozenset[str]) -> set[Value]:
    mine = (each.spans[at] for at in which)
    return {
        (one.type, canonical(each.value(one), one.type))
        for one in mine
        if one.type not in NEITHER and (not wanted or one.type in wanted) and _narrows(one.type)
    }


def _narrows(type: str) -> bool:
    return type not in types() or types()[type].relation in ("quasi", "special")


def _alone(values: set[Value], by: dict[Value, set[int]]) -> bool:
    """Whether nobody else's entry holds all of these."""
    return bool(values) and len(set.intersection(*(by[value] for value in values))) == 1
