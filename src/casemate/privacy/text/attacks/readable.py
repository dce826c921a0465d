"""Look for what was marked in what is left: as it stands, and as a reader would decode it.

A value that was masked in one place may stand in another, in other spelling, or encoded: ``jane%40example.com``. Here
the result is read in every way of `casemate.privacy.text.readings`, which is how an attacker reads it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from casemate.patterns.engine import Scanner
from casemate.privacy.text.attacks.outcome import Attacked
from casemate.privacy.text.context import split
from casemate.privacy.text.encoded import Points
from casemate.privacy.text.labeled import Labeled
from casemate.privacy.text.leaks import Count
from casemate.privacy.text.readings import SIGNS, around, readings
from casemate.privacy.text.redactor import Redacted

LEAST: Final = 4
"""Letters and digits below which finding a value proves nothing."""
_BETWEEN: Final = re.compile(r"(?<=\d)[\s.()/+-]{1,3}(?=\d)")


def readable(sample: Sequence[Labeled], made: Sequence[Redacted], wanted: frozenset[str] = frozenset()) -> Attacked:
    """Search each result for what was marked in its document.

    Args:
        sample: (n,) documents.
        made: (n,) what became of them.
        wanted: types that count; all if none.
    """
    before, after = Count(), Count()
    plain = decoded = tried = 0
    for number, (each, done) in enumerate(zip(sample, made, strict=True)):
        old, new = _folded(each.text), list(map(_folded, versions(done.text)))
        for (type, _), mentions in each.entities().items():
            values = {_needle(each.value(one)) for one in mentions} - {""}
            if not values or (wanted and type not in wanted):
                continue
            tried += 1
            stands, reads = _any(values, new[:1]), _any(values, new[1:])
            plain, decoded = plain + stands, decoded + (reads and not stands)
            before.add(number, _any(values, [old]), 1)
            after.add(number, stands or reads, 1)
    note = f"{plain} of {tried} stand in the result, {decoded} more once it is decoded, unspaced or unwrapped"
    return Attacked(
        "search", "read in the result what was marked", ("what was marked in the document",), "the texts as they are",
        before, after, note, "" if tried else f"nothing of {LEAST} letters or more is marked",
    )  # fmt: skip


def versions(text: str) -> Iterator[str]:
    """A text, and what its stretches say to a reader."""
    yield text
    data = text.encode("utf-8", "surrogatepass")
    at, scanner = Points(data), _scanner()
    signs = [
        (scanner.patterns[number].id, int(at[start]), int(at[stop])) for number, start, stop in scanner.places(data)
    ]
    for _, seen in (*around(text), *readings(text, signs)):
        yield seen.text


@cache
def _scanner() -> Scanner:
    return Scanner(SIGNS)


def _folded(text: str) -> str:
    """Words between spaces; digits that belong together in one."""
    return f" {' '.join(split(text))} \n {' '.join(split(_BETWEEN.sub('', text)))} "


def _needle(value: str) -> str:
    words = split(_BETWEEN.sub("", value))
    return f" {' '.join(words)} " if sum(map(len, words)) >= LEAST else ""


def _any(values: set[str], texts: Sequence[str]) -> bool:
    return any(value in text for value in values for text in texts)
