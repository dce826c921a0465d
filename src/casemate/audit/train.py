"""Train the models of a configuration again, privately; write each beside the original with a signed certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casemate.audit.audit import opened_or_refused
from casemate.audit.claims.said import Named
from casemate.audit.claims.statement import issue
from casemate.audit.config import Config
from casemate.audit.harden import write_model
from casemate.audit.plan import identity
from casemate.core.errors import UsageError
from casemate.core.observer import Observer, Silent
from casemate.privacy.dp.certificate import Certificate
from casemate.privacy.dp.defense import TrainPrivately
from casemate.targets.target import Target
from casemate.training.engagement import Engagement


@dataclass(frozen=True)
class PrivatelyTrained:
    """One model.

    Attributes:
        name: of the model in the configuration.
        certificate: what its guarantee rests on.
        before, after: accuracy on held-out rows, of the model as it was and of the private one.
        model: where it was written.
        statement: where its signed certificate was written.
    """

    name: str
    certificate: Certificate
    before: float
    after: float
    model: Path
    statement: Path


def train_privately(
    config: Config,
    *,
    epsilon: float,
    delta: float,
    models: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    observer: Observer | None = None,
    home: Path | None = None,
) -> list[PrivatelyTrained]:
    """Train models privately on the rows they were trained on.

    Args:
        config: which models, and their data.
        epsilon: of the budget that each model gets; two models of the same data spend twice.
        delta: of the budget; 0 for pure epsilon.
        models: names of models; all that can be trained privately when empty.
        options: of `casemate.privacy.dp.PrivateTraining`, for networks.
        observer: hears what the budget buys, about progress and about models that are left out.
        home: where keys lie, instead of the user's key home.

    Raises:
        UsageError: the budget is none, a name is unknown, or no model can be trained privately; nothing was spent.
        CasemateError: as ``audit`` when it opens data and models.
    """
    heard, defense = observer or Silent(), TrainPrivately(epsilon, delta, **(options or {}))
    chosen = _chosen(config, defense, models, heard, home)
    for name, engagement in chosen.items():
        heard.note(f"{name}: {defense.forecast(engagement)}")
    return [_trained(config, engagement, defense, home) for engagement in chosen.values()]


def forecasts(
    config: Config,
    *,
    epsilon: float,
    delta: float,
    models: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    observer: Observer | None = None,
    home: Path | None = None,
) -> dict[str, str]:
    """What the budget would buy for each model; nothing is trained or spent. Arguments as of ``train_privately``."""
    defense = TrainPrivately(epsilon, delta, **(options or {}))
    chosen = _chosen(config, defense, models, observer or Silent(), home)
    return {name: defense.forecast(engagement) for name, engagement in chosen.items()}


def _chosen(
    config: Config, defense: TrainPrivately, models: Sequence[str], heard: Observer, home: Path | None
) -> dict[str, Engagement]:
    """The models that can be trained privately, of those that are asked for."""
    unknown = sorted(set(models) - {model.name for model in config.model})
    if unknown:
        raise UsageError(f"there is no model {unknown[0]!r}", next_step="name one of the [[model]] sections")
    engagements = opened_or_refused(config, heard, home).engagements
    chosen = {name: each for name, each in engagements.items() if not models or name in models}
    refused = {name: reason for name, each in chosen.items() if (reason := defense.applies(each))}
    for name, reason in refused.items():
        heard.note(f"{name} is left out: {reason}")
    if len(refused) == len(chosen):
        raise UsageError("no model can be trained privately", next_step=next(iter(refused.values()), "name a model"))
    return {name: engagement for name, engagement in chosen.items() if name not in refused}


def _trained(config: Config, engagement: Engagement, defense: TrainPrivately, home: Path | None) -> PrivatelyTrained:
    made, certificate = defense.train(engagement)
    original = next(config.path(model.path) for model in config.model if model.name == engagement.name)
    path = write_model(original, defense.spec.id, made.target)
    signed = issue(
        certificate,
        path,
        engagement.members,
        original=Named(name=engagement.name, sha256=identity(engagement)),
        home=home,
    )
    before, after = (_accuracy(each.target, engagement) for each in (engagement, made))
    return PrivatelyTrained(engagement.name, certificate, before, after, path, signed)


def _accuracy(target: Target, engagement: Engagement) -> float:
    rows = engagement.nonmembers
    return float((target.labels(rows.features) == rows.labels).mean())
