"""What a table holds as it is: for each privacy model, the strictest parameter that it fulfils."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from casemate.privacy.tables.closeness import EqualDistance, OrderedDistance
from casemate.privacy.tables.coding import encode
from casemate.privacy.tables.groups import Classes, Grouping
from casemate.privacy.tables.hierarchies import Hierarchy
from casemate.privacy.tables.inference import in_order
from casemate.privacy.tables.models import add_up, histogram


@dataclass(frozen=True)
class Disclosure:
    """What the classes of a table say about a sensitive attribute.

    Attributes:
        distinct: least number of values in a class: the largest l of distinct l-diversity.
        entropy: exp of the least entropy in a class: the largest l of entropy l-diversity.
        t_equal, t_ordered: largest distance from the whole table, with values equally far apart, or in their order.
        beta: largest relative gain of a value in a class.
        known: share of rows whose class has one value only, so that whoever finds the class knows it.
    """

    distinct: int
    entropy: float
    t_equal: float
    t_ordered: float
    beta: float
    known: float


@dataclass(frozen=True)
class Levels:
    """What a table holds.

    Attributes:
        rows: how many there are.
        classes: sets of rows that no quasi-identifier tells apart.
        k: size of the smallest: the largest k of k-anonymity.
        unique: share of rows that are alone.
        sensitive: of each sensitive attribute.
    """

    rows: int
    classes: int
    k: int
    unique: float
    sensitive: Mapping[str, Disclosure]


def levels(table: pd.DataFrame, quasi_identifiers: Sequence[str], sensitive: Sequence[str] = ()) -> Levels:
    """Measure a table; missing values count as a value of their own.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"age": ["20-29", "20-29", "30-39", "30-39"], "illness": list("abaa")})
        >>> held = levels(table, ["age"], ["illness"])
        >>> held.k, held.sensitive["illness"].distinct
        (2, 1)

    Args:
        table: (n, columns) one row a person.
        quasi_identifiers: columns that somebody may know about a person.
        sensitive: columns that nobody should learn about a person.

    Raises:
        UsageError: a column is missing or in two roles, or there are no rows.
    """
    trees = {name: in_order(table[name]) for name in quasi_identifiers if name in table and len(table)}
    trees |= {name: Hierarchy.flat([""]) for name in quasi_identifiers if name not in trees}
    coded = encode(table, trees, tuple(sensitive))
    _, classes = Grouping(coded).of((0,) * len(trees))
    return Levels(
        rows=coded.records,
        classes=len(classes),
        k=int(classes.inside.min()),
        unique=float((classes.inside == 1).sum() / coded.records),
        sensitive={name: _disclosure(classes, name, coded.records) for name in sensitive},
    )


def _disclosure(classes: Classes, name: str, records: int) -> Disclosure:
    entries = histogram(classes, name)
    values = np.bincount(entries.owner, minlength=len(classes))
    total = classes.inside[entries.owner]
    share, whole = entries.count / total, entries.whole[entries.value]
    entropy = add_up(entries, -share * np.log(share), classes)
    return Disclosure(
        distinct=int(values.min()),
        entropy=float(np.exp(entropy.min())),
        t_equal=float(EqualDistance(name, 1).distances(classes).max()),
        t_ordered=float(OrderedDistance(name, 1).distances(classes).max()),
        beta=float(((share - whole) / whole).max()),
        known=float(classes.inside[values == 1].sum() / records),
    )
