"""Attribute disclosure: what is this person's sensitive value, without telling rows apart?

The attacker weighs two things. A model of people whose value is known to him, and who are not in the table, says how
likely each value is of somebody like the victim. The class of the victim's row says how often each value occurs in it.
Of a class with c rows that have a value, the victim is one of them with a chance that grows as ``c p(value | victim) /
p(value | class)``: Bayes' rule, with the other rows drawn as the model says. A class with one value (homogeneity,
Machanavajjhala et al. 2007) leaves no doubt.

The model alone is the baseline; people who are not in the table are the control: what the attack gains on them too is
knowledge of the population, not a leak (as Giomi, Boenisch, Wehmeyer & Tasnádi, PoPETs 2023, subtract it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from casemate.core.errors import UsageError
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.privacy.tables.attacks.matching import likeliest, located, shares
from casemate.privacy.tables.attacks.outcome import Outcome
from casemate.privacy.tables.attacks.published import Published
from casemate.privacy.tables.cells import Cells
from casemate.privacy.tables.hierarchies import Floats, Whole
from casemate.privacy.tables.inference import as_text

MANY: Final = 20
"""Numbers of more values than this are guessed to the right tenth of people."""
MOST: Final = 40
"""Categories that are told apart, the commonest; all others are guessed as one."""
DOUBT: Final = 0.01
"""Share of the model's belief that goes to all values alike: it has not seen everybody."""
FEWEST: Final = 30
"""People from whom a model is learned, at least."""


@dataclass(frozen=True)
class AttributeDisclosure:
    """Guess a sensitive attribute of people in the release.

    Attributes:
        of: the attribute.
        more: columns that the attacker knows besides the quasi-identifiers.
        left_out: attack the people whose rows were left out because their classes failed: the attacker sees that they
            are missing, and knows how often each value occurs in the whole table, a figure that is often published.
        victims: at most so many people are attacked.
        seed: of whom is drawn.
    """

    of: str
    more: tuple[str, ...] = ()
    left_out: bool = False
    victims: int = 3000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.victims < 1:
            raise UsageError("there is nobody to attack", next_step="give at least one victim")
        if self.of in self.more:
            raise UsageError(f"the attacker knows {self.of!r} already", next_step="name another attribute")

    @property
    def setting(self) -> str:
        """What is guessed."""
        of = f"guesses {self.of!r}" + (" of people left out" if self.left_out else "")
        return of + (f", knows {', '.join(self.more)} too" if self.more else "")

    @property
    def threat_model(self) -> ThreatModel:
        """The adversary."""
        return ThreatModel(
            goal=f"learn {self.of!r} of a person in the release",
            knowledge=(
                "all quasi-identifiers of everybody" + (f" and {', '.join(self.more)}" if self.more else ""),
                "the released rows, the hierarchies and the algorithm",
                "people of the same population whose attribute is known",
            ),
            access=Access.LABELS,
            queries=0,
        )

    def run(self, published: Published, control: pd.DataFrame, outside: pd.DataFrame) -> Outcome:
        """Attack a release.

        Args:
            published: the release.
            control: people who are not in the table; the attack is tried on them too.
            outside: more people who are not; the attacker knows their attribute.

        Raises:
            UsageError: a column is missing, or there are too few people.
        """
        if len(outside) < FEWEST or not len(control):
            raise UsageError(
                f"from {len(outside)} people nothing is learned, and {len(control)} are no control",
                next_step=f"give at least {FEWEST} and one who are not in the table",
            )
        if self.of not in published.others:
            raise UsageError(f"{self.of!r} is not released", next_step=f"use one of: {', '.join(published.others)}")
        everybody = pd.concat([published.people, control, outside], ignore_index=True)
        cells = published.cells.beside(published.table, self.more, everybody)
        places = cells.places(everybody)
        value, told, values = _coded(everybody[self.of], published.table[self.of])
        ends = np.cumsum([len(published.people), len(control), len(outside)])
        mine, theirs, known = (np.arange(a, b) for a, b in zip([0, *ends[:2]], ends, strict=True))
        believed = _learned(places[:, known], value[known], places, values, derive(self.seed, "tables.attribute"))
        out = np.setdiff1d(mine, published.kept)
        if self.left_out and not len(out):
            raise UsageError("no row was left out", next_step="attack the people whose rows are released")
        draw = np.random.default_rng(derive(self.seed, "tables.control"))
        strangers = np.sort(draw.permutation(theirs)[: self.victims])
        share = shares(cells, places[:, mine])
        if self.left_out:
            victims = np.sort(draw.permutation(out)[: self.victims])
            rest = np.bincount(value[mine], minlength=values) - np.bincount(told[told >= 0], minlength=values)
            weight = np.maximum(rest, 0)[None] / believed[out].sum(axis=0)
        else:
            victims = published.victims(self.victims, self.seed)
            weight = _weights(cells, told, believed[published.kept])
        outcomes = []
        for who in (strangers, victims):
            if self.left_out:
                guess = (weight * believed[who]).argmax(axis=1)
            else:
                guess = _guesses(cells, places[:, who], share, believed[who], weight)
            alone, right = believed[who].argmax(axis=1), value[who]
            outcomes.append((np.asarray(guess == right, np.float64), np.asarray(alone == right, np.float64)))
        setting = f"{self.setting}, people who are not in the table"
        return Outcome(
            "attribute disclosure",
            self.setting,
            outcomes[1][0],
            without=outcomes[1][1],
            control=Outcome("attribute disclosure", setting, outcomes[0][0], without=outcomes[0][1]),
        )


def _weights(cells: Cells, told: Whole, believed: Floats) -> Floats:
    """(cells, values) how many rows of each cell have a value, over how likely the model thinks it of their people."""
    count, expected = (np.zeros((len(cells), believed.shape[1])) for _ in range(2))
    np.add.at(count, (cells.owner[told >= 0], told[told >= 0]), 1.0)
    np.add.at(expected, cells.owner, believed)
    weight: Floats = count / expected
    return weight


def _guesses(cells: Cells, known: Whole, share: list[Floats], believed: Floats, weight: Floats) -> Whole:
    """(victims,) the likeliest value, by model and class; by the model alone where no class fits."""
    guess: Whole = believed.argmax(axis=1)
    exact = located(cells, known)
    if exact is not None:
        at = np.flatnonzero(exact >= 0)
        guess[at] = (weight[exact[at]] * believed[at]).argmax(axis=1)
        return guess
    for at, top in likeliest(cells, known, share):
        found = top.any(axis=1)
        guess[at[found]] = (weight[top[found].argmax(axis=1)] * believed[at[found]]).argmax(axis=1)
    return guess


def _learned(known: Whole, value: Whole, everybody: Whole, values: int, seed: int) -> Floats:
    """(people, values) how likely a model of the people outside thinks each value of each person."""
    chance = np.zeros((everybody.shape[1], values))
    if len(np.unique(value)) > 1:
        model = RandomForestClassifier(100, min_samples_leaf=5, max_features=0.5, random_state=seed % (1 << 32))
        model.fit(known.T, value)
        chance[:, model.classes_] = model.predict_proba(everybody.T)
    else:
        chance[:, value[0]] = 1.0
    return (1 - DOUBT) * chance + DOUBT / values


def _coded(people: pd.Series, released: pd.Series) -> tuple[Whole, Whole, int]:
    """The attribute of people and of released rows as numbers from 0 (-1: nobody has it), and how many there are."""
    if pd.api.types.is_numeric_dtype(people) and people.nunique() > MANY:
        numbers, told = (
            pd.to_numeric(each, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
            for each in (people, released)
        )
        edges = np.unique(np.nanquantile(numbers, np.linspace(0, 1, 11)[1:-1]))
        missing = len(edges) + 1
        own, theirs = (
            np.where(np.isnan(each), missing, np.searchsorted(edges, each, side="right")) for each in (numbers, told)
        )
        return own.astype(np.int64), theirs.astype(np.int64), missing + 1
    own_texts, their_texts = (
        pd.Series([as_text(value) for value in each], dtype=object) for each in (people, released)
    )
    common = own_texts.value_counts().index[: MOST - 1]
    known = {text: at for at, text in enumerate(common)}
    rest = {text: len(common) for text in own_texts.unique() if text not in known}
    codes = {**known, **rest}
    own, theirs = (np.array([codes.get(text, -1) for text in each], np.int64) for each in (own_texts, their_texts))
    return own, theirs, len(common) + bool(rest)
