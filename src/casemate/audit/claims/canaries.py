"""One training more, by the same recipe and on the same records, with canaries drawn by lot.

A canary is a record that the model never saw, with the label that it finds least likely: what a training learns from it
is as much as it learns from anybody. The adversary knows everything but the coins, so it knows what the audited model,
trained without canaries, says of each; a canary is guessed to be in where the new model says something else.

Canaries come in pairs, and of each pair one is in: a coin says which. So the number of records, which ``zero_out``
takes as public, is the same however the coins fall, and they are independent. Between the two worlds of a coin one
record is replaced by another. A certificate about replaced records (``replace_one``) is held to its epsilon; one about
records that are there or not (``add_remove``, ``zero_out``) is two steps away, and is granted twice epsilon and
(1 + exp(epsilon)) delta before anything is held against it. A pair also shows twice what one canary does.

Reference:
    Steinke, Nasr and Jagielski 2023, "Privacy auditing with one (1) training run" (arXiv 2305.08846).
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from importlib import import_module
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from casemate.audit.claims.said import Said
from casemate.core.seeds import derive
from casemate.data.dataset import Dataset, concatenate
from casemate.privacy.dp.audit.one_run import Guesses, guess, lower_bound
from casemate.privacy.dp.warning import PrivacyWarning
from casemate.targets.network import NetworkBackend
from casemate.targets.target import Target
from casemate.threats.inversion.answers import answers, by_class
from casemate.threats.inversion.signals import log_odds
from casemate.training.engagement import Engagement, Result

Floats = npt.NDArray[np.float64]

MOST: Final = 1000
"""Canaries."""
FEWEST: Final = 64
"""Below this many, the number of right guesses shows nothing."""
SHARE: Final = 4
"""Training records for each canary, at least."""
SURE: Final = (0.2, 0.6)
"""Shares of the coins that are guessed, fixed beforehand: those whose scores lie farthest out."""
SETTINGS: Final = ("epochs", "batch", "clip_norm", "rate", "momentum")
"""What makes a private training of a network again, as its certificate names it."""
LONGEST: Final = 1e10
"""Epochs times records times weights, above which a network is trained again only with effort "thorough"."""


def count(engagement: Engagement) -> int:
    """How many canaries there are: an even number."""
    most = min(MOST, len(engagement.members) // SHARE, len(engagement.nonmembers))
    return most - most % 2


def refusal(engagement: Engagement, said: Said) -> str:
    """Why no model can be trained with canaries here, or ""."""
    if count(engagement) < FEWEST:
        return f"{count(engagement)} canaries are too few"
    if engagement.members.shape is None:
        return "" if engagement.recipe is not None else "no recipe: how the model was trained is not known"
    backend = engagement.target.backend
    if not isinstance(backend, NetworkBackend) or not set(SETTINGS) <= set(said.certificate.settings):
        return "the certificate does not say how the network was trained"
    weights = sum(each.numel() for each in backend.model.parameters())
    work = float(said.certificate.settings["epochs"]) * len(engagement.members) * weights
    if work > LONGEST and engagement.effort != "thorough":
        return 'training the network again takes long, and is done with effort = "thorough" only'
    return ""


def scored(engagement: Engagement, said: Said, seed: int) -> Result:
    """Train with canaries; what the adversary makes of each coin.

    Returns:
        ``scores`` (coins,), larger where the first canary of a pair seems to be in, and ``there`` (coins,).
    """
    rng = np.random.default_rng(seed)
    total = count(engagement)
    chosen = rng.permutation(len(engagement.nonmembers))[:total]
    strangers = engagement.nonmembers.take(chosen, "canaries")
    before = answers(engagement.target, strangers.features)
    canaries = strangers.relabel(before.argmin(axis=1))
    there = rng.random(total // 2) < 0.5
    within = np.concatenate([there, ~there])
    rows = concatenate(engagement.members, canaries.take(within), "records and canaries")
    made = _trained(engagement, said, rows, derive(seed, "training"))
    after = by_class(answers(made, canaries.features), made.classes, len(rows.classes))
    moved = log_odds(after, canaries.labels) - log_odds(before, canaries.labels)
    return {"scores": moved[: total // 2] - moved[total // 2 :], "there": there}


def shown(scores: Floats, there: npt.NDArray[np.bool_], said: Said, confidence: float) -> tuple[Guesses, float]:
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
