"""What an attacker learns before the first query, from labeled texts of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from casemate.core.errors import DataError
from casemate.threats.evasion.text.changes import Change
from casemate.threats.evasion.text.posterior import Floats
from casemate.threats.evasion.text.words import Layout


@dataclass(frozen=True)
class TextPrior:
    """A small model of the attacker's own, asked instead of the target about what a change might do.

    Attributes:
        model: takes a list of texts, gives log-probabilities.
        closely: how many leading words have each way of writing judged; the others are judged as if left out.
    """

    model: Any
    closely: int = 16

    @classmethod
    def fit(cls, texts: Sequence[str], labels: Sequence[int], classes: int) -> Self:
        """Words and pieces of words, weighted by inverse document frequency, in a logistic regression.

        Raises:
            DataError: a class has no text.
        """
        if set(labels) != set(range(classes)):
            raise DataError(
                "the attacker's texts do not show every class",
                cause=f"{len(set(labels))} of {classes} classes occur",
                next_step="give texts of every class, or attack without a prior",
            )
        features = make_union(
            TfidfVectorizer(sublinear_tf=True, min_df=2),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2, max_features=100_000),
        )
        model = make_pipeline(features, LogisticRegression(C=10.0, max_iter=300))
        return cls(model.fit(list(texts), list(labels)))

    def hint(self, layout: Layout, changes: Sequence[Change], label: int) -> Floats:
        """(a,) by how much each change alone moves this model's margin for ``label``."""
        numbers = sorted({change.word for change in changes})
        left_out = self._margins([layout.text, *(layout.replaced({number: ""}) for number in numbers)], label)
        effect = dict(zip(numbers, left_out[1:] - left_out[0], strict=True))
        hints = np.array([effect[change.word] for change in changes])
        leading = set(sorted(numbers, key=lambda number: effect[number])[: self.closely])
        near = [at for at, change in enumerate(changes) if change.word in leading]
        if near:
            texts = [layout.replaced({changes[at].word: changes[at].written}) for at in near]
            hints[near] = self._margins(texts, label) - left_out[0]
        return hints

    def _margins(self, texts: list[str], label: int) -> Floats:
        logs = np.asarray(self.model.predict_log_proba(texts), dtype=np.float64)
        margins: Floats = logs[:, label] - np.delete(logs, label, axis=1).max(axis=1)
        return margins
