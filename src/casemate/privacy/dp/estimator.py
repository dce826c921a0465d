"""What private estimators share: budget, randomness, rows between public bounds, declared classes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

from casemate.core.errors import DataError, UsageError
from casemate.privacy.dp.certificate import Certificate
from casemate.privacy.dp.checks import ABSURD
from casemate.privacy.dp.curves import mu_of
from casemate.privacy.dp.linear.descent import Budget
from casemate.privacy.dp.linear.grid import Clip
from casemate.privacy.dp.noise import Entropy, SeededEntropy, SystemEntropy
from casemate.privacy.dp.warning import PrivacyWarning

Floats = npt.NDArray[np.float64]
Bounds = tuple[Any, Any]

ERRING: Final = 0.02
"""Deviation of one mean of values between 0 and 1 from which on rows are few."""
WIDEST: Final = 1e300
"""Half of the distance between bounds, at most."""
BITS: Final = 14
"""Rows between bounds of -1 and 1 are cut off to steps of two to minus this."""


class Private:
    """Mixin of estimators with ``epsilon``, ``delta`` and ``random_state``.

    Attributes:
        epsilon: the budget of one ``fit``.
        delta: for (epsilon, delta) with Gaussian noise; None for pure epsilon, with Laplace noise.
        random_state: seed of noise that can be repeated; None for noise that nobody can repeat.
    """

    epsilon: float
    delta: float | None
    random_state: Any

    def _budget(self, rows: int) -> Budget:
        """The budget.

        Raises:
            UsageError: it is none.
        """
        epsilon, delta = float(self.epsilon), float(self.delta or 0.0)
        if not 0 < epsilon < math.inf:
            raise UsageError(
                f"epsilon {self.epsilon} is no budget", next_step="give a finite number above 0; no budget was spent"
            )
        if self.delta is not None and not 0 < delta < 1 / rows:
            raise UsageError(
                f"delta {self.delta} is not between 0 and 1 / {rows} rows",
                cause="with delta 1 / rows a mechanism may publish a whole record",
                next_step="give a delta far below, 1e-5 for example, or none; no budget was spent",
            )
        if epsilon > ABSURD:
            warnings.warn(f"epsilon {epsilon:g} promises next to nothing", PrivacyWarning, stacklevel=3)
        mu = mu_of(epsilon, delta) if delta else epsilon / math.sqrt(2)
        erring = 1 / (rows * mu)
        if erring > ERRING:
            warnings.warn(
                f"{rows} rows are few for epsilon {epsilon:g}: the mean of one column between 0 and 1 alone would err "
                f"by {erring:.2g}, so expect little more than guessing (casemate.privacy.dp.forecast tries it out on "
                "imagined rows); nothing has been spent yet",
                PrivacyWarning,
                stacklevel=3,
            )
        return Budget(epsilon, delta)

    def _entropy(self) -> Entropy:
        if self.random_state is None:
            return SystemEntropy()
        warnings.warn("noise of a seed can be repeated: nothing is private", PrivacyWarning, stacklevel=3)
        state = self.random_state
        seed = state if isinstance(state, int | np.integer) else state.randint(2**31 - 1)
        return SeededEntropy(int(seed))

    def __getstate__(self) -> dict[str, Any]:
        """The certificate as JSON, bounds as numbers: a saved model holds plain values, which loading can check."""
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return {key: _KEPT[key][0](value) if key in _KEPT else value for key, value in state.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        read = {key: _KEPT[key][1](value) if key in _KEPT else value for key, value in state.items()}
        super().__setstate__(read)  # type: ignore[misc]  # of scikit-learn's base

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]  # of scikit-learn's mixin
        for each in (tags.classifier_tags, tags.regressor_tags):
            if each is not None:
                each.poor_score = True
        tags.non_deterministic = True
        return tags


class Scored:
    """Mixin of classifiers with ``decision_function``: (n,) scores of the second class, or (n, classes) scores."""

    classes_: npt.NDArray[Any]
    decision_function: Callable[[npt.ArrayLike], Floats]

    def predict_proba(self, X: npt.ArrayLike) -> Floats:
        """(n, classes) probabilities."""
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.stack([expit(-scores), expit(scores)], axis=1)
        return np.asarray(softmax(scores, axis=1))

    def predict_log_proba(self, X: npt.ArrayLike) -> Floats:
        """(n, classes) logarithms of probabilities."""
        return np.log(np.maximum(self.predict_proba(X), np.finfo(np.float64).tiny))

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """(n,) labels."""
        scores = self.decision_function(X)
        best = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        answer: npt.NDArray[Any] = self.classes_[best]
        return answer


class Box:
    """Between which public bounds each column lies: values outside are moved to them, whatever the data hold.

    Args:
        bounds: (low, high), each one number or one a column. Constants of yours, never taken from the data.
        columns: how many there are.
        what: is bounded, for errors.

    Raises:
        UsageError: the bounds leave nothing between them, or are not as many as columns.
    """

    def __init__(self, bounds: Bounds, columns: int, what: str = "bounds") -> None:
        try:
            low, high = (np.broadcast_to(np.asarray(each, dtype=np.float64), columns) for each in bounds)
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"{what} do not fit {columns} columns",
                next_step="give (low, high), each one number or one a column; no budget was spent",
            ) from error
        if not (np.isfinite(low) & np.isfinite(high) & (low < high)).all():
            raise UsageError(
                f"{what} leave nothing between them in {int((~(low < high)).sum())} columns or are not finite",
                next_step="give the least and greatest value that can be; no budget was spent",
            )
        self.low, self.high = low.copy(), high.copy()
        self.middle, self.half = low / 2 + high / 2, high / 2 - low / 2
        if not (self.half < WIDEST).all():
            raise UsageError(f"{what} are too far apart", next_step="give bounds below 1e300; no budget was spent")

    def __call__(self, rows: Floats) -> Floats:
        """(n, d) rows, moved between -1 and 1."""
        moved: Floats = np.clip((rows - self.middle) / self.half, -1.0, 1.0)
        return moved


_BOX: Final = (lambda box: (box.low, box.high), lambda pair: Box(pair, len(pair[0])))
_CLIP: Final = (lambda clip: (clip.bound, clip.norm, clip.bits), lambda parts: Clip(*parts))
_KEPT: Final[dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    "certificate_": (msgspec.json.encode, lambda text: msgspec.json.decode(text, type=Certificate)),
    "_box": _BOX,
    "_goal": _BOX,
    "_clip": _CLIP,
}
"""What is no plain value, and how it is written and read."""


def encoded(
    classes: Any, labels: npt.NDArray[Any], assumed: list[str]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.intp]]:
    """The classes that can occur, and the place of each label among them.

    Args:
        classes: as declared; None: they are taken from the data, which is warned of and added to ``assumed``.
        labels: (n,) as given.
        assumed: what is assumed to be public.

    Raises:
        DataError: a label is not among those that were declared.
    """
    if classes is None:
        known = np.unique(labels)
        assumed.append("the classes")
        warnings.warn(
            "classes were taken from the data and are assumed to be public; say which can occur: classes=",
            PrivacyWarning,
            stacklevel=3,
        )
    else:
        known = np.unique(np.asarray(classes))
    if len(known) < 2:
        raise ValueError("a classifier needs two classes or more, and there is only one class")
    codes = np.searchsorted(known, labels).clip(max=len(known) - 1)
    if (known[codes] != labels).any():
        raise DataError(
            "a label is not among the classes that were declared",
            next_step="declare all labels that can occur, or leave those rows out; no budget was spent",
        )
    return known, codes
