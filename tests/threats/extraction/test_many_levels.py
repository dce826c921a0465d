"""Trees that copy a model take categories of many levels, which take more bins than numbers do."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from casemate.threats.extraction.learners import QUANTILES, Answers, Boosted, Rows


def test_a_category_may_have_more_levels_than_numbers_have_places() -> None:
    count = 2 * QUANTILES[0]
    space = SimpleNamespace(fields=[SimpleNamespace(levels=tuple(map(str, range(count))))])
    raw = np.tile(np.arange(count, dtype=np.float64), 10)[:, None]
    labels = (raw[:, 0] >= QUANTILES[0]).astype(np.int64)
    logits = np.log(np.where(np.eye(2)[labels] > 0, 0.9, 0.1))
    learner = Boosted(space, hint=False)  # type: ignore[arg-type]  # of a space, its fields
    rows = Rows(raw, raw, np.empty((len(raw), 0)))
    learner.fit(rows, Answers(logits, labels, np.ones(len(raw))), 2, 1)
    assert (learner.logits(rows).argmax(axis=1) == labels).mean() > 0.95
