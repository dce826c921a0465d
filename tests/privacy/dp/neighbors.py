"""Asks an estimator's queries of two neighboring data sets, with the same answers, and compares them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from casemate.privacy.dp.sums import Noisy, NoisySums, Query


@contextmanager
def overheard(answers: list[Noisy] | None = None) -> Iterator[list[tuple[Query, Noisy]]]:
    """All queries and answers; given answers are given again, whatever the data hold."""
    heard: list[tuple[Query, Noisy]] = []
    honest = NoisySums.__call__

    def answer(self: NoisySums, query: Query) -> Noisy:
        said = honest(self, query)
        if answers is not None:
            said = answers[len(heard)]
        heard.append((query, said))
        return said

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NoisySums, "__call__", answer)
        yield heard


def distances(fit: Callable[[np.ndarray, np.ndarray], object], x: np.ndarray, y: np.ndarray, norm: int) -> list[float]:
    """How far the last record moves each query's weighted sum, divided by the query's bound.

    The neighbor's record contributes nothing: ``fit`` is called without it, and must not look at how many rows it gets.
    Later queries may depend on earlier answers, so both runs are given the same.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with overheard() as first:
            fit(x, y)
        with overheard([said for _, said in first]) as second:
            fit(x[:-1], y[:-1])
    assert len(first) == len(second) > 0
    found = []
    for (one, _), (other, _) in zip(first, second, strict=True):
        assert one.bound == other.bound
        weights = np.ones(one.total.shape) if one.weights is None else one.weights
        assert (one.total == np.rint(one.total)).all()
        moved = ((one.total - other.total) * weights).ravel()
        found.append(float(np.linalg.norm(moved, norm)) / one.bound)
        if one.box is not None:
            assert np.abs(one.total - other.total).max() <= one.box
        if one.alone:
            assert (one.total != other.total).any(axis=1).sum() <= 1
    return found


def added(fit: Callable[[np.ndarray, np.ndarray], object], x: np.ndarray, y: np.ndarray, norm: int) -> list[float]:
    """What the only record of a data set adds to each query's sum, divided by the query's bound.

    For estimators that look at how many rows there are. Noise leads them to scores of all sizes.
    """
    assert len(x) == 1
    with warnings.catch_warnings(), overheard() as heard:
        warnings.simplefilter("ignore")
        fit(x, y)
    return [float(np.linalg.norm(query.total.ravel(), norm)) / query.bound for query, _ in heard]
