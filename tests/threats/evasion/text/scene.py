"""A made-up language of opinions, and two small classifiers of it: one of words, one of letters."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from casemate.targets.target import Target
from casemate.threats.evasion.text.classifier import as_rows, sklearn_text

GOOD = ["wonderful", "charming", "brilliant", "moving", "superb", "delightful", "clever", "warm", "honest", "thrilling"]
BAD = ["terrible", "boring", "dreadful", "clumsy", "tedious", "hollow", "shallow", "dull", "lifeless", "awkward"]
PLAIN = ["plot", "actor", "scene", "camera", "music", "story", "ending", "script", "director", "costume", "dialogue"]
PLAIN += ["studio", "hour", "weekend", "cinema"]


def sentences(count: int, seed: int) -> tuple[list[str], list[int]]:
    """Sentences of plain words with a few opinions, most of them of the sentence's class."""
    draw = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(count):
        label = int(draw.integers(2))
        words = [PLAIN[at] for at in draw.integers(len(PLAIN), size=8)]
        for _ in range(3):
            side = (BAD, GOOD)[label if draw.random() < 0.85 else 1 - label]
            words.insert(int(draw.integers(len(words))), side[int(draw.integers(len(side)))])
        texts.append("The " + " ".join(words) + ".")
        labels.append(label)
    return texts, labels


@functools.cache
def model(kind: str) -> Any:
    features = (
        TfidfVectorizer()
        if kind == "word"
        else TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), max_features=4000)
    )
    return make_pipeline(features, LogisticRegression(C=5.0)).fit(*sentences(600, 0))


def scene(kind: str = "word", count: int = 40) -> tuple[Target, list[str], list[int]]:
    """A target and sentences it has not seen, all answered correctly."""
    target = sklearn_text(model(kind), kind)
    texts, labels = sentences(2 * count, 1)
    right = target.labels(as_rows(texts)) == labels
    chosen = np.flatnonzero(right)[:count]
    return sklearn_text(model(kind), kind), [texts[at] for at in chosen], [labels[at] for at in chosen]
