"""How what is found in labelled texts is scored: letters, spans, public words, and how true scores are.

A span is right if one of the same type overlaps it with an intersection over union of at least a half; neighbors of one
type count as one. Types are mapped to those of ``TYPES``, everybody's alike. Intervals are of a bootstrap over
templates: texts of one template are not independent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks._text_templates import OPEN, Filled
from benchmarks._text_values import CHECKED
from benchmarks._texts import Found, counts, f1, merged, same

TYPES = {
    **{each: each for each in ("PERSON", "ORGANIZATION", "LOCATION", "CREDIT_CARD", "DATE_TIME", "PHONE_NUMBER",
                               "EMAIL_ADDRESS", "URL", "IBAN_CODE", "US_SSN", "IP_ADDRESS")},
    "STREET_ADDRESS": "LOCATION", "ADDRESS": "LOCATION", "GPE": "LOCATION", "ZIP_CODE": "LOCATION",
    "UK_POSTCODE": "LOCATION", "CA_POSTAL_CODE": "LOCATION", "DOMAIN_NAME": "URL", "DATE_OF_BIRTH": "DATE_TIME",
    "EMAIL": "EMAIL_ADDRESS", "PHONE": "PHONE_NUMBER", "SSN": "US_SSN", "DOB": "DATE_TIME", "DATE": "DATE_TIME",
    "ZIP": "LOCATION",
}  # fmt: skip
"""Of presidio-evaluator's templates; other types are not scored."""
ABROAD = TYPES | {
    "DE_PLZ": "LOCATION", "DE_KFZ": "LICENSE_PLATE", "DE_PASSPORT": "PASSPORT", "DE_ID_CARD": "ID_CARD",
    "DE_HEALTH_INSURANCE": "HEALTH_INSURANCE_NUMBER", "DE_VAT_ID": "EU_VAT_NUMBER", "IT_VAT_CODE": "EU_VAT_NUMBER",
    "IT_PASSPORT": "PASSPORT", "IT_IDENTITY_CARD": "ID_CARD", "ES_PASSPORT": "PASSPORT", "ES_CIF": "EU_VAT_NUMBER",
    "US_PASSPORT": "PASSPORT", "UK_PASSPORT": "PASSPORT", "NRP": OPEN, "AGE": OPEN, "TITLE": OPEN,
}  # fmt: skip
"""Of our own templates; other types stand for themselves, so that any that is found in vain counts."""
STRUCTURED = frozenset({"CREDIT_CARD", "PHONE_NUMBER", "EMAIL_ADDRESS", "URL", "IBAN_CODE", "US_SSN", "IP_ADDRESS"})
NUMBERED = STRUCTURED | {"EU_VAT_NUMBER", "IMEI", "MAC_ADDRESS"} | {each.upper() for each in CHECKED}
NAMED = ("PERSON", "LOCATION", "ORGANIZATION")
DRAWS, SEED = 1_000, 20_261_126
LETTERS, KEPT, WORDS = slice(0, 2), slice(2, 4), slice(4, 6)
"""Columns of ``letters``: covered of what is labelled; kept of the rest; capitalized words kept of the rest."""

Mapping = Callable[[str, Sequence[Found], frozenset[str] | None], list[Found]]


def mapped(text: str, spans: Sequence[Found], only: frozenset[str] | None = None) -> list[Found]:
    """In the types that are scored of presidio-evaluator's, neighbors joined."""
    made = [(a, b, TYPES[kind]) for a, b, kind in spans if kind in TYPES]
    return merged(text, [each for each in made if only is None or each[2] in only])


def abroad(text: str, spans: Sequence[Found], only: frozenset[str] | None = None) -> list[Found]:
    """In the types that are scored of our own templates, neighbors joined."""
    made = [(a, b, ABROAD.get(kind, kind)) for a, b, kind in spans]
    return merged(text, [each for each in made if each[2] != OPEN and (only is None or each[2] in only)])


def closed(part: Filled, found: Sequence[Found]) -> list[Found]:
    """What was found but for what lies, by half, in what may or may not be found."""
    doubtful = [each for each in part.spans if each[2] == OPEN]
    return [each for each in found if not any(2 * _shared(each, one) >= each[1] - each[0] for one in doubtful)]


def _shared(one: Found, two: Found) -> int:
    return min(one[1], two[1]) - max(one[0], two[0])


def letters(part: Filled, found: Sequence[Found]) -> list[int]:
    """Letters and digits covered and labelled, kept and not labelled; words with a capital kept and not labelled."""
    text = part.text
    state, under = bytearray(len(text)), bytearray(len(text))
    for start, end, _ in found:
        under[start:end] = b"\1" * (end - start)
    for start, end, kind in part.spans:
        state[start:end] = (b"\2" if kind == OPEN else b"\1") * (end - start)
    inside = [under[at] for at, each in enumerate(text) if state[at] == 1 and each.isalnum()]
    outside = [under[at] for at, each in enumerate(text) if state[at] == 0 and each.isalnum()]
    public, at = [], 0
    while at < len(text):
        stop = at + 1
        while text[at].isalnum() and stop < len(text) and text[stop].isalnum():
            stop += 1
        if text[at].isupper() and not any(state[at:stop]):
            public.append(any(under[at:stop]))
        at = stop
    return [sum(inside), len(inside), outside.count(0), len(outside), public.count(False), len(public)]


def spans(part: Filled, found: Sequence[Found], mapping: Mapping, only: frozenset[str] | None = None) -> list[int]:
    """Right, found and true of one text."""
    truth = Filled(part.text, mapping(part.text, part.spans, only), part.template)
    return list(counts([truth], [mapping(part.text, found, only)]))


class Tally:
    """Counts of one system over texts.

    Args:
        parts: the texts, labelled.
        found: what the system found in each.
        mapping: ``mapped`` or ``abroad``.
    """

    def __init__(self, parts: Sequence[Filled], found: Sequence[Sequence[Found]], mapping: Mapping) -> None:
        self._parts, self._mapping = parts, mapping
        self._found = [closed(part, mine) for part, mine in zip(parts, found, strict=True)]
        self._letters = np.array([letters(*each) for each in zip(parts, self._found, strict=True)])
        self._spans = self._counted(None)
        names = [each.template for each in parts]
        known = sorted(set(names))
        self._group = np.array([known.index(each) for each in names])

    def _counted(self, only: frozenset[str] | None) -> np.ndarray:
        both = zip(self._parts, self._found, strict=True)
        return np.array([spans(part, mine, self._mapping, only) for part, mine in both])

    def share(self, which: slice) -> float:
        """Of letters or words."""
        return _share(self._letters[:, which].sum(axis=0))

    def f1(self, only: frozenset[str] | None = None) -> float:
        """Micro F1, of some types or all."""
        table = self._spans if only is None else self._counted(only)
        return f1(*(int(each) for each in table.sum(axis=0)))

    def f2(self) -> float:
        """Micro F2: recall counts twice as much as precision."""
        right, said, true = self._spans.sum(axis=0)
        return float(5 * right / max(4 * true + said, 1))

    def recall_between(self) -> tuple[float, float]:
        """95 % interval of the share of letters that are covered."""
        return bootstrap(self._letters[:, LETTERS], self._group, _share)

    def f1_between(self) -> tuple[float, float]:
        """95 % interval of micro F1."""
        return bootstrap(self._spans, self._group, lambda total: f1(*(int(each) for each in total)))


def _share(total: np.ndarray) -> float:
    return float(total[0] / max(total[1], 1))


def bootstrap(rows: np.ndarray, group: np.ndarray, statistic: Callable[[np.ndarray], float]) -> tuple[float, float]:
    """95 % percentile interval of a statistic of summed rows, whole groups drawn (Davison, Hinkley, 1997, 3.8)."""
    sums = np.stack([np.bincount(group, weights=column) for column in rows.T], axis=1)
    rng = np.random.default_rng(SEED)
    draws = [statistic(sums[rng.integers(0, len(sums), len(sums))].sum(axis=0)) for _ in range(DRAWS)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def missed(parts: Sequence[Filled], found: Sequence[Sequence[Found]]) -> dict[str, tuple[int, int, int, int]]:
    """Per type: right, true, letters covered, letters; of those that are labelled, as they are labelled."""
    table: dict[str, list[int]] = {}
    for part, mine in zip(parts, found, strict=True):
        said = abroad(part.text, mine)
        for start, end, kind in part.spans:
            if kind == OPEN:
                continue
            row = table.setdefault(kind, [0, 0, 0, 0])
            own = (start, end, ABROAD.get(kind, kind))
            row[0] += any(same(own, each) or _within(own, each) for each in said)
            row[1] += 1
            for at in range(start, end):
                if part.text[at].isalnum():
                    row[2] += any(a <= at < b for a, b, _ in mine)
                    row[3] += 1
    return {kind: (a, b, c, d) for kind, (a, b, c, d) in table.items()}


def vain(parts: Sequence[Filled], found: Sequence[Sequence[Found]]) -> dict[str, list[str]]:
    """What was found of each type where nothing of that type is."""
    table: dict[str, list[str]] = {}
    for part, mine in zip(parts, found, strict=True):
        truth = abroad(part.text, part.spans)
        for each in abroad(part.text, closed(part, mine)):
            if not any(same(each, one) or _within(each, one) for one in truth):
                table.setdefault(each[2], []).append(part.text[each[0] : each[1]])
    return table


def judged(part: Filled, mine: Sequence[tuple[float, Found]], types: dict[str, str]) -> list[tuple[float, bool]]:
    """Each score and whether the span is right: of the type, and the same or a part of what is labelled."""
    want = merged(part.text, [(a, b, types.get(kind, kind)) for a, b, kind in part.spans if kind != OPEN])
    kept = set(closed(part, [each for _, each in mine]))
    made = []
    for score, each in mine:
        own = (each[0], each[1], types.get(each[2], each[2]))
        if each in kept and own[2] != OPEN:
            made.append((score, any(one[2] == own[2] and meets(own, one) for one in want)))
    return made


def calibration(rows: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error in ten bins (Naeini, Cooper, Hauskrecht, AAAI 2015)."""
    if not rows:
        return float("nan")
    score, right = (np.array(each, dtype=float) for each in zip(*rows, strict=True))
    bins = np.minimum((score * 10).astype(int), 9)
    return float(sum(abs((score - right)[bins == at].mean()) * np.mean(bins == at) for at in np.unique(bins)))


def meets(one: Found, two: Found) -> bool:
    """The same, or a part of it, as the number of a house is of an address."""
    return same((*one[:2], ""), (*two[:2], "")) or two[0] <= one[0] < one[1] <= two[1]


def _within(one: Found, two: Found) -> bool:
    return one[2] == two[2] and two[0] <= one[0] < one[1] <= two[1]
