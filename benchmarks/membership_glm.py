"""Membership of logistic regression: the closed form against LiRA with 256 shadow models, ART and sacroml.

Each pool is 1,000 rows of a real table; each target is the whole pipeline (impute, scale, encode, regress) trained on a
random half of its pool. LiRA trains its shadows by the same pipeline on random halves; targets are drawn apart from
them, because a target taken out of a set in which every row is in exactly half of the models gives its rows away by
counting. TPR at 1 % is taken at 5 of 500 false accusations, target by target. Targets of one pool share their rows and
shadows, so intervals are t-intervals over pools. "From the weights" is another adversary, who holds the model itself.

sacroml runs its own LiRA code on the pool's preprocessed matrix (easier than the pipeline: its shadows see exactly the
columns that matter) with its default number of shadows; ART's attack is given the true membership of half the pool.
"""

from __future__ import annotations

import json
import time

import numpy as np
from scipy import stats
from sklearn.base import clone

from benchmarks import _tables
from casemate.data.dataset import Dataset, concatenate
from casemate.threats.inversion.closed_form import closed_form
from casemate.threats.inversion.estimates import threshold
from casemate.threats.inversion.moments import Moments, likelihood_ratio
from casemate.threats.inversion.signals import Floats, log_odds
from casemate.threats.inversion.stationarity import gradient_ratio
from casemate.training.linear import fitted_objective, objective
from casemate.training.recipe import SklearnRecipe

POOLS, TARGETS, PEER_TARGETS, SHADOWS, HALF = 8, 12, 8, 256, 500
LARGE, LARGE_SHADOWS = 2_000, 12
SACROML = r"""
import contextlib, io, logging, tempfile, time
logging.disable(logging.CRITICAL)
from sacroml.attacks.likelihood_attack import LIRAAttack
from sacroml.attacks.model_sklearn import SklearnModel
from sklearn.linear_model import LogisticRegression
x, y, scores, seconds = given["x"], given["y"], [], []
for mask, p in zip(given["masks"], given["p"]):
    before = time.process_time()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        attack = LIRAAttack(output_dir=folder, write_report=False, mode="online-carlini", report_individual=True)
        proba = np.column_stack([1 - p, p])
        model = SklearnModel(LogisticRegression(C=1.0, max_iter=5000))
        attack._run(model, x[mask], y[mask], proba[mask], x[~mask], y[~mask], proba[~mask])
    seconds.append(time.process_time() - before)
    found = np.empty(len(y))
    found[np.concatenate([np.flatnonzero(mask), np.flatnonzero(~mask)])] = attack.result["member_prob"]
    scores.append(found)
answer = {"scores": np.array(scores), "seconds": np.array(seconds)}
"""
ART = r"""
import time
from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
from art.estimators.classification.scikitlearn import ScikitlearnLogisticRegression
from sklearn.linear_model import LogisticRegression
x, y, scores, seconds = given["x"], given["y"], [], []
model = ScikitlearnLogisticRegression(LogisticRegression(max_iter=5000).fit(x, y))
rng = np.random.default_rng(0)
for mask, p in zip(given["masks"], given["p"]):
    before, found, proba = time.process_time(), np.empty(len(y)), np.column_stack([1 - p, p])
    part = rng.permutation(len(y)) % 2
    for known in (0, 1):
        attack = MembershipInferenceBlackBox(model, attack_model_type="gb")
        inside, outside, rest = mask & (part == known), ~mask & (part == known), part != known
        attack.fit(None, y[inside], None, y[outside], pred=proba[inside], test_pred=proba[outside])
        found[rest] = attack.infer(None, y[rest], pred=proba[rest], probabilities=True).ravel()
    scores.append(found)
    seconds.append(time.process_time() - before)
answer = {"scores": np.array(scores), "seconds": np.array(seconds)}
"""


def draw(rows: Dataset, rng: np.random.Generator) -> np.ndarray:
    """A random half of the rows, as a mask."""
    mask = np.zeros(len(rows), dtype=bool)
    mask[rng.permutation(len(rows))[: len(rows) // 2]] = True
    return mask


def ask(recipe: SklearnRecipe, rows: Dataset, mask: np.ndarray) -> Floats:
    """The own-label log-odds of all rows, from a model trained on some."""
    return log_odds(recipe.fit(rows.take(mask), 0).scores(rows.features), rows.labels)


def lira(signals: Floats, masks: np.ndarray) -> Moments:
    """Carlini et al.'s algorithm 1, online, with a variance for every record."""
    inside, outside = np.where(masks, signals, np.nan), np.where(masks, np.nan, signals)
    return Moments(
        np.nanmean(inside, 0), np.nanstd(inside, 0) + 1e-30, np.nanmean(outside, 0), np.nanstd(outside, 0) + 1e-30
    )


def tpr(scores: Floats, masks: np.ndarray, fpr: float = 0.01) -> Floats:
    """TPR of each target."""
    return np.array([(row[mask] > threshold(row[~mask], fpr)).mean() for row, mask in zip(scores, masks, strict=True)])


def auc(scores: Floats, masks: np.ndarray) -> Floats:
    """Area under the curve of each target."""
    ranks = stats.rankdata(scores, axis=1)
    inside = masks.sum(axis=1)
    return ((ranks * masks).sum(axis=1) - inside * (inside + 1) / 2) / inside / (~masks).sum(axis=1)


def interval(values: list[Floats]) -> tuple[float, float, float]:
    """Mean over targets with its 95 % t-interval over pools."""
    means = np.array([pool.mean() for pool in values])
    half = stats.t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.inf
    return float(means.mean()), float(means.mean() - half), float(means.mean() + half)


def pool(name: str, seed: int, half: int) -> tuple[Dataset, SklearnRecipe]:
    """Rows of a table, and the practitioner's recipe."""
    members, others = _tables.halves(name, seed, half)
    pipeline = clone(_tables.models()["logistic"]).set_params(model__max_iter=5000)
    return concatenate(members, others, name), SklearnRecipe(pipeline)


def ours(recipe: SklearnRecipe, rows: Dataset) -> Moments:
    """One preprocessing, one fit, the rest by calculation."""
    return closed_form(objective(recipe.estimator, rows.features, rows.labels), 0.5).moments


def compare(name: str) -> dict[str, dict[str, list[Floats] | float]]:
    """Both attacks, and the peers that are there, on every target of every pool of a table."""
    found: dict[str, dict[str, list[Floats] | float]] = {}

    def note(attack: str, scores: Floats, masks: np.ndarray, seconds: float) -> None:
        row = found.setdefault(attack, {"tpr": [], "auc": [], "tpr0": [], "seconds": 0.0, "pools": 0})
        row["tpr"].append(tpr(scores, masks))
        row["tpr0"].append(tpr(scores, masks, 0.001))
        row["auc"].append(auc(scores, masks))
        row["seconds"] += seconds
        row["pools"] += 1

    for seed in range(POOLS):
        rows, recipe = pool(name, seed, HALF)
        rng = np.random.default_rng([seed, 1])
        targets = np.array([draw(rows, rng) for _ in range(TARGETS)])
        models = [recipe.fit(rows.take(mask), 0) for mask in targets]
        answers = np.array([log_odds(model.scores(rows.features), rows.labels) for model in models])
        before = time.process_time()
        scores = likelihood_ratio(ours(recipe, rows), answers)
        note("casemate closed form", scores, targets, time.process_time() - before)
        before = time.process_time()
        held = [fitted_objective(model.model, rows.features, rows.labels) for model in models]
        scores = np.array([gradient_ratio(problem, weights, 0.5) for problem, weights in held])
        note("casemate from the weights", scores, targets, (time.process_time() - before) / TARGETS)
        before = time.process_time()
        masks = np.array([draw(rows, rng) for _ in range(SHADOWS)])
        shadows = np.array([ask(recipe, rows, mask) for mask in masks])
        scores = likelihood_ratio(lira(shadows, masks), answers)
        note(f"LiRA, {SHADOWS} shadows", scores, targets, time.process_time() - before)
        sign = np.where(rows.labels == 1, 1.0, -1.0)
        peers(note, recipe, rows, targets, 1.0 / (1.0 + np.exp(-answers * sign)), first=seed == 0)
    return found


def peers(note, recipe: SklearnRecipe, rows: Dataset, targets: np.ndarray, p: Floats, *, first: bool) -> None:
    """ART on the first targets of every pool; sacroml, which is slow, on those of one pool."""
    matrix = objective(recipe.estimator, rows.features, rows.labels).design[:, :-1]
    some = targets[:PEER_TARGETS]
    given = {"x": matrix, "y": rows.labels, "masks": some, "p": p[:PEER_TARGETS]}
    if python := _tables.peer("art"):
        answer = _tables.ask_peer(python, ART, **given)
        note("ART MembershipInferenceBlackBox", answer["scores"], some, answer["seconds"].mean())
    if first and (python := _tables.peer("sacroml")):
        answer = _tables.ask_peer(python, SACROML, **given)
        note("sacroml LiRA, 100 shadows", answer["scores"], some, answer["seconds"].mean())


def large(name: str) -> tuple[float, float]:
    """CPU seconds at n = 4,000: ours, and LiRA's from the cost of some shadows."""
    rows, recipe = pool(name, 0, LARGE)
    rng = np.random.default_rng(2)
    before = time.process_time()
    for _ in range(LARGE_SHADOWS):
        ask(recipe, rows, draw(rows, rng))
    theirs = (time.process_time() - before) * SHADOWS / LARGE_SHADOWS
    before = time.process_time()
    likelihood_ratio(ours(recipe, rows), np.zeros((1, len(rows))))
    return time.process_time() - before, theirs


def main() -> None:
    print("## Membership of logistic regression, closed form (acceptance 4)\n")
    print(
        f"n = {2 * HALF:,} rows a pool, {POOLS} pools, {TARGETS} targets a pool, half of the rows members; CPU seconds "
        "for one audit, all fits included. Difference: TPR at 1 % minus LiRA's on the same targets, 95 % over pools.\n"
    )
    print("| table | attack | targets | AUC | TPR at 1 % | TPR at 0 of 500 | difference to LiRA | CPU s | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    result = {}
    for name in _tables.TABLES:
        found = compare(name)
        reference = found[f"LiRA, {SHADOWS} shadows"]
        cost = reference["seconds"] / reference["pools"]
        for attack, row in found.items():
            pairs = [a - b[: len(a)] for a, b in zip(row["tpr"], reference["tpr"], strict=False)]
            value, low, high = interval(pairs)
            own = row["seconds"] / row["pools"]
            count = sum(len(each) for each in row["tpr"])
            figures = [np.concatenate(row[key]).mean() for key in ("auc", "tpr", "tpr0")]
            shown = "" if row is reference else f"{value:+.4f}" + (f" [{low:+.4f}, {high:+.4f}]" if low > -1 else "")
            print(
                f"| {name} | {attack} | {count} | {figures[0]:.4f} | {figures[1]:.4f} | {figures[2]:.4f} | {shown} "
                f"| {own:.3f} | {cost / own:.0f}x |",
                flush=True,
            )
            result[f"{name}/{attack}"] = {
                "targets": count, "auc": figures[0], "tpr": figures[1], "tpr0": figures[2],
                "difference": value, "low": low, "high": high, "cpu": own, "ratio": cost / own,
            }  # fmt: skip
    print()
    for name in ("SUPPORT2", "Adult"):
        mine, theirs = large(name)
        result[f"{name}/large"] = {"cpu": mine, "lira_cpu": theirs, "ratio": theirs / mine}
        print(f"At n = {2 * LARGE:,} ({name}): {mine:.2f} s against {theirs:.1f} s for LiRA, {theirs / mine:.0f}x.")
    for peer in ("art", "sacroml"):
        if _tables.peer(peer) is None:
            print(f"\nSKIPPED {peer}: .peers/{peer} is not there; run `make peers`.")
    clean = {key: {k: v if np.isfinite(v) else None for k, v in row.items()} for key, row in result.items()}
    print(f"\n<details><summary>figures as JSON</summary>\n\n```json\n{json.dumps(clean)}\n```\n</details>")


if __name__ == "__main__":
    main()
