"""Which training records are exposed, and why: for those who hold the data and the key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.data.dataset import Dataset
from casemate.threats.inversion.moments import Moments
from casemate.threats.inversion.pool import Pool
from casemate.threats.inversion.signals import Floats, log_odds

BINS = 20


def describe(
    everyone: Pool, moments: Moments, leverage: Floats | None, *, ratios: Floats, answers: Floats, strangers: Floats
) -> dict[str, npt.NDArray[Any]]:
    """What is known about every training row, as one array a name.

    ``score`` log-likelihood ratio for membership; ``false_alarms`` share of nonmembers that score at least as high;
    ``shift`` how much training on the row raises the log-odds of its label; ``leverage`` (closed form only) its hat
    value in the pool; ``loss`` and ``outside_loss`` the log loss with the row (by the model) and expected without it
    (large: perhaps mislabeled); ``rarity`` share of the rows that have the row's rarest value, and ``rarest`` the
    position of that column.
    """
    n = everyone.members
    rarity, rarest = rarities(everyone.rows)
    above = len(strangers) - np.searchsorted(np.sort(strangers), ratios[:n], "left")
    table: dict[str, npt.NDArray[Any]] = {
        "score": ratios[:n],
        "false_alarms": above / len(strangers),
        "shift": moments.shift[:n],
        "loss": np.logaddexp(0.0, -log_odds(answers, everyone.rows.labels)[:n]),
        "outside_loss": np.logaddexp(0.0, -moments.mean_out[:n]),
        "rarity": rarity[:n],
        "rarest": rarest[:n],
    }
    return table if leverage is None else {**table, "leverage": leverage[:n]}


def rarities(rows: Dataset) -> tuple[Floats, npt.NDArray[np.int64]]:
    """For each row, the share of rows that have its rarest value, and the position of that column.

    Numbers count as rare by how far out they lie: twice the share of rows at least as extreme on their side.
    """
    shares = np.ones((len(rows), len(rows.features.columns)))
    for position, name in enumerate(rows.features.columns):
        column = rows.features[name]
        if pd.api.types.is_numeric_dtype(column) and column.nunique() > BINS:
            rank = column.rank(method="max", pct=True).to_numpy()
            low_rank = 1.0 - column.rank(method="min", pct=True).to_numpy() + 1.0 / max(1, column.count())
            share = np.minimum(1.0, 2.0 * np.minimum(rank, low_rank))
        else:
            share = column.map(column.value_counts(normalize=True, dropna=False)).to_numpy(dtype=np.float64)
        shares[:, position] = np.where(np.isnan(share), 1.0, share)
    rarest = shares.argmin(axis=1)
    return shares[np.arange(len(rows)), rarest], rarest.astype(np.int64)


@dataclass(frozen=True)
class Exposed:
    """One exposed training record.

    Attributes:
        row: its position among the members.
        score: log-likelihood ratio for membership.
        false_alarms: share of nonmembers that score at least as high.
        reasons: why, in words, the strongest first.
    """

    row: int
    score: float
    false_alarms: float
    reasons: tuple[str, ...]


def exposed(records: Mapping[str, npt.NDArray[Any]], columns: tuple[str, ...], top: int = 10) -> tuple[Exposed, ...]:
    """The most exposed training records and why, most exposed first.

    Args:
        records: from the conclusion of ``inversion.membership``.
        columns: the schema's column names.
        top: how many.
    """
    score = records["score"]
    chosen = np.argsort(-score, kind="stable")[:top]
    return tuple(
        Exposed(int(row), float(score[row]), float(records["false_alarms"][row]), reasons(records, columns, int(row)))
        for row in chosen
    )


def reasons(records: Mapping[str, npt.NDArray[Any]], columns: tuple[str, ...], row: int) -> tuple[str, ...]:
    """Why one training record is recognized, by what is unusual about it among the training records."""

    def share_above(name: str) -> float:
        return float((records[name] >= records[name][row]).mean())

    found = []
    pull = np.exp(min(50.0, float(records["shift"][row])))
    if share_above("shift") <= 0.1:
        found.append((share_above("shift"), f"training on it multiplied the odds of its own label by {pull:.2g}"))
    if "leverage" in records and share_above("leverage") <= 0.1:
        found.append(
            (share_above("leverage"), f"its combination of values is unusual (leverage {records['leverage'][row]:.2g})")
        )
    if share_above("outside_loss") <= 0.1:
        loss = float(records["outside_loss"][row])
        found.append(
            (share_above("outside_loss"), f"without it the model would give its label {np.exp(-loss):.1%}: mislabeled?")
        )
    rarity = float(records["rarity"][row])
    if rarity <= 0.02:
        found.append(
            (rarity, f"its value of {columns[int(records['rarest'][row])]!r} is shared by {rarity:.1%} of rows")
        )
    return tuple(text for _, text in sorted(found))
