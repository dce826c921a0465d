"""Re-identification as an assessment: the training rows, or what was handed out of them, attacked as in a release.

What is counted on all rows (k, l, t) carries no interval. Rates of attacks do, over classes: rows that agree on what
the attacker knows succeed or fail together, and a table like this one would have other classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from casemate.core.measurement import Measurement, Pair
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.privacy.tables.attacks.linkage import Linkage
from casemate.privacy.tables.attacks.outcome import Outcome
from casemate.privacy.tables.attacks.singling_out import SinglingOut
from casemate.privacy.tables.audited import Audited, as_it_is, audited
from casemate.privacy.tables.declared import ANONYMITY, LINKAGE, LINKED
from casemate.privacy.tables.disclosure import levels
from casemate.privacy.tables.inference import as_text
from casemate.stats import mover
from casemate.training.engagement import Conclusion, Engagement, Result, Task

VICTIMS: Final = {"quick": 1000, "standard": 3000, "thorough": 10_000}
ERRORS: Final = 0.1
"""Chance that a value which one of the attackers knows is wrong, if nothing else is configured."""
COUNTED: Final = "counted"
CLASSES: Final = "classes"
SINGLED: Final = "singled out"
BEYOND: Final = "prosecutor, knows sensitive columns too"
"""The attacker who knows more than the quasi-identifiers."""
SAID: Final = {"before": "the rows as they are", "after": "the rows as they were released"}
"""Not part of what a figure is about, so that a later audit of what was released takes the place of an earlier one."""


class Reidentification:
    """Look for people in the training rows."""

    spec = LINKAGE

    def applies(self, engagement: Engagement) -> str:
        """Whether anybody could know anything, and there is a table."""
        table = audited(engagement, self.spec.id)
        if table.quasi:
            return ""
        roles = ", ".join(f"{each.name}: {each.role}" for each in table.roles[:5])
        return (
            "no quasi-identifiers: none is declared in [anonymize.columns], and no column looks like something that "
            f"others know ({roles}{', ...' if len(table.roles) > 5 else ''})"
        )

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """What is counted, then one task an attacker."""
        table = audited(engagement, self.spec.id)
        thousands = len(table.people) / 1000
        names = [CLASSES, *self._attackers(engagement, table), SINGLED]
        return tuple(Task(name, seconds=round(0.2 + 0.1 * thousands, 1)) for name in names)

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Count, or attack.

        Raises:
            DataError: what was handed out is no table of these people.
        """
        table = audited(engagement, self.spec.id)
        if task.id == CLASSES:
            return _classes(table)
        if task.id == SINGLED:
            return _singled(table, self._seed(engagement))
        attack = self._attackers(engagement, table)[task.id]
        found = _arrays("before", attack.run(table.before))
        return found | (_arrays("after", attack.run(table.after)) if table.after is not None else {})

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """Figures of what others have or would have; with a file that was handed out, pairs with the table as it is."""
        table = audited(engagement, self.spec.id)
        now = "before" if table.handed_out is None else "after"
        made = _Figures(engagement, table, self._seed(engagement), now)
        figures, pairs, judged = list(made.counted(results[CLASSES])), list[Pair](), list[Measurement]()
        for name, attack in self._attackers(engagement, table).items():
            metric = "reidentification_beyond" if name == BEYOND else "reidentification"
            both = {
                when: made.rate(metric, name, _outcome(results[name], when, attack.setting), attack, when)
                for when in ("before", now)
            }
            figures.append(both[now])
            if name != BEYOND:
                judged.append(both[now])
            if now == "after":
                pairs.append(_pair(both["before"], both["after"]))
        worst = max(judged, key=lambda each: (each.worst, each.estimate))
        figures.insert(0, made.summary(worst))
        figures += made.singled(results[SINGLED])
        return Conclusion(figures, pairs=pairs)

    def _seed(self, engagement: Engagement) -> int:
        return derive(engagement.seed, self.spec.id)

    def _attackers(self, engagement: Engagement, table: Audited) -> dict[str, Linkage]:
        """By name, the same whatever was released.

        Whether rows of one class stand in an order that tells is not asked here: which of them is whose is not known.
        """
        settings, seed = engagement.settings(self.spec.id), self._seed(engagement)
        some = int(settings.get("victims") or VICTIMS[engagement.effort])
        errors = float(settings.get("errors", ERRORS))
        everybody = len(table.people)
        found = {"prosecutor": Linkage(victims=everybody, seed=seed)}
        if errors:
            found["prosecutor, partly wrong"] = Linkage(errors=errors, victims=some, seed=seed)
        if table.beyond:
            found[BEYOND] = Linkage(more=tuple(table.beyond), victims=everybody, seed=seed)
        found["journalist"] = Linkage("journalist", victims=everybody, seed=seed)
        return found


class _Figures:
    """Measurements of one engagement."""

    def __init__(self, engagement: Engagement, table: Audited, seed: int, now: str) -> None:
        self.table, self.now = table, now
        self.common: dict[str, Any] = {"assessment": LINKAGE.id, "subject": engagement.name, "seed": seed}
        self.units = {each.name: (each.unit, each.direction) for each in LINKAGE.metrics}

    def counted(self, found: Result) -> Iterator[Measurement]:
        """k, l, t and their kin."""
        for name in ("k", "unique"):
            yield self._count(name, float(found[name][0]), {}, int(found["rows"][0]))
        for at, of in enumerate(found["sensitive"].tolist()):
            for name in ("l", "l_entropy", "t", "disclosed"):
                yield self._count(name, float(found[name][at]), {"of": of}, int(found["rows"][0]))

    def rate(self, metric: str, name: str, outcome: Outcome, attack: Linkage, when: str) -> Measurement:
        """How often an attacker points at the right row."""
        found = outcome.clustered
        threat = attack.threat_model
        return Measurement(
            **self._basics(metric, {"attacker": name}, LINKED),
            estimate=found.value,
            low=found.low,
            high=found.high,
            n=outcome.trials,
            k=None,
            clusters=found.clusters,
            method=found.method,
            threat_model=ThreatModel(
                goal=threat.goal,
                knowledge=(*threat.knowledge, self.table.said),
                access=Access.LABELS,
                queries=0,
            ),
            note=f"{SAID[when]}, {outcome.setting}: expected correct matches {outcome.expected:.1f} of "
            f"{outcome.trials}; {self.table.said}",
        )

    def summary(self, worst: Measurement) -> Measurement:
        """The attacker who does best with the quasi-identifiers, as what is said of the data."""
        fields = {name: getattr(worst, name) for name in worst.__struct_fields__}
        note = f"the attacker who does best: {worst.at['attacker']}; {worst.note}"
        return Measurement(**{**fields, "kind": ANONYMITY, "at": {}, "note": note})

    def singled(self, found: Result) -> list[Measurement]:
        """What descriptions tell, if there were people to compare with."""
        if not len(found["successes"]):
            return []
        attack = SinglingOut()
        outcome = Outcome("singling out", attack.setting, found["successes"], without=found["without"])
        gain = outcome.gain
        return [
            Measurement(
                **self._basics("singled_out", {}, LINKED),
                estimate=gain.value,
                low=gain.low,
                high=gain.high,
                n=outcome.trials,
                k=None,
                method=gain.method,
                threat_model=attack.threat_model,
                note=f"{SAID[self.now]}: {outcome.rate:.1%} of the descriptions fit one of "
                f"{int(found['people'][0])} people, {outcome.rate - gain.value:.1%} one of as many strangers",
            )
        ]

    def _count(self, metric: str, value: float, at: dict[str, float | str], rows: int) -> Measurement:
        return Measurement(
            **self._basics(metric, at, ANONYMITY),
            estimate=value,
            low=None,
            high=None,
            n=rows,
            k=None,
            method=COUNTED,
            threat_model=ThreatModel(
                goal="tell rows apart, or learn what they say",
                knowledge=(self.table.said,),
                access=Access.LABELS,
                queries=0,
            ),
            note=f"{SAID[self.now]}; {self.table.said}",
        )

    def _basics(self, metric: str, at: dict[str, float | str], kind: str) -> dict[str, Any]:
        unit, direction = self.units[metric]
        return {**self.common, "metric": metric, "kind": kind, "at": at, "unit": unit, "direction": direction}


def _classes(table: Audited) -> Result:
    """What the rows hold, as others have them."""
    rows = table.current.table
    sensitive = [name for name in table.sensitive if name in rows]
    held = levels(rows, table.current.cells.names, sensitive)
    told = [held.sensitive[name] for name in sensitive]
    ordered = [pd.api.types.is_numeric_dtype(rows[name]) for name in sensitive]
    return {
        "rows": np.array([held.rows]),
        "k": np.array([held.k]),
        "unique": np.array([held.unique]),
        "sensitive": np.array(sensitive, dtype=np.str_),
        "l": np.array([each.distinct for each in told]),
        "l_entropy": np.array([each.entropy for each in told]),
        "t": np.array([each.t_ordered if by else each.t_equal for each, by in zip(told, ordered, strict=True)]),
        "disclosed": np.array([each.known for each in told]),
    }


def _singled(table: Audited, seed: int) -> Result:
    """Descriptions of people, tried on strangers too; of the table as it is, made from as many rows as there are those.

    Classes of what was handed out are of all people, so that fewer strangers say nothing there, nor do those whose
    values its hierarchies do not know.
    """
    strangers, published = table.strangers, table.current
    if table.after is None:
        draw = np.random.default_rng(derive(seed, "tables.some"))
        rows = np.sort(draw.permutation(len(table.people))[: len(strangers)])
        if len(rows):
            published = as_it_is(table.people.iloc[rows].reset_index(drop=True), strangers, table.quasi)
    else:
        known = np.ones(len(strangers), dtype=bool)
        for name, tree in zip(published.cells.names, published.cells.hierarchies, strict=True):
            known &= strangers[name].map(as_text).isin(tree.values).to_numpy()
        strangers = strangers[known].reset_index(drop=True)
    if not len(strangers) or len(strangers) < len(published.people):
        return {"successes": np.empty(0), "without": np.empty(0), "people": np.array([len(published.people)])}
    found = SinglingOut(seed=seed).run(published, strangers[list(published.people.columns)])
    without = np.zeros(found.trials) if found.without is None else found.without
    return {"successes": found.successes, "without": without, "people": np.array([len(published.people)])}


def _arrays(when: str, outcome: Outcome) -> dict[str, Any]:
    classes = np.arange(outcome.trials) if outcome.classes is None else outcome.classes
    return {f"{when}.successes": outcome.successes, f"{when}.classes": classes}


def _outcome(found: Result, when: str, setting: str) -> Outcome:
    return Outcome("linkage", setting, found[f"{when}.successes"], classes=found[f"{when}.classes"])


def _pair(before: Measurement, after: Measurement) -> Pair:
    """The table as it is and what was handed out; the same people were attacked."""
    one, two = (
        (
            each.estimate,
            each.estimate if each.low is None else each.low,
            each.estimate if each.high is None else each.high,
        )
        for each in (before, after)
    )
    low, high = mover(one, two)
    return Pair(
        defense="tables.generalize",
        adaptive=True,
        before=before,
        after=after,
        difference=after.estimate - before.estimate,
        low=float(low),
        high=float(high),
        p=None,
        method="mover",
        conclusion=f"the rows as they were handed out: linkage from {before.estimate:.1%} to {after.estimate:.1%}",
    )
