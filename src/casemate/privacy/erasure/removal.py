"""What a removal cost, and what shows that it happened. Ids of subjects are nowhere in it, only commitments."""

from __future__ import annotations

from html import escape

import msgspec


class ShardChange(msgspec.Struct, frozen=True, kw_only=True):
    """One shard that was trained again.

    Attributes:
        shard: its number.
        rows_before, rows_after: how many it was trained on.
        data_before, data_after: SHA-256 of the keyed digests of those rows, in order.
        model_before, model_after: SHA-256 of the fitted estimator.
        seconds: CPU seconds of training again.
    """

    shard: int
    rows_before: int
    rows_after: int
    data_before: str
    data_after: str
    model_before: str
    model_after: str
    seconds: float


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence of one removal.

    Attributes:
        subjects: keyed commitments to who was removed; whoever has the key can make them again from an id.
        rows: keyed digests of the removed rows.
        changes: the shards that were trained again.
        shards: how many there are.
        model_before, model_after: SHA-256 of all shards together.
        left: removed rows that are still in some shard's data; 0, or the removal failed.
        shared: rows of other subjects that equal a removed one, and stay.
        rows_all: rows of all shards, after it.
        seconds_all: CPU seconds of training every shard, as last measured.
    """

    subjects: tuple[str, ...]
    rows: tuple[str, ...]
    changes: tuple[ShardChange, ...]
    shards: int
    model_before: str
    model_after: str
    left: int
    shared: int
    rows_all: int
    seconds_all: float

    @property
    def verified(self) -> bool:
        """Whether no removed row is left in any shard's data, and every shard concerned was trained on other rows."""
        changed = all(each.data_before != each.data_after for each in self.changes)
        return bool(self.changes) and changed and self.left == 0

    @property
    def rows_again(self) -> int:
        """Rows that were trained on again."""
        return sum(each.rows_after for each in self.changes)

    @property
    def seconds(self) -> float:
        """CPU seconds of training again."""
        return sum(each.seconds for each in self.changes)

    @property
    def share(self) -> float:
        """Rows that were trained on again, as a share of training all anew."""
        return self.rows_again / self.rows_all

    def __str__(self) -> str:
        outcome = "no row of theirs is in any shard" if self.verified else f"FAILED, {self.left} rows are left"
        people = f"{len(self.subjects)} subject{'s' * (len(self.subjects) > 1)}"
        equal = f"; {self.shared} rows of others equal removed ones" if self.shared else ""
        return (
            f"{people} with {len(self.rows)} rows removed: {outcome}{equal}; "
            f"{len(self.changes)} of {self.shards} shards trained again, "
            f"{self.rows_again} of {self.rows_all} rows ({self.share:.0%}), "
            f"{self.seconds:.2f} CPU s instead of {self.seconds_all:.2f}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>"
