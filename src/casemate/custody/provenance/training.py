"""SLSA provenance of a training run (https://slsa.dev/spec/v1.0/provenance), from what the owner declares.

    buildDefinition.externalParameters      the training's configuration
    buildDefinition.resolvedDependencies    data sets, base models and lock file, by digest
    runDetails.byproducts                   the measured figures, by digest and in words

It is as true as its signer: casemate did not watch the training. What was not declared is not there.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any, Final

from casemate.core.digests import Digest
from casemate.core.errors import UsageError
from casemate.custody.bom.results import Figures
from casemate.custody.provenance.about import About, BaseSection, DataSection

BUILD_TYPE: Final = "urn:casemate:training:1"
MOST_FIGURES: Final = 200


def provenance(about: About, figures: Figures | None) -> dict[str, Any] | None:
    """The predicate of a training run, or None when none is declared.

    Raises:
        UsageError: a named file cannot be read.
    """
    training = about.training
    if training is None:
        return None
    parameters: dict[str, Any] = {}
    if training.config:
        content = about.read(training.config)
        parameters = {
            "configuration": _descriptor(training.config, Digest.of(content).hex),
            "values": _values(training.config, content),
        }
    dependencies = [
        *(_dependency("data", each, about) for each in about.data),
        *(_dependency("base-model", each, about) for each in about.base),
    ]
    if training.lock:
        lock = _descriptor(training.lock, Digest.of(about.read(training.lock)).hex)
        dependencies.append({**lock, "annotations": {"role": "lock-file"}})
    details: dict[str, Any] = {"builder": {"id": training.builder or "urn:casemate:undeclared"}}
    times = {"invocationId": training.run, "startedOn": training.started, "finishedOn": training.finished}
    if metadata := {name: value for name, value in times.items() if value}:
        details["metadata"] = metadata
    if figures is not None:
        details["byproducts"] = [
            {**_descriptor("results.json", figures.digest), "annotations": {"figures": figures.words[:MOST_FIGURES]}}
        ]
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": parameters,
        "resolvedDependencies": dependencies,
    }
    return {"buildDefinition": definition, "runDetails": details}


def _dependency(role: str, each: DataSection | BaseSection, about: About) -> dict[str, Any]:
    found: dict[str, Any] = {"name": each.name, "annotations": {"role": role}}
    if isinstance(each, DataSection):
        found["annotations"]["use"] = each.role
    if digest := about.digest(each):
        found["digest"] = {"sha256": digest}
    if each.uri:
        found["uri"] = each.uri
    return found


def _descriptor(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest}}


def _values(name: str, content: bytes) -> Mapping[str, Any]:
    """A configuration as JSON can carry it; dates become text.

    Raises:
        UsageError: it is neither TOML nor JSON.
    """
    try:
        text = content.decode("utf-8")
        found = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
        plain = json.loads(json.dumps(found, default=str, allow_nan=False))
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{name} is not a configuration that can be read", cause=str(error)[:200], next_step="give TOML or JSON"
        ) from None
    return plain if isinstance(plain, dict) else {"value": plain}
