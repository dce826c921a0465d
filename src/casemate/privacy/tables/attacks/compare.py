"""Attacks before and after: what the same attackers achieve on the table as it is, and on what is released of it.

Linkage is tried on the release itself. Singling out and attribute disclosure need people who are not in it; those are
tried in a rehearsal: half of the table is released the same way, the other half is the control.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from casemate.core.errors import DataError, UsageError
from casemate.core.measurement import Measurement, Pair
from casemate.core.seeds import derive
from casemate.privacy.tables.anonymizer import Anonymizer
from casemate.privacy.tables.attacks.attribute import FEWEST, AttributeDisclosure
from casemate.privacy.tables.attacks.linkage import Linkage
from casemate.privacy.tables.attacks.minimality import Minimality
from casemate.privacy.tables.attacks.outcome import Outcome, change
from casemate.privacy.tables.attacks.published import Published
from casemate.privacy.tables.attacks.singling_out import SinglingOut
from casemate.privacy.tables.hierarchies import Hierarchy
from casemate.privacy.tables.models import KAnonymity
from casemate.privacy.tables.release import Release
from casemate.stats import Estimate

KIND: Final = "attack/linkage"
SLACK: Final = 0.02
"""By how much the bound of a linkage rate may exceed 1/k: what an interval of a few thousand trials needs."""

MOST_PEOPLE: Final = 25_000
"""In each half of a rehearsal; of larger tables some people are drawn."""
WORK: Final = 4_000_000
"""Draws of the minimality attack, times people."""

Attack = Linkage | SinglingOut | AttributeDisclosure | Minimality


@dataclass(frozen=True, eq=False)
class Comparison:
    """One attack on the table as it is and on its release, with the same victims.

    Attributes:
        attack: which.
        before, after: what came of it.
        judged: whether k-anonymity promises anything about it: the attacker knows no more than was named.
        rehearsed: whether both are of half of the table.
    """

    attack: Attack
    before: Outcome
    after: Outcome
    judged: bool = False
    rehearsed: bool = False

    @property
    def change(self) -> Estimate:
        """After less before, of the rates; of attacks without the same trials, of what they gain."""
        if isinstance(self.attack, Linkage):
            return change(self.before.successes, self.after.successes)
        return _unpaired(self.leak(self.before), self.leak(self.after))

    def leak(self, outcome: Outcome) -> Estimate:
        """What an outcome gains over what the attacker can do without the release, and over what it gains on others."""
        return outcome.excess if isinstance(self.attack, AttributeDisclosure) else outcome.gain

    def measurements(self, subject: str, seed: int) -> tuple[Measurement, Measurement]:
        """Both as records: the rate of linkage as ``reidentification``, of others what leaks, as ``excess``.

        Args:
            subject: what the table is called.
            seed: that the attack had.
        """
        before, after = (
            self._measured(outcome, {"knows": outcome.setting, "table": table}, subject, seed)
            for outcome, table in ((self.before, "as it is"), (self.after, "released"))
        )
        return before, after

    def pair(self, subject: str, seed: int) -> Pair:
        """Both and their difference; the attacks know the hierarchies and the algorithm."""
        before, after = self.measurements(subject, seed)
        found = self.change
        return Pair(
            defense="tables.generalize",
            adaptive=True,
            before=before,
            after=after,
            difference=found.value,
            low=found.low,
            high=found.high,
            p=None,
            method=found.method,
            conclusion=f"{self.after.attack}: from {before.estimate:.1%} to {after.estimate:.1%}",
        )

    def _measured(self, outcome: Outcome, at: dict[str, float | str], subject: str, seed: int) -> Measurement:
        common: dict[str, Any] = {
            "assessment": f"tables.{outcome.attack.replace(' ', '_')}",
            "kind": KIND,
            "subject": subject,
            "at": at,
            "threat_model": self.attack.threat_model,
            "seed": seed,
            "n": outcome.trials,
            "k": None,
        }
        if isinstance(self.attack, Linkage):
            bounds = outcome.interval
            note = f"expected correct matches {outcome.expected:.1f} of {outcome.trials}"
            return Measurement(
                **common, metric="reidentification", estimate=outcome.rate, low=bounds.low, high=bounds.high,
                method=bounds.method, note=note,
            )  # fmt: skip
        leak = self.leak(outcome)
        note = f"rate {outcome.rate:.1%}, without the release {outcome.rate - outcome.gain.value:.1%}"
        return Measurement(
            **common, metric="excess", estimate=leak.value, low=leak.low, high=leak.high, method=leak.method, note=note
        )


def _unpaired(before: Estimate, after: Estimate) -> Estimate:
    """A difference of two gains; their intervals are added, as if nothing were known of how they hang together."""
    interval = type(after.interval)(after.low - before.high, after.high - before.low, 0.95, "sum of intervals")
    return Estimate(after.value - before.value, interval, n=after.n)


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """What attackers achieve, before and after.

    Attributes:
        comparisons: the attacks.
        release: what was attacked.
        left_out: attacks that could not be tried, and why.
    """

    comparisons: tuple[Comparison, ...]
    release: Release
    left_out: tuple[str, ...] = ()

    @property
    def tolerance(self) -> float | None:
        """1/k + 2 points, or None where no k was asked for."""
        ks = [model.k for model in self.release.models if isinstance(model, KAnonymity)]
        return 1 / max(ks) + SLACK if ks else None

    @property
    def bound(self) -> float:
        """The largest one-sided upper bound of 95 % on the rate of an attacker who knows no more than was named.

        Rows that were shuffled agree with the old order here and there by chance. So the attack by order counts only
        where it does better than the prosecutor, who has no order to go by.
        """
        return max(each.after.upper for each in self._counted)

    @property
    def least(self) -> float:
        """The largest lower bound among these: more than this is surely linked."""
        return max(each.after.interval.low for each in self._counted)

    @property
    def _counted(self) -> list[Comparison]:
        judged = [each for each in self.comparisons if each.judged]
        chance = max(each.after.interval.high for each in judged if not _by_order(each))
        return [each for each in judged if not _by_order(each) or each.after.interval.low > chance]

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Attack, attacker, before, after: for people."""
        made = []
        for each in self.comparisons:
            said = [_said(each, outcome) for outcome in (each.before, each.after)]
            made.append(
                (each.after.attack + (" (rehearsal)" if each.rehearsed else ""), each.after.setting, said[0], said[1])
            )
        return made

    def __repr__(self) -> str:
        rows = [("attack", "attacker", "before", "after"), *self.rows()]
        widths = [max(len(row[at]) for row in rows) for at in range(4)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, *(f"not tried: {each}" for each in self.left_out)])

    def _repr_html_(self) -> str:
        head = "<tr><th>attack</th><th>attacker</th><th>before</th><th>after</th></tr>"
        rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in self.rows())
        return f"<table>{head}{rows}</table>" + "".join(
            f"<p>not tried: {html.escape(each)}</p>" for each in self.left_out
        )


def _by_order(comparison: Comparison) -> bool:
    return isinstance(comparison.attack, Linkage) and comparison.attack.scenario == "order"


def _said(comparison: Comparison, outcome: Outcome) -> str:
    if isinstance(comparison.attack, Linkage):
        bounds = outcome.interval
        return f"{outcome.rate:.1%} [{bounds.low:.1%}, {bounds.high:.1%}]"
    leak = comparison.leak(outcome)
    told = f"{outcome.rate:.1%}, {outcome.rate - outcome.gain.value:.1%} without"
    return f"{told}: leaks {100 * leak.value:+.1f} points [{100 * leak.low:+.1f}, {100 * leak.high:+.1f}]"


def link(
    release: Release, people: pd.DataFrame, *, more: Sequence[str] = (), errors: float = 0.1, victims: int = 3000,
    seed: int = 0,
) -> tuple[Comparison, ...]:  # fmt: skip
    """Link people to a release, and to the table as it is.

    Args:
        release: what was made.
        people: the table it was made of.
        more: columns that one more attacker knows besides the quasi-identifiers: what happens if too few were named.
        errors: chance that a value known to one of the attackers is wrong.
        victims: at most so many people are attacked.
        seed: of all randomness.

    Raises:
        UsageError: a column is missing.
    """
    after = Published.after(release, people)
    before = after.before()
    attacks = [
        Linkage(victims=victims, seed=seed),
        Linkage(errors=errors, victims=victims, seed=seed),
        Linkage("journalist", victims=victims, seed=seed),
        Linkage("order", victims=victims, seed=seed),
        *([Linkage(more=tuple(more), victims=victims, seed=seed)] if more else []),
    ]
    return tuple(Comparison(each, each.run(before), each.run(after), judged=not each.more) for each in attacks)


def rehearse(
    anonymizer: Anonymizer, people: pd.DataFrame, hierarchies: Mapping[str, Hierarchy], sensitive: Sequence[str] = (),
    *, drop: Sequence[str] = (), victims: int = 3000, seed: int = 0,
) -> tuple[tuple[Comparison, ...], tuple[str, ...]]:  # fmt: skip
    """Release half of a table the same way, and try on it what needs people who are not in a release.

    Of a table of more than 50,000 people, so many are drawn: the classes of their release are no larger than those of
    the whole table's, so that the attacks are not made to look weaker.

    Args:
        anonymizer: how the table is released.
        people: the table.
        hierarchies: of the quasi-identifiers, made from the whole table so that the control is inside them.
        sensitive: attributes to guess.
        drop: columns that are not released.
        victims: at most so many people are attacked.
        seed: of who is in which half, and of all other randomness.

    Returns:
        What was tried, and what could not be, with the reason.
    """
    order = np.random.default_rng(derive(seed, "tables.halves")).permutation(len(people))
    half = min(len(people) // 2, MOST_PEOPLE)
    kept = [name for name in people.columns if name not in drop]
    mine, others = (people[kept].iloc[np.sort(part)].reset_index(drop=True) for part in np.split(order[: 2 * half], 2))
    try:
        release = anonymizer.release(mine, hierarchies)
    except (DataError, UsageError) as error:
        return (), (f"singling out and attribute disclosure: half of the table is not released ({error.message})",)
    after = Published.after(release, mine)
    before = after.before()
    found: list[Comparison] = []
    for single in (SinglingOut(seed=seed), SinglingOut(all_columns=True, seed=seed))[: 1 + bool(after.others)]:
        one, two = (single.run(each, others) for each in (before, after))
        found.append(Comparison(single, one, two, rehearsed=True))
    if half // 2 < FEWEST:
        return tuple(found), tuple(f"disclosure of {name!r}: there are too few people" for name in sensitive)
    for name in sensitive:
        guess = AttributeDisclosure(name, victims=victims, seed=seed)
        one, two = (guess.run(each, others.iloc[: half // 2], others.iloc[half // 2 :]) for each in (before, after))
        found.append(Comparison(guess, one, two, rehearsed=True))
        if release.suppressed >= FEWEST:
            missing = AttributeDisclosure(name, left_out=True, victims=victims, seed=seed)
            seen = missing.run(after, others.iloc[: half // 2], others.iloc[half // 2 :])
            found.append(Comparison(missing, _unknown(seen), seen, rehearsed=True))
    return tuple(found), ()


def minimal(
    anonymizer: Anonymizer, release: Release, people: pd.DataFrame, sensitive: Sequence[str] = (), *, seed: int = 0
) -> tuple[tuple[Comparison, ...], tuple[str, ...]]:
    """Guess sensitive attributes from why nothing finer was released, where a model asks about them.

    Args:
        anonymizer: how the table was released.
        release: what was made.
        people: the table it was made of.
        sensitive: attributes to guess.
        seed: of the draws.

    Returns:
        What was tried, and what could not be, with the reason.
    """
    found, left_out = [], []
    asked = {model.attribute for model in anonymizer.models}
    for name in (each for each in sensitive if each in asked):
        attack = Minimality(name, draws=max(1, min(2000, WORK // len(people))), seed=seed)
        after = Published.after(release, people)
        try:
            found.append(Comparison(attack, attack.before(after), attack.run(after, anonymizer)))
        except (DataError, UsageError) as error:
            left_out.append(f"minimality, {name!r}: {error.cause or error.message}")
    return tuple(found), tuple(left_out)


def _unknown(seen: Outcome) -> Outcome:
    """The same people before anything is released: nobody is seen to be missing, and guesses are the model's alone."""
    alone = np.zeros(seen.trials) if seen.without is None else seen.without
    return Outcome(seen.attack, seen.setting, alone, alone, None if seen.control is None else _unknown(seen.control))
