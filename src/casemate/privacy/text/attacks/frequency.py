"""Tell what pseudonyms stand for by how often they occur, and beside which others.

Half of the documents are what the attacker has in plain, the other half is attacked. Pseudonyms and values are matched
in the order of their frequency; then the match is refined by who occurs with whom in a document (graph matching).
What is the same for all values of a type (a label) tells that the most frequent value is the best guess; that much
anybody knows, and it is said beside the figure.

Sources: Naveed, Kamara & Wright 2015, "Inference attacks on property-preserving encrypted databases", CCS, sections 4.1
and 4.2 (by rank); Islam, Kuzu & Kantarcioglu 2012, NDSS (co-occurrence); Vogelstein et al. 2015, "Fast approximate
quadratic programming for graph matching", PLoS ONE 10(4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from scipy.optimize import quadratic_assignment

from casemate.core.seeds import derive
from casemate.privacy.text.attacks.outcome import Attacked
from casemate.privacy.text.labeled import Labeled
from casemate.privacy.text.leaks import Count, protected
from casemate.privacy.text.operators.base import canonical
from casemate.privacy.text.redactor import Redacted

MOST: Final = 60
"""Most frequent values that are matched by whom they occur with; the others by rank alone."""
FEWEST: Final = 20
"""Documents below which halves say nothing."""

Seen = list[Counter[str]]
"""How often each word stands in each document."""


def frequency(sample: Sequence[Labeled], made: Sequence[Redacted], *, seed: int = 0) -> Attacked:
    """Match pseudonyms with values, by type.

    Args:
        sample: (n,) documents.
        made: (n,) what became of them.
        seed: of the halves, and of the order of what is equally frequent.
    """
    knows = "other documents of the same kind, in plain", "which type stands where"
    said = "frequency", "tell what pseudonyms stand for", knows, "the texts as they are"
    if len(sample) < FEWEST:
        return Attacked(*said, skipped=f"{len(sample)} documents; at least {FEWEST} are needed")
    rng = np.random.default_rng(derive(seed, "text.frequency"))
    half = set(rng.permutation(len(sample))[: len(sample) // 2].tolist())
    known: dict[str, Seen] = {}
    attacked: dict[str, list[tuple[int, str, str]]] = {}
    for at, (each, done) in enumerate(zip(sample, made, strict=True)):
        if at in half:
            for type in {one.type for one in each.spans}:
                words = Counter(canonical(each.value(one), type) for one in each.spans if one.type == type)
                known.setdefault(type, []).append(words)
            continue
        for number, new in protected(each, done).items():
            one = each.spans[number]
            attacked.setdefault(one.type, []).append((at, new, canonical(each.value(one), one.type)))
    return _matched(said, known, attacked, rng)


def _matched(
    said: tuple[str, str, tuple[str, ...], str],
    known: Mapping[str, Seen],
    attacked: Mapping[str, list[tuple[int, str, str]]],
    rng: np.random.Generator,
) -> Attacked:
    before, after, blind, group = Count(), Count(), 0, 0
    for type, mentions in sorted(attacked.items()):
        guesses = guess(_documents(mentions), known.get(type, []), rng)
        usual = Counter[str]()
        for words in known.get(type, []):
            usual.update(words)
        likely = usual.most_common(1)[0][0] if usual else ""
        for value in sorted({value for _, _, value in mentions}):  # what is said of one value is right or wrong at once
            group += 1
            mine = [new for _, new, truth in mentions if truth == value]
            before.add(group, len(mine), len(mine))
            after.add(group, sum(guesses.get(new) == value for new in mine), len(mine))
            blind += len(mine) * (value == likely)
    if not after.n:
        return Attacked(*said, skipped="nothing was replaced by itself, from its first to its last letter")
    note = f"who never sees the result and names the most frequent value is right about {blind} of {after.n}"
    return Attacked(*said, before, after, note)


def _documents(mentions: Sequence[tuple[int, str, str]]) -> Seen:
    found: dict[int, Counter[str]] = {}
    for at, new, _ in mentions:
        found.setdefault(at, Counter())[new] += 1
    return list(found.values())


def guess(seen: Seen, known: Seen, rng: np.random.Generator) -> dict[str, str]:
    """A value for each pseudonym that has one.

    Args:
        seen: pseudonyms in each document that is attacked.
        known: values in each document that is known.
        rng: for what is equally frequent.

    Example:
        >>> ada = [Counter(ada=3, bob=1)] * 5
        >>> guess([Counter(x=1, y=3)] * 5, ada, np.random.default_rng(0))
        {'y': 'ada', 'x': 'bob'}
    """
    names, values = _ranked(seen, rng), _ranked(known, rng)
    size = min(len(names), len(values), MOST)
    found = dict(zip(names, values, strict=False))
    if size > 2:
        ours, theirs = _together(seen, names[:size]), _together(known, values[:size])
        if ours.any() and theirs.any():
            found |= {names[int(which)]: values[at] for at, which in enumerate(_aligned(theirs, ours, rng))}
    return found


def _aligned(theirs: np.ndarray, ours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n,) the row of ``ours`` that each row of ``theirs`` is, as far as both occur with the same others.

    The order by rank is a local optimum of the relaxed problem, so pairs are exchanged, from there and from where
    square roots lead, which weigh rare company more; the better of both by the distance of Hellinger is taken.
    """
    roots = np.sqrt(theirs), np.sqrt(ours)
    ranks = np.arange(len(ours))
    smooth = 0.5 * np.eye(len(ours)) + 0.5 / len(ours)
    led = quadratic_assignment(
        *roots, method="faq", options={"maximize": True, "P0": smooth, "maxiter": 30, "rng": rng}
    ).col_ind
    starts = _exchanged(theirs, ours, ranks, rng), led
    ends = [_exchanged(*roots, start, rng) for start in starts]
    return max(ends, key=lambda end: float((roots[0] * roots[1][np.ix_(end, end)]).sum()))


def _exchanged(theirs: np.ndarray, ours: np.ndarray, start: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    pairs = np.column_stack([np.arange(len(start)), start])
    made = quadratic_assignment(
        theirs, ours, method="2opt", options={"maximize": True, "partial_guess": pairs, "rng": rng}
    )
    return np.asarray(made.col_ind)


def _ranked(documents: Seen, rng: np.random.Generator) -> list[str]:
    """Words by how often they occur; those that occur equally often in no order that tells anything."""
    total: Counter[str] = Counter()
    for each in documents:
        total.update(each)
    order = sorted(total)
    rng.shuffle(order)
    return sorted(order, key=lambda word: -total[word])


def _together(documents: Seen, words: Sequence[str]) -> np.ndarray:
    """(n, n) share of the documents in which two words stand; of a word with itself, its share of all."""
    at = {word: number for number, word in enumerate(words)}
    made = np.zeros((len(words), len(words)))
    for each in documents:
        there = [at[word] for word in each if word in at]
        made[np.ix_(there, there)] += 1
    return made / max(len(documents), 1)
