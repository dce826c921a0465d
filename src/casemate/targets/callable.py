"""Plain functions as targets: anything that maps rows to probabilities, or only to labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.errors import TargetError
from casemate.targets.answers import Scores
from casemate.targets.target import Codes, Target

Answer = Callable[[pd.DataFrame], npt.ArrayLike]


@dataclass(frozen=True)
class FunctionBackend:
    """A function of rows, asked in batches.

    Attributes:
        classes: class names.
        ask_scores: (n rows) to (n, classes) probabilities, or None where the function knows labels only.
        ask_labels: (n rows) to (n,) class names or codes, or None where the largest probability decides.
        batch: the most rows asked at once.
    """

    classes: tuple[str, ...]
    ask_scores: Answer | None
    ask_labels: Answer | None
    batch: int

    @property
    def model(self) -> Any:
        """The function."""
        return self.ask_scores or self.ask_labels

    @property
    def gives_scores(self) -> bool:
        """Whether there is a function that gives probabilities."""
        return self.ask_scores is not None

    def scores(self, rows: pd.DataFrame) -> Scores:
        """(n, classes) probabilities."""
        return np.asarray(self._in_batches(self.ask_scores, rows), dtype=np.float64)

    def labels(self, rows: pd.DataFrame) -> Codes:
        """(n,) codes of the predicted classes."""
        if self.ask_labels is None:
            return np.asarray(self.scores(rows).argmax(axis=1), dtype=np.int64)
        answer = self._in_batches(self.ask_labels, rows)
        if answer.dtype.kind in "iu":
            return answer.astype(np.int64)
        codes = {name: code for code, name in enumerate(self.classes)}
        return np.array([codes[str(name)] for name in answer.ravel()], dtype=np.int64)

    def _in_batches(self, function: Answer | None, rows: pd.DataFrame) -> npt.NDArray[Any]:
        if function is None:
            raise TypeError("the function gives labels only")
        starts = range(0, max(len(rows), 1), self.batch)
        return np.concatenate([np.asarray(function(rows.iloc[start : start + self.batch])) for start in starts])


def function(
    classes: Sequence[str],
    *,
    scores: Answer | None = None,
    labels: Answer | None = None,
    name: str = "model",
    batch: int = 4096,
) -> Target:
    """A plain function as a target.

    Args:
        classes: class names, in the order of the score columns.
        scores: takes a frame of n rows, gives (n, classes) probabilities.
        labels: takes a frame of n rows, gives (n,) class names or integer codes.
        name: what the report calls it.
        batch: the most rows asked at once.

    Raises:
        TargetError: neither function is given.

    Example:
        >>> import pandas as pd
        >>> older = function(["no", "yes"], labels=lambda rows: (rows["age"] > 60).astype(int))
        >>> older.labels(pd.DataFrame({"age": [20, 80]})).tolist()
        [0, 1]
    """
    if scores is None and labels is None:
        raise TargetError("a target needs a function to ask", next_step="give scores=..., labels=..., or both")
    return Target(name, FunctionBackend(tuple(classes), scores, labels, batch))
