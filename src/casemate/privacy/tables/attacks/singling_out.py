"""Predicate singling out: a description that fits exactly one person of the table, written from the release alone.

Cohen & Nissim, Towards formalizing the GDPR's notion of singling out, PNAS 117(15), 2020. A description says what a
class of released rows says, and that a hash of the person's whole record is below a bound that one person in a class
of s passes on average. It isolates with chance (1 - 1/s)^(s - 1), over 1/e for every s: k-anonymity alone does not
prevent this, since it needs nobody's record to be known. Where one row is alone, its class is the description.

A description that is rare enough isolates somebody in any table of this size. So each is also tried on as many people
who are not in the table (the base rate): what it isolates there is no leak.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.errors import UsageError
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.privacy.tables.attacks.matching import AT_ONCE
from casemate.privacy.tables.attacks.outcome import Outcome
from casemate.privacy.tables.attacks.published import Published
from casemate.privacy.tables.cells import Cells
from casemate.privacy.tables.hierarchies import Whole

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class SinglingOut:
    """Isolate people by descriptions, those of the smallest classes first.

    Attributes:
        all_columns: descriptions also name the values of columns that are no quasi-identifiers.
        predicates: at most so many descriptions.
        seed: of which classes of one size are taken, and of the hashes.
    """

    all_columns: bool = False
    predicates: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.predicates < 1:
            raise UsageError("there is no description to try", next_step="ask for at least one")

    @property
    def setting(self) -> str:
        """What descriptions name."""
        return "descriptions by all released columns" if self.all_columns else "descriptions by quasi-identifiers"

    @property
    def threat_model(self) -> ThreatModel:
        """The adversary."""
        return ThreatModel(
            goal="describe exactly one person of the table",
            knowledge=("the released rows", "the hierarchies and the algorithm", "nobody's record"),
            access=Access.LABELS,
            queries=0,
        )

    def run(self, published: Published, control: pd.DataFrame) -> Outcome:
        """Attack a release.

        Args:
            published: the release.
            control: (at least as many as people, columns) people of the same population who are not in the table.

        Raises:
            UsageError: there are too few of them, or a column is missing.
            DataError: a value of theirs is not in its hierarchy.
        """
        count = len(published.people)
        if len(control) < count:
            raise UsageError(
                f"{len(control)} people are no control for a table of {count}",
                cause="how often a description isolates depends on how many people there are",
                next_step="give as many people who are not in the table",
            )
        control = control.iloc[:count]
        people = published.people
        seen = published
        if self.all_columns:
            both = pd.concat([people, control], ignore_index=True)
            cells = published.cells.beside(published.table, published.others, both)
            seen = Published(published.table, cells, people, published.kept)
        size = seen.cells.size
        draw = np.random.default_rng(derive(self.seed, "tables.predicates"))
        order = np.lexsort((draw.random(len(size)), size))[: self.predicates]
        cells, size = seen.cells.take(order), size[order]
        salt = draw.integers(0, 1 << 64, len(order), dtype=np.uint64)
        isolated = [_fit_once(cells, size, salt, table) for table in (people, control)]
        outside = Outcome("singling out", f"{self.setting}, people who are not in the table", isolated[1])
        return Outcome("singling out", self.setting, isolated[0], without=isolated[1], control=outside)


def _fit_once(cells: Cells, size: Whole, salt: Hashes, people: pd.DataFrame) -> npt.NDArray[np.float64]:
    """(descriptions,) 1 where exactly one of the people fits."""
    places, hashed = cells.places(people), record_hashes(people)
    bound = np.array([(1 << 64) // int(each) - 1 for each in size], dtype=np.uint64)
    fit = np.zeros(len(cells), dtype=np.int64)
    step = max(1, AT_ONCE // len(cells))
    for start in range(0, len(people), step):
        part = slice(start, start + step)
        fits = _mixed(hashed[part, None] ^ salt) <= bound
        for column, values in enumerate(places):
            fits &= cells.contain(column, values[part])
        fit += fits.sum(axis=0)
    return np.asarray(fit == 1, dtype=np.float64)


def record_hashes(people: pd.DataFrame) -> Hashes:
    """(people,) 64 bits of each whole record; equal records have equal ones, whatever the types of their columns."""
    texts = people[sorted(people.columns)].astype(str)
    return np.asarray(pd.util.hash_pandas_object(texts, index=False).to_numpy(), dtype=np.uint64)


def _mixed(value: Hashes) -> Hashes:
    """SplitMix64's finalizer (Steele, Lea & Flood, OOPSLA 2014): each bit of the input moves half of the output's."""
    once = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    twice = (once ^ (once >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return twice ^ (twice >> np.uint64(31))
