"""Remove subjects from a sharded model: what it touched is trained again, attacked, and signed for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from casemate.audit.audit import opened_or_refused
from casemate.audit.config import Config
from casemate.audit.forgetting import UNLEARNING, look, measured
from casemate.audit.harden import write_model
from casemate.audit.output import write
from casemate.audit.sharding import KEY, no_subjects
from casemate.audit.statements import signed
from casemate.core.digests import Digest
from casemate.core.errors import UsageError
from casemate.core.measurement import Measurement
from casemate.core.observer import Observer, Silent
from casemate.keys.files import default_home
from casemate.privacy.erasure import Influence, Removal, ShardedClassifier, SubjectKey
from casemate.privacy.erasure.subjects import as_text
from casemate.training.engagement import Engagement

PREDICATE: Final = f"urn:casemate:{UNLEARNING}:1"
WHAT: Final = "erased"


@dataclass(frozen=True)
class Erased:
    """What was removed, and what shows it.

    Attributes:
        removal: commitments, digests, cost.
        wrong: what verification, which trained the shards once more, found against it; nothing when all is well.
        measurements: of the membership attacks before and after, and of accuracy.
        model: where the new model was written.
        statement: where the signed evidence was written.
    """

    removal: Removal
    wrong: tuple[str, ...]
    measurements: tuple[Measurement, ...]
    model: Path
    statement: Path

    @property
    def verified(self) -> bool:
        """Whether the removal succeeded."""
        return self.removal.verified and not self.wrong


def erase(
    config: Config,
    subjects: Sequence[str],
    *,
    model: str = "",
    key: Path | None = None,
    observer: Observer | None = None,
    home: Path | None = None,
) -> Erased:
    """Remove subjects from a model that was trained in shards, and write the new one beside it.

    Args:
        config: its data are those that the model was trained on, the subjects' rows included.
        subjects: ids, as in the column that says whose row it is.
        model: its name; may be left out where there is only one that is made of shards.
        key: file of the subject key; that of the key home unless given.
        observer: hears about progress.
        home: where keys lie, instead of the user's key home.

    Raises:
        UsageError: no such model, subject or key, or the model is not made of shards. Nothing was written.
        DataError: the data are not those of the model, or a shard or a class would have no rows left.
        CasemateError: as ``audit`` when it opens data and models.
    """
    if config.data.subject is None:
        raise no_subjects()
    engagements = opened_or_refused(config, observer or Silent(), home).engagements
    engagement = _chosen(engagements, model, subjects)
    members, sharded = engagement.members, _sharded(engagement, subjects)
    sharded.key = SubjectKey.open(key or (home or default_home()) / KEY)
    sharded.attach(members.features, sharded.classes_[members.labels], members.subjects)
    theirs = members.take(sharded.check_removal(list(subjects))[1])
    before = look(sharded, theirs, engagement.nonmembers)
    removal = sharded.remove(list(subjects))
    wrong = sharded.verify(removal)
    found = measured(removal, before, look(sharded, theirs, engagement.nonmembers), engagement.name, wrong)
    original = next(config.path(each.path) for each in config.model if each.name == engagement.name)
    beside = original.with_name(original.stem.removesuffix(f".{WHAT}") + original.suffix)
    path = write_model(beside, WHAT, engagement.target)
    return Erased(removal, wrong, tuple(found), path, _signed(path, engagement, removal, wrong, found, home))


def _chosen(engagements: dict[str, Engagement], name: str, subjects: Sequence[str]) -> Engagement:
    if name and name not in engagements:
        raise UsageError(f"there is no model {name!r}", next_step="name one of the [[model]] sections")
    made = [each for each in engagements.values() if isinstance(each.target.model, ShardedClassifier)]
    if name:
        return engagements[name]
    if len(made) > 1:
        raise UsageError(
            f"{len(made)} models are made of shards", next_step=f"name one: {', '.join(each.name for each in made)}"
        )
    return made[0] if made else next(iter(engagements.values()))


def _sharded(engagement: Engagement, subjects: Sequence[str]) -> ShardedClassifier:
    model = engagement.target.model
    if isinstance(model, ShardedClassifier):
        return model
    certificate = _certificate(model)
    if certificate is None:
        raise UsageError(
            f"{engagement.name} is not made of shards, so nobody can be removed from it without training it anew",
            next_step="train it in shards with `casemate train --shards 8`, and name that file in [[model]]",
        )
    wanted, ids = set(map(as_text, subjects)), engagement.members.subjects
    theirs = 0 if ids is None else sum(as_text(each) in wanted for each in ids)
    bound = Influence(certificate.epsilon, certificate.delta, max(theirs, 1))
    raise UsageError(
        f"{engagement.name} was trained with differential privacy, and nobody can be removed from it",
        cause=f"what their rows can have changed is bounded instead: {bound}",
        next_step="rest on that bound, or train anew without the subject's rows, which spends a new budget",
    )


def _certificate(model: Any) -> Any:
    """The certificate of a private model, or of the last step of a pipeline."""
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    return getattr(last, "certificate_", None)


def _signed(
    path: Path,
    engagement: Engagement,
    removal: Removal,
    wrong: tuple[str, ...],
    found: Sequence[Measurement],
    home: Path | None,
) -> Path:
    predicate = {
        "removal": msgspec.to_builtins(removal),
        "verified": removal.verified and not wrong,
        "against": list(wrong),
        "measurements": [msgspec.to_builtins(each) for each in found],
        "holdout": {"name": engagement.nonmembers.name, "sha256": engagement.nonmembers.digest.hex},
    }
    evidence = path.with_name(f"{path.stem}.{removal.model_after[:12]}.evidence.json")
    write(evidence, signed(path.name, Digest.of_file(path), PREDICATE, predicate, home))
    return evidence
