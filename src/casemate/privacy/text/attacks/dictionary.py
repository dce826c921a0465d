"""Turn pseudonyms back by trying all values that they may be of.

Beside it, the same values as plain SHA-256, which is what most people make pseudonyms of: those all fall, or the list
of values is too short to say anything. The list holds every value of the sample, which is the best that an attacker
can have.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from casemate.patterns.hashes import SHORTEST, turned_back
from casemate.privacy.text.attacks.outcome import Attacked
from casemate.privacy.text.labeled import Labeled
from casemate.privacy.text.leaks import Count, protected
from casemate.privacy.text.operators.base import canonical
from casemate.privacy.text.redactor import Redacted

Tokens = dict[str, tuple[str, str]]
"""Type and value, by what may be a hash of it."""
WORDS: Final = 12
"""Letters from which on something without digits is taken for a pseudonym, not for a word."""
_TOKEN: Final = re.compile(rf"[0-9A-Za-z+/=-]{{{SHORTEST},}}")


def dictionary(
    sample: Sequence[Labeled], made: Sequence[Redacted], candidates: Iterable[str] = (), salts: Sequence[str] = ("",)
) -> Attacked:
    """Hash everything that may stand behind the pseudonyms, in ten ways, and look the results up.

    Args:
        sample: (n,) documents.
        made: (n,) what became of them.
        candidates: further values, likely ones first.
        salts: texts that may stand before a value.
    """
    known = _pseudonyms(sample, made)
    values = sorted({value for tokens in known.values() for _, value in tokens.values()})
    said = Attacked(
        "dictionary", "turn pseudonyms back", ("a list that holds every value of the sample",),
        "the same values as plain SHA-256",
    )  # fmt: skip
    if not values:
        return _skipped(said, "what stands in the places are no pseudonyms: there is nothing to try values against")
    types = sorted({one.type for each in sample for one in each.spans})
    tries = list(dict.fromkeys(_forms(chain(values, candidates), types)))
    before, after, how = Count(), Count(), set[str]()
    for tokens in known.values():
        for count, wanted in ((before, _hashed(tokens)), (after, tokens)):
            found = turned_back(wanted.keys(), tries, salts)
            for token, (type, value) in wanted.items():
                right = canonical(found.values.get(token, ""), type) == canonical(value, type)
                count.add(len(count.by), right, 1)
            if wanted is tokens:
                how |= {found.how} - {""}
    note = f"{len(tries):,} values were tried" + (f"; the pseudonyms are {', '.join(sorted(how))}" if how else "")
    return Attacked(said.attack, said.goal, said.knows, said.against, before, after, note)


def _skipped(said: Attacked, why: str) -> Attacked:
    return Attacked(said.attack, said.goal, said.knows, said.against, skipped=why)


def _pseudonyms(sample: Sequence[Labeled], made: Sequence[Redacted]) -> dict[int, Tokens]:
    """By length."""
    found: dict[int, Tokens] = {}
    for each, done in zip(sample, made, strict=True):
        for at, new in protected(each, done).items():
            one = each.spans[at]
            bare = re.sub(r"\[?[A-Z][A-Z_]*[A-Z]_", "", new)  # what says the type
            token = max(_TOKEN.findall(bare), key=len, default="").strip("=-").lower()
            if len(token) >= (SHORTEST if any(map(str.isdigit, token)) else WORDS):
                found.setdefault(len(token), {})[token] = one.type, each.value(one)
    return found


def _hashed(tokens: Tokens) -> Tokens:
    return {hashlib.sha256(each[1].encode("utf-8", "surrogatepass")).hexdigest(): each for each in tokens.values()}


def _forms(values: Iterable[str], types: Sequence[str]) -> Iterator[str]:
    """Each value as it stands, folded, and as it is compared."""
    for value in values:
        yield from (value, value.strip().lower())
        yield from {canonical(value, type) for type in types}
