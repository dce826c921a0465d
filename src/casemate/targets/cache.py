"""A cache of answers: it saves the model's time and never hides a query from the count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.targets.answers import Scores
from casemate.targets.target import Backend, Codes, Target

Row = bytes


@dataclass(frozen=True)
class CachingBackend:
    """Remembers answers by the content of the row.

    It sits below the target's meter and answer policy, so a remembered row costs the adversary as much as a new one.
    Only models that always give one answer may be cached; ``check_determinism`` says whether one does.

    Attributes:
        inner: the backend that is asked about rows not seen before.
        most: entries kept for each kind of answer; when they are reached, nothing more is remembered.
    """

    inner: Backend
    most: int = 1_000_000
    _scores: dict[Row, npt.NDArray[Any]] = field(default_factory=dict, repr=False)
    _labels: dict[Row, npt.NDArray[Any]] = field(default_factory=dict, repr=False)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""
        return self.inner.classes

    @property
    def model(self) -> Any:
        """The model itself."""
        return self.inner.model

    @property
    def gives_scores(self) -> bool:
        """Whether the model has scores at all."""
        return self.inner.gives_scores

    def scores(self, rows: pd.DataFrame) -> Scores:
        """(n, classes) probabilities."""
        return self._answer(rows, self._scores, self.inner.scores)

    def labels(self, rows: pd.DataFrame) -> Codes:
        """(n,) codes of the predicted classes."""
        return self._answer(rows, self._labels, self.inner.labels)

    def _answer(
        self,
        rows: pd.DataFrame,
        known: dict[Row, npt.NDArray[Any]],
        ask: Callable[[pd.DataFrame], npt.NDArray[Any]],
    ) -> npt.NDArray[Any]:
        keys = _keys(rows)
        fresh = {key: place for place, key in reversed(list(enumerate(keys))) if key not in known}
        if not fresh and keys:
            return np.array([known[key] for key in keys])
        asked = np.asarray(ask(rows.iloc[sorted(fresh.values())] if keys else rows))
        if asked.shape[:1] != (len(fresh),):  # a broken answer is passed on, for the target to refuse
            return asked
        new = dict(zip(sorted(fresh, key=fresh.__getitem__), asked, strict=True))
        answer = np.array([new[key] if key in new else known[key] for key in keys]) if keys else asked
        for key, one in new.items():
            if len(known) < self.most:
                known[key] = one
        return answer


def cached(target: Target, most: int = 1_000_000) -> Target:
    """The same target, remembering answers; every row asked about is still counted, remembered or not.

    Example:
        >>> import pandas as pd
        >>> from casemate.targets.callable import function
        >>> rows = pd.DataFrame({"age": [20, 80]})
        >>> quick = cached(function(["no", "yes"], labels=lambda rows: (rows["age"] > 60).astype(int)))
        >>> quick.labels(rows).tolist(), quick.labels(rows).tolist(), quick.meter.used
        ([0, 1], [0, 1], 4)
    """
    return replace(target, backend=CachingBackend(target.backend, most))


def _keys(rows: pd.DataFrame) -> list[Row]:
    """The content of each row as bytes, exactly: names and types of columns, bits of numbers, spelling of the rest."""
    head = repr([(str(name), str(kind)) for name, kind in rows.dtypes.items()]).encode()
    parts = []
    for place in range(rows.shape[1]):
        cells = rows.iloc[:, place]
        if isinstance(cells.dtype, np.dtype) and cells.dtype.kind in "biuf":
            parts.append(
                [bytes(cell) for cell in np.ascontiguousarray(cells.to_numpy()).view((np.void, cells.dtype.itemsize))]
            )
        else:
            parts.append([repr(cell).encode() for cell in cells])
    return [b"\x1f".join((head, *line)) for line in zip(*parts, strict=True)] if parts else [head] * len(rows)
