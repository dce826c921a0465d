"""Make the weights of the tagger of names: ``src/casemate/privacy/text/names/weights.npz``.

Softmax regression by Adagrad (Duchi, Hazan, Singer, JMLR 12:2121, 2011) over hashed features; the second pass learns
from what first passes said of sentences they had not seen. The same files give the same bytes.

Names come from lists of our own and of Faker (`tools.names.wide`).

Usage: CASEMATE_BENCH_DATA=... python tools/train_names.py [--calibrate]   (only what follows the training)
"""

from __future__ import annotations

import os
import random
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from tools.names.corpus import UNTOUCHED, Labels, checked, joined, known, made, together  # noqa: E402

from casemate.privacy.text.names.detector import aligned, runs  # noqa: E402
from casemate.privacy.text.names.features import BITS, around, rows  # noqa: E402
from casemate.privacy.text.names.tagger import CLASSES, Labelled, Tagger, Weights, candidates, second_rows, shipped  # noqa: E402
from casemate.privacy.text.names.tokens import Tokens, tokens  # noqa: E402
from casemate.privacy.text.names.windows import windows  # noqa: E402
from casemate.privacy.text.transformer import load  # noqa: E402

GOAL = ROOT / "src" / "casemate" / "privacy" / "text" / "names" / "weights.npz"
BATCH, RATE, DECAY, EPOCHS = 2048, 0.15, 2e-6, 5
ROUNDS = 24
FOLDS, APART, MOST_READ = 2, 12, 0.003
"""One text or template of ``APART`` is kept from the training, for the probabilities and for tau, which lets the
transformer read ``MOST_READ`` of the letters."""


def corpora(folder: Path) -> tuple[list[Labels], list[Labels]]:
    """Paragraphs to learn from, and those kept apart: tweets one by one, encyclopedia a few sentences at a time."""
    names = ("wnut17_train", "wnut17_dev", "btc_a", "btc_b", "btc_e", "btc_f", "btc_g")
    tweets = [each for name in names for each in checked(folder, f"{name}.conll")]
    articles = checked(folder, "wikigold.conll")[UNTOUCHED:]
    both: tuple[list[Labels], list[Labels]] = ([], [])
    for at, each in enumerate(tweets):
        both[at % APART == 0].append(joined(each, at % 2 == 0))
    for at in range(0, len(articles), 4):
        some = articles[at : at + 4]
        held = at // 4 % APART == 0
        both[held].append(together([joined(each, True) for each in some], " "))
        both[held].extend(joined(each, False) for each in some)
    return both


def cased(parts: Sequence[Labels], rng: random.Random) -> list[Labels]:
    """Some once more in small letters, some in capitals."""
    again = []
    for part in parts:
        which = rng.random()
        changed = part.text.lower() if which < 0.12 else part.text.upper() if which < 0.17 else ""
        if changed and len(changed) == len(part.text):
            again.append(Labels(changed, part.spans))
    return again


def cut(parts: Sequence[Labels]) -> tuple[list[Tokens], np.ndarray]:
    """Words of each text and (n,) their classes."""
    words = [tokens(np.frombuffer(each.text.encode("utf-32-le"), dtype=np.uint32)) for each in parts]
    return words, np.concatenate([classes(part, each.start) for part, each in zip(parts, words, strict=True)])


def learn(which: np.ndarray, truth: np.ndarray, offset: np.ndarray, seed: int, epochs: int = EPOCHS) -> np.ndarray:
    """(2 ** BITS, 4) weights.

    Args:
        which: (n, features) rows.
        truth: (n,) classes.
        offset: (n, 4) added to the sums.
        seed: of the order.
        epochs: how often everything is seen; weights are averaged over the second half.
    """
    size = 1 << BITS
    weights, squares = np.zeros((size, 4), dtype=np.float32), np.full((size, 4), 1e-4, dtype=np.float32)
    rng = np.random.default_rng(seed)
    average = np.zeros_like(weights)
    for epoch in range(epochs):
        order = rng.permutation(len(truth))
        for begin in range(0, len(order), BATCH):
            mine = order[begin : begin + BATCH]
            index = which[mine]
            odds = weights[index].sum(axis=1) + offset[mine]
            odds -= odds.max(axis=1, keepdims=True)
            error = np.exp(odds)
            error /= error.sum(axis=1, keepdims=True)
            error[np.arange(len(mine)), truth[mine]] -= 1
            flat = index.reshape(-1)
            repeated = np.repeat(error.T, index.shape[1], axis=1)
            sums = np.stack([np.bincount(flat, each, size) for each in repeated], axis=1)
            touched = np.flatnonzero(sums.any(axis=1))
            step = (sums[touched] + DECAY * len(mine) * weights[touched]).astype(np.float32)
            squares[touched] += step * step
            weights[touched] -= RATE * step / np.sqrt(squares[touched])
        if epoch >= epochs // 2:
            average += weights
    return average / (epochs - epochs // 2)


def whole(weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights as int8, and what a step of them is worth."""
    scale = float(np.quantile(np.abs(weights[weights != 0]), 0.9995)) / 127
    return np.clip(np.round(weights / scale), -127, 127).astype(np.int8), scale


def train(parts: Sequence[Labels], seed: int = 0) -> Weights:
    """Both passes."""
    words, truth = cut(parts)
    seen_around = [around(each) for each in words]
    which = np.concatenate([rows(each, near).T for each, near in zip(words, seen_around, strict=True)]).astype(np.int32)
    owner = np.repeat(np.arange(len(words)) % FOLDS, [len(each.start) for each in words])
    nothing = np.zeros((len(truth), 4), dtype=np.float32)
    seen = nothing.copy()
    for fold in range(FOLDS):
        other = owner != fold
        weights = learn(which[other], truth[other], nothing[other], seed + 1 + fold, 2)
        seen[~other] = _odds(weights, which[~other])
        print("fold", fold, (seen[~other].argmax(axis=1) == truth[~other]).mean(), flush=True)
    first, scale = whole(learn(which, truth, nothing, seed))
    edges = np.cumsum([0, *(len(each.start) for each in words)])
    again = np.concatenate(
        [second_rows(near, seen[low:high]).T for near, low, high in zip(seen_around, edges, edges[1:], strict=False)]
    ).astype(np.int32)
    second, step = whole(learn(again, truth, seen, seed + 9, 3))
    return Weights(first, second, np.array([scale, step]))


def _odds(weights: np.ndarray, which: np.ndarray) -> np.ndarray:
    return np.concatenate([weights[which[at : at + 8192]].sum(axis=1) for at in range(0, len(which), 8192)])


def calibrated(weights: Weights, real: Sequence[Labels], ours: Sequence[Labels], place: Path | None) -> Weights:
    """Tau, the mixture with the transformer, and the probabilities, from texts that were kept apart.

    Candidates in real texts and in our own sentences count as much as each other, as often as they may be.
    """
    held, tagger = [*real, *ours], Tagger(weights)
    transformer = load(place)
    if transformer is None:
        sys.exit("the transformer is not here: python tools/fetch_model.py")
    plain, said, truth = [], [], []
    for part in held:
        words = tagger.label(part.text)
        mine = np.full((len(words.start), 3), 0.0)
        for start, end in windows(part.text):
            which = slice(*np.searchsorted(words.start, [start, end]))
            mine[which] = aligned(words, which, transformer.read(part.text[start:end]), start)
        plain.append(words)
        said.append(mine)
        truth.append(classes(part, words.start))
    odds, other, true = np.concatenate([each.odds for each in plain]), np.concatenate(said), np.concatenate(truth)
    fitted = LogisticRegression(max_iter=400, C=1.0, fit_intercept=False).fit(
        np.hstack([odds, other, np.ones((len(odds), 1))]),
        true,
        _even(np.repeat(np.arange(len(held)) < len(real), [len(each.start) for each in plain])),
    )
    weights = weights._replace(mix=fitted.coef_.T.astype(np.float64), tau=tau(held, plain))
    platt = np.zeros((2, 4, 2))
    for read in (0, 1):
        rows_ = []
        for number, (part, words, mine) in enumerate(zip(held, plain, said, strict=True)):
            now = weights.mixed(words.odds, mine) if read else words.odds
            best, margin = candidates(now)
            for begin, stop in runs(best, words.gap):
                start, end, kind = int(words.start[begin]), int(words.end[stop - 1]), int(best[begin])
                right = any(kind == CLASSES.index(name) and overlaps(start, end, a, b) for a, b, name in part.spans)
                rows_.append((kind, float(margin[begin:stop].mean()), right, number < len(real)))
        for kind in (1, 2, 3):
            x = np.array([[each[1]] for each in rows_ if each[0] == kind])
            y = np.array([each[2] for each in rows_ if each[0] == kind])
            share = _even(np.array([each[3] for each in rows_ if each[0] == kind]))
            line = LogisticRegression(C=100.0).fit(x, y, share)
            platt[read, kind] = line.coef_[0, 0], line.intercept_[0]
            print("read" if read else "tagger", CLASSES[kind], len(y), "candidates, right", y.mean(), platt[read, kind])
    return weights._replace(platt=platt)


def _even(real: np.ndarray) -> np.ndarray:
    """(n,) weights with which both kinds weigh the same, one on the average."""
    return np.where(real, 0.5 / real.mean(), 0.5 / (1 - real.mean()))


def tau(held: Sequence[Labels], labelled: Sequence[Labelled]) -> float:
    """Margin below which the transformer reads: as much as ``MOST_READ`` of the letters."""
    size, least = [], []
    for part, words in zip(held, labelled, strict=True):
        margin = np.abs(words.odds[:, 1:].max(axis=1, initial=-np.inf) - words.odds[:, 0])
        for start, end in windows(part.text):
            mine = slice(*np.searchsorted(words.start, [start, end]))
            size.append(end - start)
            least.append(margin[mine].min(initial=np.inf))
    order = np.argsort(least)
    share = np.cumsum(np.array(size)[order]) / np.sum(size)
    for edge in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2):
        print(f"margin {least[order[np.searchsorted(share, edge)]]:.3f}: {edge:.0%} of the letters")
    return float(least[order[np.searchsorted(share, MOST_READ)]])


def classes(part: Labels, starts: np.ndarray) -> np.ndarray:
    """(n,) class of the words that start there."""
    mine = np.zeros(len(part.text) + 1, dtype=np.int64)
    for start, end, kind in part.spans:
        mine[start:end] = CLASSES.index(kind)
    return mine[starts]


def overlaps(start: int, end: int, a: int, b: int) -> bool:
    """Intersection over union of at least a half."""
    return 2 * (min(end, b) - max(start, a)) >= max(end, b) - min(start, a)


def main() -> None:
    """Train, calibrate, write."""
    rest, real = corpora(Path(os.environ["CASEMATE_BENCH_DATA"]) / "text")
    ours: list[Labels] = []
    for sentence, part in made(0, ROUNDS):
        (ours if zlib.crc32(sentence.encode()) % APART == 0 else rest).append(part)
    rest += known(0)
    rng = random.Random(0)
    rng.shuffle(rest)
    rest += cased(rest, rng)
    weights = shipped() if "--calibrate" in sys.argv else train(rest)
    save(weights)  # the passes alone, should the transformer be missing
    save(calibrated(weights, real, ours, None))
    print(f"{GOAL.relative_to(ROOT)}: {GOAL.stat().st_size:,} bytes")


def save(weights: Weights) -> None:
    """As arrays, without anything that is loaded as an object."""
    np.savez_compressed(GOAL, **weights._asdict())


if __name__ == "__main__":
    main()
