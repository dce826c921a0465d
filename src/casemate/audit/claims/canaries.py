"""A few trainings more, by the same recipe and on the same records, with canaries drawn by lot.

A canary is a record that the model never saw, with the label that it finds least likely: what a training learns from
it is as much as it learns from anybody. Canaries come in pairs, and of each pair one is in: a coin says which. So the
number of records, which ``zero_out`` takes as public, is the same however the coins fall. Some trainings are the
adversary's own: they show what to expect of each pair, whichever is in. The coins of the others are guessed, by the
likelihood ratio of two normal distributions; each coin touches one training and no other, so that all of them count
as one run.

Between the two worlds of a coin one record is replaced by another. A certificate about replaced records
(``replace_one``) is held to its epsilon; one about records that are there or not (``add_remove``, ``zero_out``) is
two steps away, and is granted twice epsilon and (1 + exp(epsilon)) delta before anything is held against it. A pair
also shows twice what one canary does. Few canaries in several trainings show more than many in one: they do not drown
each other.

References:
    Steinke, Nasr and Jagielski 2023, "Privacy auditing with one (1) training run" (arXiv 2305.08846); the likelihood
    ratio: Carlini et al. 2022, "Membership inference attacks from first principles" (arXiv 2112.03570), algorithm 1.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from casemate.audit.claims.said import Said
from casemate.core.seeds import derive
from casemate.data.dataset import Dataset, concatenate
from casemate.privacy.dp import declarations
from casemate.privacy.dp.audit.one_run import Guesses, guess, lower_bound
from casemate.privacy.dp.warning import PrivacyWarning
from casemate.targets.network import NetworkBackend
from casemate.targets.target import Target
from casemate.threats.inversion.answers import answers, by_class
from casemate.threats.inversion.signals import log_odds
from casemate.training.engagement import Engagement, Result

Floats = npt.NDArray[np.float64]
Coins = npt.NDArray[np.bool_]

RUNS: Final = {"quick": (8, 4), "standard": (16, 8), "thorough": (32, 32)}
"""Trainings of the adversary's own, an even number, and those whose coins are guessed, by effort."""
MOST: Final = 100
"""Canaries in a training."""
FEWEST: Final = 20
"""Canaries in a training, at least."""
SHARE: Final = 4
"""Training records for each canary, at least."""
SURE: Final = (0.2, 0.6)
"""Shares of the coins that are guessed, fixed beforehand: those whose scores lie farthest out."""
PRIOR: Final = 4.0
"""How many trainings the variance that most pairs have counts for."""
LEAST: Final = 1e-9
"""Variance of log-odds, at least."""
SETTINGS: Final = ("epochs", "batch", "clip_norm", "rate", "momentum")
"""What makes a private training of a network again, as its certificate names it."""
LONGEST: Final = 1e10
"""Epochs times records times weights of all trainings, above which a network is trained with "thorough" effort only."""


def count(engagement: Engagement) -> int:
    """How many canaries a training has: an even number."""
    most = min(MOST, len(engagement.members) // SHARE, len(engagement.nonmembers))
    return most - most % 2


def runs(engagement: Engagement) -> range:
    """The trainings: the adversary's own first."""
    return range(sum(RUNS[engagement.effort]))


def refusal(engagement: Engagement, said: Said) -> str:
    """Why no model can be trained with canaries here, or ""."""
    if count(engagement) < FEWEST:
        return f"no canaries: {count(engagement)} would be too few"
    if engagement.members.shape is None:
        return "" if engagement.recipe is not None else "no canaries: how the model was trained is not known"
    backend, settings = engagement.target.backend, said.certificate.settings
    if not isinstance(backend, NetworkBackend) or not set(SETTINGS) <= set(settings):
        return "no canaries: the certificate does not say how the network was trained"
    if "Poisson" not in said.certificate.sampler:
        return "no canaries: networks are trained again with batches drawn by lot only"
    weights = sum(each.numel() for each in backend.model.parameters())
    work = float(settings["epochs"]) * len(engagement.members) * weights * len(runs(engagement))
    if work > LONGEST and engagement.effort != "thorough":
        return 'no canaries: training the network again takes long, and is done with effort = "thorough" only'
    return ""


def scored(engagement: Engagement, said: Said, run: int) -> Result:
    """Train once with canaries.

    Returns:
        ``moved`` (pairs,), by how much the log-odds of the first canary of a pair exceed those of the second, and
        ``there`` (pairs,), whether the first is in.
    """
    seed = derive(engagement.seed, declarations.BOUND.id, "canaries")
    total = count(engagement)
    chosen = np.random.default_rng(seed).permutation(len(engagement.nonmembers))[:total]
    strangers = engagement.nonmembers.take(chosen, "canaries")
    canaries = strangers.relabel(answers(engagement.target, strangers.features).argmin(axis=1))
    there = coins(engagement, run)
    rows = concatenate(engagement.members, canaries.take(np.concatenate([there, ~there])), "records and canaries")
    made = _trained(engagement, said, rows, derive(seed, "training", run))
    told = by_class(answers(made, canaries.features), made.classes, len(rows.classes))
    odds = log_odds(told, canaries.labels)
    return {"moved": odds[: total // 2] - odds[total // 2 :], "there": there}


def coins(engagement: Engagement, run: int) -> Coins:
    """(pairs,) which of each pair is in. The adversary tosses each coin twice, once for either side."""
    own = RUNS[engagement.effort][0]
    toss = run // 2 if run < own else run
    seed = derive(engagement.seed, declarations.BOUND.id, "coins", toss)
    there = np.random.default_rng(seed).random(count(engagement) // 2) < 0.5
    return ~there if run < own and run % 2 else there


def guessed(results: Sequence[Mapping[str, Any]], own: int) -> tuple[Floats, Coins]:
    """Scores of the coins that are guessed, larger where the first of a pair seems to be in, and the coins.

    Args:
        results: of `scored`, in order.
        own: how many of them are the adversary's.
    """
    moved = np.array([each["moved"] for each in results], dtype=np.float64)
    there = np.array([each["there"] for each in results], dtype=np.bool_)
    known, sides = moved[:own], there[:own]
    inside, outside = (np.where(side, known, 0).sum(0) / side.sum(0) for side in (sides, ~sides))
    spread = ((known - np.where(sides, inside, outside)) ** 2).sum(0)
    typical = float(np.median(spread)) / (own - 2)
    spread = (spread + PRIOR * typical) / (own - 2 + PRIOR) + LEAST
    scores = (inside - outside) * (moved[own:] - (inside + outside) / 2) / spread
    return scores.ravel(), there[own:].ravel()


def shown(scores: Floats, there: Coins, said: Said, confidence: float) -> tuple[Guesses, float]:
    """The guesses that show most, and the epsilon that the training exceeds by them; limits hold for all together."""
    doubt = (1 - confidence) / len(SURE)
    steps = 1 if said.certificate.relation == "replace_one" else 2
    delta = said.certificate.delta or said.certificate.distance
    tried = [guess(scores, there, int(share * len(there))) for share in SURE]
    found = [(lower_bound(each, delta, 1 - doubt, steps=steps), each) for each in tried]
    epsilon, best = max(found, key=lambda each: each[0])
    return best, epsilon


def _trained(engagement: Engagement, said: Said, rows: Dataset, seed: int) -> Target:
    with warnings.catch_warnings(action="ignore", category=PrivacyWarning):  # seeded noise, for nobody's privacy
        if engagement.recipe is not None:
            return engagement.recipe.fit(rows, seed)
        backend, made = engagement.target.backend, said.certificate
        assert isinstance(backend, NetworkBackend)  # noqa: S101 - `refusal` has said so
        import_module("torch").manual_seed(seed % 2**32)
        options: dict[str, Any] = {name: made.settings[name] for name in SETTINGS}
        found = import_module("casemate.privacy.dp.sgd.anew").trained_anew(
            backend.model,
            rows.tensors,
            rows.labels,
            epsilon=made.epsilon,
            delta=made.delta,
            seed=seed % 2**31,
            **options,
        )
        return replace(engagement.target, backend=backend.trained(found.module))
