"""Private training as a defense of an audit: a model in, a private one out, attacked again by whoever asked."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from casemate.core.errors import UsageError
from casemate.core.policy import Policy
from casemate.data.dataset import Dataset
from casemate.privacy.dp import declarations
from casemate.privacy.dp.certificate import Certificate
from casemate.privacy.dp.checks import check_delta, check_epsilon
from casemate.privacy.dp.encoder import PublicEncoder, columns_of, refusal
from casemate.privacy.dp.linear.forecast import forecast
from casemate.privacy.dp.linear.logistic import LogisticRegression
from casemate.privacy.dp.warning import PrivacyWarning
from casemate.targets.network import NetworkBackend
from casemate.targets.sklearn import classifier
from casemate.targets.target import Target
from casemate.training.engagement import Engagement, Proposal
from casemate.training.recipe import SklearnRecipe

BOOK: Final = "bounds and categories of the columns"
FALSE_ALARMS: Final = 0.01


@dataclass(frozen=True)
class PrivateRecipe(SklearnRecipe):
    """How an attacker trains models of the same kind: with noise of a seed, which is no one's privacy."""

    def fit(self, rows: Dataset, seed: int) -> Target:
        """As of any estimator, with classes declared as the codes that labels are given in.

        That seeded noise protects nobody goes without saying here.
        """
        codes = tuple(range(len(rows.classes)))
        given = self.estimator.get_params()
        declared = {key: codes for key in given if key.split("__")[-1] == "classes" and given[key] is not None}
        with warnings.catch_warnings(action="ignore", category=PrivacyWarning):
            return SklearnRecipe(clone(self.estimator).set_params(**declared)).fit(rows, seed)


class TrainPrivately:
    """The defense ``privacy.dp``: a logistic regression for a table, DP-SGD for a network.

    A table's model becomes a private logistic regression whatever it was, on columns encoded by the schema; a network
    is trained from new weights, for those there are have seen the data.

    Args:
        epsilon: the budget.
        delta: far below 1 / records; 0 for pure epsilon, which networks cannot have.
        **options: of `casemate.privacy.dp.PrivateTraining` for networks (epochs, batch, clip_norm, rate, momentum).

    Raises:
        UsageError: a budget that is none, or an unknown option.
    """

    spec = declarations.PRIVATE

    def __init__(self, epsilon: float = 1.0, delta: float = 1e-5, **options: float) -> None:
        check_epsilon(epsilon)
        if delta:
            check_delta(delta)
        unknown = sorted(set(options) - {"epochs", "batch", "clip_norm", "rate", "momentum"})
        if unknown:
            raise UsageError(
                f"{self.spec.id} has no option {unknown[0]!r}",
                next_step="use: epsilon, delta, epochs, batch, clip_norm, rate, momentum",
            )
        self.epsilon, self.delta, self.options = epsilon, delta, options

    def applies(self, engagement: Engagement) -> str:
        """Why this model cannot be trained privately, or ""."""
        members = engagement.members
        if members.shape is not None:
            if not isinstance(engagement.target.backend, NetworkBackend):
                return "the model is no network whose code is known"
            return "" if self.delta else "a network cannot be trained with pure epsilon: give a delta"
        if not isinstance(engagement.recipe, SklearnRecipe):
            return "no recipe: how the model was trained is not known"
        return next((reason for column in members.schema.columns if (reason := refusal(column))), "")

    def propose(self, engagement: Engagement, policy: Policy) -> Proposal:
        """Train on the same rows; what the budget bounds is promised.

        Raises:
            CasemateError: the data or the network do not allow it; nothing was spent.
        """
        made, certificate = self.train(engagement)
        most = min(math.exp(self.epsilon) * FALSE_ALARMS + self.delta, 1.0)
        return Proposal(
            engagement=made,
            settings={"epsilon": self.epsilon, "delta": self.delta, **self.options},
            note=f"{certificate}; no attack reaches a TPR above {most:.2%} at a false-positive rate of "
            f"{FALSE_ALARMS:.0%}",
        )

    def forecast(self, engagement: Engagement) -> str:
        """What the budget buys for so many records, found without looking at them: nothing is spent.

        Raises:
            UsageError: it buys nothing.
        """
        members = engagement.members
        if members.shape is None:
            model = LogisticRegression(self.epsilon, delta=self.delta or None)
            return str(forecast(model, len(members), PublicEncoder(columns_of(members.schema)).width))
        training = import_module("casemate.privacy.dp.sgd.training").PrivateTraining
        plan = training(epsilon=self.epsilon, delta=self.delta, **self.options).plan(len(members))
        return (
            f"{plan.steps:,} steps on {plan.rate * len(members):,.0f} of {len(members):,} records each, with noise of "
            f"{plan.noise_multiplier:.2f} times the longest gradient of one"
        )

    def train(self, engagement: Engagement) -> tuple[Engagement, Certificate]:
        """The engagement with a private model, and what its guarantee rests on.

        Raises:
            CasemateError: as ``propose``.
        """
        return (self._table if engagement.members.shape is None else self._network)(engagement)

    def _table(self, engagement: Engagement) -> tuple[Engagement, Certificate]:
        members, old = engagement.members, engagement.target
        known = _values(old, members)
        steps = [
            ("encode", PublicEncoder(columns_of(members.schema))),
            ("model", LogisticRegression(self.epsilon, delta=self.delta or None, classes=tuple(known.tolist()))),
        ]
        recipe = PrivateRecipe(Pipeline(steps))
        # not through the recipe: it gives every estimator a seed, which is right for shadow models and wrong here
        pipeline = Pipeline(steps).fit(members.features, known[members.labels])
        model = pipeline[-1]
        assumed = (*model.certificate_.assumed, BOOK)
        model.certificate_ = msgspec.structs.replace(model.certificate_, assumed=assumed)
        target = replace(classifier(pipeline, old.name), access=old.access, answers=old.answers)
        return engagement.changed(target=target, recipe=recipe, defense=self.spec.id), model.certificate_

    def _network(self, engagement: Engagement) -> tuple[Engagement, Certificate]:
        backend, data = engagement.target.backend, engagement.members
        assert isinstance(backend, NetworkBackend)  # noqa: S101 - `applies` has said so
        found = import_module("casemate.privacy.dp.sgd.anew").trained_anew(
            backend.model, data.tensors, data.labels, epsilon=self.epsilon, delta=self.delta, **self.options
        )
        target = replace(engagement.target, backend=backend.trained(found.module))
        return engagement.changed(target=target, recipe=None, defense=self.spec.id), found.certificate


def _values(old: Target, members: Dataset) -> npt.NDArray[Any]:
    """The labels as the model that is replaced gives them, by code: a file that answers likewise can take its place."""
    known = np.asarray(getattr(old.backend.model, "classes_", members.classes))
    return known if tuple(map(str, known)) == members.classes else np.asarray(members.classes)
