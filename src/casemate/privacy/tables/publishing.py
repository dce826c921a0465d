"""From a table to one that may be handed out: roles, pseudonyms, generalization, a report and attacks, in one call."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import pandas as pd

from casemate.core.errors import DataError, UsageError
from casemate.core.observer import Observer, Silent
from casemate.privacy.tables.anonymizer import Anonymizer
from casemate.privacy.tables.attacks.compare import Report, link, minimal, rehearse
from casemate.privacy.tables.closeness import EqualDistance, OrderedDistance
from casemate.privacy.tables.columns import ColumnReport, report
from casemate.privacy.tables.dates import DateShift
from casemate.privacy.tables.diversity import DistinctDiversity, EntropyDiversity
from casemate.privacy.tables.frames import to_pandas
from casemate.privacy.tables.hierarchies import Hierarchy
from casemate.privacy.tables.inference import Kind
from casemate.privacy.tables.models import KAnonymity, Model
from casemate.privacy.tables.noise import Noise
from casemate.privacy.tables.options import ROLES, AnonymizeSection
from casemate.privacy.tables.pseudonyms import PseudonymKey, Pseudonyms
from casemate.privacy.tables.release import Release
from casemate.privacy.tables.roles import ColumnRole, infer_roles

MOST_NODES: Final = 100_000
"""Ways to generalize, above which ``auto`` takes Mondrian."""

CLOSING: Final = (
    "rates are what the attacks named here achieved; an attacker who knows more, or of other attacks, may achieve more",
    "whether people can no longer be identified in the sense of a law is for a person to judge, with this as evidence",
)
"""What is said of every release."""

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE", "NOT_EVIDENCED"]


@dataclass(frozen=True, eq=False)
class Publication:
    """A table to hand out, and what is known of it.

    Attributes:
        release: the table, what holds of it and what does not.
        roles: of the columns.
        columns: what each tells, before and after.
        attacks: what attackers achieve, before and after; None if they were not asked for.
        made: what was done to columns that were not generalized.
        lookups: of pseudonym columns, the value of each pseudonym. Secret.
        at_most: linkage rate that is tolerated, or None where k asks for nothing.
    """

    release: Release
    roles: tuple[ColumnRole, ...]
    columns: tuple[ColumnReport, ...]
    attacks: Report | None
    made: tuple[str, ...]
    lookups: Mapping[str, Mapping[str, str]]
    at_most: float | None

    @property
    def limits(self) -> tuple[str, ...]:
        """What is not protected."""
        return (*self.release.limits, *CLOSING)

    @property
    def verdict(self) -> tuple[Verdict, str]:
        """Whether the linkage rate stays below what is tolerated, decided on its bound."""
        if self.attacks is None or self.at_most is None:
            return "NOT_EVIDENCED", "no attack was run" if self.attacks is None else "no linkage rate was asked for"
        bound, least = self.attacks.bound, self.attacks.least
        said = f"who knows the quasi-identifiers and no more links at most {bound:.1%} (one-sided, 95 %)"
        said += f", tolerated {self.at_most:.1%}"
        if bound <= self.at_most:
            return "PASS", said
        return ("FAIL" if least > self.at_most else "INCONCLUSIVE"), said


def publish(
    table: Any, section: AnonymizeSection, key: PseudonymKey | None = None, observer: Observer | None = None
) -> Publication:
    """Make a table ready to be handed out.

    Args:
        table: (n, columns) one row a person; a frame of pandas or polars.
        section: what is asked for.
        key: of pseudonyms and date shifts.
        observer: hears about progress.

    Raises:
        UsageError: columns, roles and options do not fit, or a key is needed.
        DataError: a column does not hold what its role needs, or the models cannot hold.
    """
    heard, steps = observer or Silent(), "generalized and attacked" if section.attack else "generalized"
    people = to_pandas(table)
    people = people.rename(columns=str).reset_index(drop=True)
    roles = infer_roles(people, section.columns)
    by: dict[str, list[str]] = {role: [each.name for each in roles if each.role == role] for role in ROLES}
    changed, made, lookups = _changed(people, by, section, key)
    models = _models(people, by["sensitive"], section)
    trees, method = _trees(people, by["quasi"], models, section)
    limit = section.limit if method == "exact" else 0.0
    anonymizer = Anonymizer(models, limit, method=method, seconds=section.seconds, keep_order=section.keep_order)
    heard.begin(steps, 4 if section.attack else 1)
    release = anonymizer.release(changed, trees, drop=by["drop"])
    heard.advance(steps)
    if not len(release.table):
        raise DataError("no row is left to release", next_step="allow fewer rows to be left out: a smaller limit")
    attacks = (
        _attacked(people, anonymizer, release, trees, by, section, lambda: heard.advance(steps))
        if section.attack
        else None
    )
    heard.end(steps)
    tolerated = section.at_most or (attacks.tolerance if attacks else None)
    told = report(people, release.table, roles)
    return Publication(release, roles, told, attacks, made, lookups, tolerated)


def _models(people: pd.DataFrame, sensitive: Sequence[str], section: AnonymizeSection) -> list[Model]:
    models: list[Model] = [KAnonymity(section.k)] if section.k != 1 else []
    if (section.l > 1 or section.t < 1) and not sensitive:
        raise UsageError(
            "l and t are about sensitive columns, and there is none", next_step="name one: --sensitive NAME"
        )
    for name in sensitive:
        if section.l > 1:
            if section.diversity == "distinct" and section.l != int(section.l):
                raise UsageError(f"l = {section.l} is no number of values", next_step="give a whole l")
            distinct = section.diversity == "distinct"
            models.append(DistinctDiversity(name, int(section.l)) if distinct else EntropyDiversity(name, section.l))
        if section.t < 1:
            ordered = pd.api.types.is_numeric_dtype(people[name])
            models.append((OrderedDistance if ordered else EqualDistance)(name, section.t))
    if not models:
        raise UsageError("nothing is asked for", next_step="give --k 5, for example")
    return models


def _trees(
    people: pd.DataFrame, quasi: Sequence[str], models: Sequence[Model], section: AnonymizeSection
) -> tuple[dict[str, Hierarchy], Literal["exact", "mondrian"]]:
    """The hierarchy of each quasi-identifier, and the method."""
    if not quasi:
        raise UsageError(
            "there is no quasi-identifier", next_step="name the columns that others may know: --quasi NAME"
        )
    unknown = sorted(set(section.hierarchies) - set(quasi))
    if unknown:
        raise UsageError(f"{unknown[0]!r} has a hierarchy and is no quasi-identifier", next_step="give it that role")
    given = {name: how(section.hierarchies.get(name)) for name in quasi}
    method: Literal["exact", "mondrian"] = "exact" if section.method == "auto" else section.method
    trees = Anonymizer(models, method=method).hierarchies(people, given)
    if section.method == "auto" and math.prod(each.height + 1 for each in trees.values()) > MOST_NODES:
        return Anonymizer(models, method="mondrian").hierarchies(people, given), "mondrian"
    return trees, method


def how(told: str | None) -> Hierarchy | Kind | None:
    """What a configuration says of a column: a kind of generalization, the file of a hierarchy, or nothing.

    Raises:
        DataError: the file cannot be read, or holds no hierarchy.
    """
    if told is None:
        return None
    for kind in get_args(Kind):
        if told == kind:
            found: Kind = kind
            return found
    return Hierarchy.read(Path(told))


def _changed(
    people: pd.DataFrame, by: Mapping[str, list[str]], section: AnonymizeSection, key: PseudonymKey | None
) -> tuple[pd.DataFrame, tuple[str, ...], dict[str, dict[str, str]]]:
    """The table with pseudonyms, shifted dates and noise; what was done; and the values of pseudonyms."""
    changed, made, lookups = people.copy(), [], {}
    names, moved = by["pseudonym"], by["shift"]
    if (names or moved) and key is None:
        raise UsageError(
            "pseudonyms and date shifts need a key", next_step="name who keeps it: --key-service file:PATH"
        )
    if key is not None:
        for name in names:
            pseudonyms = Pseudonyms(key, section.contexts.get(name, name))
            changed[name] = pseudonyms.apply(people[name])
            lookups[name] = pseudonyms.lookup(people[name])
            chance = pseudonyms.collision(len(lookups[name]))
            made.append(f"{name}: {pseudonyms.statement}; any two are equal with a chance below {chance:.1g}")
        if moved:
            person = section.person or (names[0] if len(names) == 1 else "")
            if person not in people.columns:
                raise UsageError(
                    "nothing says whose dates are shifted", next_step="name the column of the person: --person NAME"
                )
            shift = DateShift(key, section.days, section.weeks, section.contexts.get(person, person))
            for name in moved:
                changed[name] = shift.apply(people[name], people[person])
                made.append(f"{name}: {shift.statement}")
    noisy = by["noise"]
    unknown = sorted(set(section.noise) ^ set(noisy))
    if unknown:
        raise UsageError(
            f"column {unknown[0]!r} has noise without a scale, or a scale without noise",
            next_step=f"give both at once: --noise {unknown[0]}=SCALE",
        )
    for name in noisy:
        noise = Noise(section.noise[name])
        changed[name] = noise.apply(people[name])
        made.append(f"{name}: {noise.statement}")
    return changed, tuple(made), lookups


def _attacked(
    people: pd.DataFrame, anonymizer: Anonymizer, release: Release, trees: Mapping[str, Hierarchy],
    by: Mapping[str, list[str]], section: AnonymizeSection, step: Callable[[], None],
) -> Report:  # fmt: skip
    """All attacks. Columns that were replaced are left out of the rehearsal: nobody can know what stands there."""
    known = [*by["sensitive"], *by["keep"]]
    linked = link(release, people, more=known, errors=section.errors, victims=section.victims, seed=section.seed)
    step()
    drop = [*by["drop"], *by["pseudonym"], *by["shift"], *by["noise"]]
    tried, left_out = rehearse(
        anonymizer, people, trees, by["sensitive"], drop=drop, victims=section.victims, seed=section.seed
    )
    step()
    guessed, not_guessed = minimal(anonymizer, release, people, by["sensitive"], seed=section.seed)
    step()
    return Report((*linked, *tried, *guessed), release, (*left_out, *not_guessed))
