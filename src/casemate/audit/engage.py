"""From a configuration to engagements: models through the load guard, data through the schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from casemate.audit.claims.statement import beside, read_claim, trusted
from casemate.audit.config import Config, DataSection, ModelSection
from casemate.core.digests import Digest
from casemate.core.errors import DataError, TargetError, UsageError
from casemate.core.observer import Observer
from casemate.core.seeds import derive
from casemate.custody import Loaded, Policy, Verifier, load, open_model
from casemate.data import Dataset, Schema, duplicates_across, infer_schema, read_frame, to_dataset, validate
from casemate.data.tensors import holds_tensors, read_tensors, repeated
from casemate.privacy.dp.certificate import Certificate
from casemate.privacy.dp.defense import PrivateRecipe
from casemate.privacy.dp.estimator import Private
from casemate.privacy.erasure.sharded import ShardedClassifier
from casemate.privacy.erasure.subjects import SIZE, SubjectKey
from casemate.privacy.tables.audited import handed_out
from casemate.privacy.tables.declared import LINKAGE
from casemate.privacy.text.declared import LEAKS
from casemate.targets.answers import AnswerPolicy
from casemate.targets.checks import check_determinism
from casemate.targets.network import Network, network_classifier
from casemate.targets.sklearn import classifier
from casemate.targets.target import Target
from casemate.training.engagement import Artifact, Claim, Engagement, HandedOut
from casemate.training.recipe import SklearnRecipe

DETERMINISM_ROWS = 64


@dataclass(frozen=True)
class Opened:
    """Engagements by model name, what the load guard says of each file, and the code that some networks come from."""

    engagements: dict[str, Engagement]
    loads: dict[str, Loaded]
    networks: dict[str, Network] = field(default_factory=dict)

    @property
    def evidence(self) -> list[dict[str, object]]:
        """The ``load`` record of every model file."""
        found = []
        for name, loaded in self.loads.items():
            code = self.networks.get(name)
            said = {} if code is None else {"network": {"path": code.path.name, "sha256": code.digest.hex}}
            found.append({**loaded.evidence(), **said})
        return found


def open_engagements(config: Config, observer: Observer, home: Path | None = None) -> Opened:
    """Read data and models, and check that they fit each other; read certificates of privacy where they lie.

    Args:
        config: which.
        observer: hears about oddities.
        home: where the keys lie that are trusted, instead of the user's key home.

    Raises:
        DataError: the data cannot be read, or does not fit the model.
        TamperedError: a policy asks for a signature, and a model file is not the one that was signed.
        UnsafeArtifactError: a model file wants to import something that is not allowed; it was not loaded.
        TargetError: a model raises, answers nonsense or changes its answer.
    """
    if not config.model:
        raise UsageError("the configuration names no model", next_step="add a [[model]] section")
    verifiers = _verifiers(config)
    loads = {model.name: _loaded(config, model, verifiers) for model in config.model}
    members, nonmembers = read_data(config, observer)
    tables, released = _tables(config, members, observer)
    engagements, networks = {}, {}
    for model in config.model:
        if model.network:
            networks[model.name] = Network.named(model.network, Path(config.folder))
        target = _target(model, loads[model.name], networks.get(model.name), members)
        _check(target, members, nonmembers)
        claim = _claim(config, model, loads[model.name], members, home)
        engagements[model.name] = Engagement(
            name=model.name,
            target=target,
            members=members,
            nonmembers=nonmembers,
            recipe=_recipe(model, loads[model.name], claim, config.audit.seed),
            seed=config.audit.seed,
            effort=config.audit.effort,  # type: ignore[arg-type]  # checked when the configuration was read
            artifact=_artifact(config, model, loads[model.name]),
            claim=claim,
            options={
                **config.assess,
                LINKAGE.id: tables,
                LEAKS.id: {"redact": msgspec.to_builtins(config.redact.beside(Path(config.folder)))},
                "casemate": {"sha256": _identity(loads[model.name], networks.get(model.name))},
            },
            handed_out=released,
        )
    return Opened(engagements, loads, networks)


def read_data(config: Config, observer: Observer) -> tuple[Dataset, Dataset]:
    """The training rows and the rows never seen, with one schema; people in both leave the rows never seen."""
    section = config.data
    if holds_tensors(config.path(section.train)):
        return _read_tensors(config, observer)
    if not section.target:
        raise UsageError("[data] names no target", next_step='say which column the models predict: target = "..."')
    train, holdout = (read_frame(config.path(path)) for path in (section.train, section.holdout))
    schema = edited(infer_schema(train.drop(columns=_not_features(section), errors="ignore")), config)
    build = partial(to_dataset, target=section.target, subject=section.subject, schema=schema)
    members = build(train, name=f"{section.name}-train")
    nonmembers = build(holdout, name=f"{section.name}-holdout", classes=members.classes)
    odd = [note for data in (members, nonmembers) for note in validate(data)]
    if odd:
        observer.note("; ".join(odd[:3]) + (f"; and {len(odd) - 3} more like these" if len(odd) > 3 else ""))
    twice = duplicates_across(members, nonmembers)
    if twice.any():
        observer.note(
            f"{int(twice.sum())} held-out rows repeat a training row or belong to a person in it; "
            "they are left out, since they are no non-members"
        )
        nonmembers = nonmembers.take(~twice)
    return members, nonmembers


def _read_tensors(config: Config, observer: Observer) -> tuple[Dataset, Dataset]:
    section = config.data
    members = read_tensors(config.path(section.train), name=f"{section.name}-train")
    nonmembers = read_tensors(config.path(section.holdout), name=f"{section.name}-holdout", classes=members.classes)
    if members.shape != nonmembers.shape:
        raise DataError(
            f"tensors to train on are {members.shape}, those held out {nonmembers.shape}",
            next_step="give both in the shape the network takes",
        )
    twice = repeated(members, nonmembers)
    if twice.any():
        observer.note(f"{int(twice.sum())} held-out tensors are training tensors; they are left out")
        nonmembers = nonmembers.take(~twice)
    return members, nonmembers


def edited(schema: Schema, config: Config) -> Schema:
    """The inferred schema with the user's ``[[column]]`` sections and sensitive columns put over it."""
    given = {column.name: column for column in config.column}
    named = (*given, *config.data.sensitive, *config.data.groups, *config.purpose.names)
    unknown = [name for name in named if name not in schema.names]
    if unknown:
        raise DataError(
            f"the configuration speaks of columns the data do not have: {', '.join(sorted(set(unknown)))}",
            next_step="compare them with the header of the training file",
        )
    return schema.edit(given, sensitive=config.data.sensitive)


def _tables(config: Config, members: Dataset, observer: Observer) -> tuple[dict[str, Any], HandedOut | None]:
    """What ``[anonymize]`` says of the training rows, as settings of the assessment, and what was released of them."""
    asked = config.anonymize
    there = {*members.schema.names, config.data.target, config.data.subject}
    strange = sorted(set(asked.columns) - there)
    if strange and members.schema.columns:
        observer.note(f"[anonymize.columns] names what is no column of the training data: {', '.join(strange)}")
    trees = {
        name: str(config.path(told)) if told.endswith(".csv") else told for name, told in asked.hierarchies.items()
    }
    settings: dict[str, Any] = {
        "target": config.data.target,
        "columns": dict(asked.columns),
        "errors": asked.errors,
        **config.assess.get(LINKAGE.id, {}),
    }
    if not asked.released:
        return settings, None
    released, digests = handed_out(config.path(asked.released), asked.separator, trees)
    return {**settings, **digests}, released


def answer_policy(text: str) -> AnswerPolicy:
    """The answer policy that a configuration names: "scores", "rounded-K" or "top-1".

    Example:
        >>> answer_policy("rounded-2").name
        'rounded-2'
    """
    if text == "scores":
        return AnswerPolicy()
    if text == "top-1":
        return AnswerPolicy(top_one=True)
    kind, _, digits = text.partition("-")
    if kind == "rounded" and digits.isdigit():
        return AnswerPolicy(digits=int(digits))
    raise UsageError(f"unknown answer policy {text!r}", next_step='use "scores", "rounded-K" or "top-1"')


def _not_features(section: DataSection) -> list[str]:
    return [section.target, *([section.subject] if section.subject else [])]


def _verifiers(config: Config) -> tuple[Verifier, ...]:
    """Who has to vouch for model files; what reads seals is imported only where they are asked for."""
    if not config.load.policy:
        return ()
    policy = import_module("casemate.custody.signing.policy").read_policy(config.path(config.load.policy))
    return (import_module("casemate.custody.signing.vouch").SignedUnder(policy),)


def _artifact(config: Config, model: ModelSection, loaded: Loaded) -> Artifact:
    policy = config.path(config.load.policy) if config.load.policy else None
    digest = Digest.of(policy.read_bytes()).hex if policy else ""
    return Artifact(config.path(model.path), loaded.digest.hex, loaded.allowed, policy, digest)


def _claim(config: Config, model: ModelSection, loaded: Loaded, members: Dataset, home: Path | None) -> Claim | None:
    """The certificate of a private model, or None where there is none."""
    given = config.path(model.certificate) if model.certificate else None
    path = given or beside(config.path(model.path))
    if given is None and not path.is_file():
        return None
    if not path.is_file():
        raise UsageError(
            f"there is no certificate {model.certificate}", next_step="mend it, or leave certificate out of [[model]]"
        )
    policy = config.path(config.load.policy) if config.load.policy else None
    own = getattr(_last(loaded.model), "certificate_", None)
    return read_claim(
        path, loaded.digest.hex, members, trusted(policy, home), own if isinstance(own, Certificate) else None
    )


def _recipe(model: ModelSection, loaded: Loaded, claim: Claim | None, seed: int) -> SklearnRecipe | None:
    """How to make models like this one; one made of shards gets a key of its own, as an adversary would give it."""
    if not model.recipe or model.network:
        return None
    made = loaded.model
    if isinstance(made, ShardedClassifier) and made.key is None:
        made = clone(made).set_params(key=SubjectKey(derive(seed, "shards").to_bytes(SIZE, "big")))
    private = claim is not None or isinstance(_last(made), Private)
    return PrivateRecipe(made) if private else SklearnRecipe(made)


def _last(model: Any) -> Any:
    """What answers, at the end of a pipeline."""
    while isinstance(model, Pipeline):
        model = model[-1]
    return model


def _loaded(config: Config, model: ModelSection, verifiers: tuple[Verifier, ...]) -> Loaded:
    path = config.path(model.path)
    if model.network:
        return load(path, Policy(allow=config.load.allow, verifiers=verifiers))
    return open_model(path, allow=config.load.allow, verifiers=verifiers)


def _identity(loaded: Loaded, network: Network | None) -> str:
    """SHA-256 of the model's file, or of weights and code where it takes both."""
    return loaded.digest.hex if network is None else Digest.of_value([loaded.digest.hex, network.digest.hex]).hex


def _target(model: ModelSection, loaded: Loaded, network: Network | None, members: Dataset) -> Target:
    policy = answer_policy(model.answers)
    if network is not None and members.shape is not None:
        if loaded.kind not in ("safetensors", "npz", "torch"):
            raise UsageError(f"{model.path} holds no weights", next_step="name a .safetensors, .npz or torch file")
        weights = {name: np.asarray(values) for name, values in loaded.model.items()}
        target = network_classifier(network, weights, members.classes, members.shape, model.name)
    elif network is None and members.shape is None:
        target = classifier(loaded.model, model.name)
    else:
        raise UsageError(
            f"model {model.name!r} and the data do not fit",
            cause="a network reads tensors from .npz files; any other model reads a table",
            next_step='give [[model]] a network = "file.py:function", or [data] tables',
        )
    return target if policy == AnswerPolicy() else target.answering(policy)


def _check(target: Target, members: Dataset, nonmembers: Dataset) -> None:
    if target.classes != members.classes:
        raise TargetError(
            f"model {target.name!r} knows the classes {', '.join(target.classes)}",
            cause=f"the data have {', '.join(members.classes)}",
            next_step="check data.target",
        )
    wanted = getattr(target.model, "feature_names_in_", None)
    if wanted is not None:
        _same_columns(target.name, tuple(map(str, wanted)), members.schema.names)
    rows = np.arange(min(DETERMINISM_ROWS, len(nonmembers)))
    check_determinism(target.restrict(target.access), nonmembers.features.iloc[rows])


def _same_columns(name: str, wanted: tuple[str, ...], given: tuple[str, ...]) -> None:
    missing, extra = sorted(set(wanted) - set(given)), sorted(set(given) - set(wanted))
    if missing or extra:
        parts = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"extra: {', '.join(extra)}"] * bool(extra)
        raise DataError(
            f"the data do not have the columns model {name!r} was trained on",
            cause="; ".join(parts),
            next_step="drop or add those columns, or name the right data files",
        )
