"""Train the models of a configuration again, in shards, so that subjects can be removed; each beside the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from casemate.audit.audit import opened_or_refused
from casemate.audit.config import Config
from casemate.audit.harden import write_model
from casemate.core.errors import UsageError
from casemate.core.observer import Observer, Silent
from casemate.keys.files import default_home
from casemate.privacy.erasure import ShardedClassifier, SubjectKey
from casemate.stats import Estimate, paired_difference
from casemate.targets.sklearn import classifier
from casemate.training.engagement import Engagement
from casemate.training.recipe import SklearnRecipe

KEY: Final = "subjects.key"
WHAT: Final = "shards"


@dataclass(frozen=True)
class Sharded:
    """One model.

    Attributes:
        name: of the model in the configuration.
        before, after: accuracy on held-out rows, of the model as it was and in shards.
        change: the difference, by pairs, with its interval.
        shards, rows: how many.
        seconds: CPU seconds of training all shards.
        model: where it was written.
    """

    name: str
    before: float
    after: float
    change: Estimate
    shards: int
    rows: int
    seconds: float
    model: Path


def train_sharded(
    config: Config,
    *,
    shards: int,
    models: Sequence[str] = (),
    observer: Observer | None = None,
    home: Path | None = None,
) -> list[Sharded]:
    """Train models again in shards, on the rows they were trained on.

    Args:
        config: which models, and their data; `[data]` names the column that says whose row it is.
        shards: how many.
        models: names of models; all that can be when empty.
        observer: hears about progress and about models that are left out.
        home: where keys lie, instead of the user's key home. The subject key is made there at first use.

    Raises:
        UsageError: a name is unknown, no column says whose row it is, or no model can be trained in shards.
        CasemateError: as ``audit`` when it opens data and models.
    """
    heard = observer or Silent()
    if config.data.subject is None:
        raise no_subjects()
    unknown = sorted(set(models) - {model.name for model in config.model})
    if unknown:
        raise UsageError(f"there is no model {unknown[0]!r}", next_step="name one of the [[model]] sections")
    engagements = opened_or_refused(config, heard, home).engagements
    chosen = {name: each for name, each in engagements.items() if not models or name in models}
    refused = {name: reason for name, each in chosen.items() if (reason := refusal(each))}
    for name, reason in refused.items():
        heard.note(f"{name} is left out: {reason}")
    if len(refused) == len(chosen):
        raise UsageError("no model can be trained in shards", next_step=next(iter(refused.values()), "name a model"))
    path = (home or default_home()) / KEY
    key = SubjectKey.open(path) if path.exists() else SubjectKey.create(path)
    return [_trained(config, each, shards, key) for name, each in _left(chosen, refused).items()]


def refusal(engagement: Engagement) -> str:
    """Why a model cannot be trained in shards, or ""."""
    if not isinstance(engagement.recipe, SklearnRecipe):
        return "no scikit-learn recipe: how the model was trained is not known"
    if isinstance(engagement.recipe.estimator, ShardedClassifier):
        return "it is made of shards already"
    return ""


def no_subjects() -> UsageError:
    """The error where nothing says whose a row is."""
    return UsageError(
        "nothing says whose row is whose", next_step='name the column with the ids: [data] subject = "..."'
    )


def _left(chosen: Mapping[str, Engagement], refused: Mapping[str, str]) -> dict[str, Engagement]:
    return {name: each for name, each in chosen.items() if name not in refused}


def _trained(config: Config, engagement: Engagement, shards: int, key: SubjectKey) -> Sharded:
    assert isinstance(engagement.recipe, SklearnRecipe)  # noqa: S101 - `refusal` has said so
    members, held = engagement.members, engagement.nonmembers
    model = ShardedClassifier(engagement.recipe.estimator, shards, key=key, random_state=engagement.seed)
    model.fit(members.features, engagement.target.model.classes_[members.labels], members.subjects)
    target = replace(classifier(model, engagement.name), answers=engagement.target.answers)
    original = next(config.path(each.path) for each in config.model if each.name == engagement.name)
    was, now = (each.labels(held.features) == held.labels for each in (engagement.target, target))
    return Sharded(
        name=engagement.name,
        before=float(was.mean()),
        after=float(now.mean()),
        change=paired_difference(int(np.sum(was & ~now)), int(np.sum(now & ~was)), len(held)),
        shards=shards,
        rows=len(members),
        seconds=sum(float(each["seconds"]) for each in model.shards_),
        model=write_model(original, WHAT, target),
    )
