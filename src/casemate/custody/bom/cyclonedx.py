"""CycloneDX 1.6 and 1.7 (ECMA-424) as JSON: an ML-BOM with its model card.

    https://cyclonedx.org/docs/1.7/json/

Performance is what was measured, considerations are what was declared; a field of which nothing is known is left out,
and every gap stands in the bill as a property and as an annotation. The serial number is derived from the facts, so
equal facts give equal bytes.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from casemate import __version__
from casemate.core.digests import canonical_json
from casemate.custody.bom.facts import Facts
from casemate.custody.bom.licenses import is_expression
from casemate.custody.bom.packages import Package
from casemate.custody.bom.results import Figure
from casemate.custody.provenance.about import BaseSection, DataSection
from casemate.custody.signing.manifest import Resource
from casemate.custody.signing.names import SINGLE

Version = Literal["1.6", "1.7"]
_HASHES = {"sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512", "blake2b": "BLAKE2b-512"}
MODEL = "model"
ARTIFACT = "artifact"


def cyclonedx(facts: Facts, version: Version = "1.7") -> bytes:
    """The bill as indented JSON ending in a line feed."""
    data = [_data(each, facts) for each in facts.about.data]
    base = [_base(each, facts) for each in facts.about.base]
    packages = [_package(each) for each in facts.packages]
    bill: dict[str, Any] = {
        "$schema": f"http://cyclonedx.org/schema/bom-{version}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "serialNumber": f"urn:uuid:{facts.serial}",
        "version": 1,
        "metadata": {
            "timestamp": facts.time,
            "tools": {"components": [{"type": "application", "name": "casemate", "version": __version__}]},
            "component": _artifact(facts),
        },
        "components": [_model(facts), *data, *base, *packages],
        "dependencies": _dependencies(facts),
    }
    if formulation := _formulation(facts):
        bill["formulation"] = [formulation]
    if facts.gaps:
        bill["annotations"] = [
            {
                "bom-ref": f"gap:{number}",
                "subjects": [MODEL],
                "annotator": {"component": {"type": "application", "name": "casemate", "version": __version__}},
                "timestamp": facts.time,
                "text": f"{gap.rule}: {gap.message}",
            }
            for number, gap in enumerate(facts.gaps)
        ]
    return msgspec.json.format(canonical_json(bill), indent=1) + b"\n"


def _artifact(facts: Facts) -> dict[str, Any]:
    """What was sealed: one file, or a folder with its files. The model that it holds is a component of the bill."""
    manifest = facts.manifest
    found: dict[str, Any] = {"type": "file", "bom-ref": ARTIFACT, "name": manifest.name}
    if manifest.files == (SINGLE,):
        found["hashes"] = _digest(manifest.resources[0])
    elif manifest.serialization.method == "files":
        found["components"] = [
            {"type": "file", "bom-ref": f"file:{each.name}", "name": each.name, "hashes": _digest(each)}
            for each in manifest.resources
        ]
    found["properties"] = [
        {"name": "casemate:manifest:sha256", "value": manifest.root},
        {"name": "casemate:manifest:dirHash", "value": manifest.names_digest},
    ]
    return found


def _digest(resource: Resource) -> list[dict[str, str]]:
    return [{"alg": _HASHES[resource.algorithm], "content": resource.digest}]


def _model(facts: Facts) -> dict[str, Any]:
    about, manifest = facts.about.model, facts.manifest
    found: dict[str, Any] = {"type": "machine-learning-model", "bom-ref": MODEL, "name": facts.name}
    found |= {key: value for key, value in (("version", about.version), ("description", about.description)) if value}
    if about.supplier:
        found["supplier"] = {"name": about.supplier}
    found |= _licensed(about.license)
    if manifest.files == (SINGLE,) and manifest.serialization.method == "files":
        found["hashes"] = _digest(manifest.resources[0])
    if about.uri:
        found["externalReferences"] = [{"type": "distribution", "url": about.uri}]
    if facts.gaps:
        found["properties"] = [{"name": "casemate:gap", "value": f"{gap.rule}: {gap.message}"} for gap in facts.gaps]
    if card := _card(facts):
        found["modelCard"] = card
    return found


def _card(facts: Facts) -> dict[str, Any]:
    about, told = facts.about.model, facts.about.considerations
    parameters: dict[str, Any] = {}
    if about.approach:
        parameters["approach"] = {"type": about.approach}
    words = {"task": about.task, "architectureFamily": about.family, "modelArchitecture": about.architecture}
    parameters |= {name: value for name, value in words.items() if value}
    if facts.about.data:
        parameters["datasets"] = [{"ref": f"data:{each.name}"} for each in facts.about.data]
    card: dict[str, Any] = {"modelParameters": parameters} if parameters else {}
    if facts.figures is not None and facts.figures.performance:
        metrics = [_metric(each) for each in facts.figures.performance]
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    said: dict[str, Any] = {
        "users": list(told.users),
        "useCases": list(told.use_cases),
        "technicalLimitations": list(told.limitations),
        "performanceTradeoffs": list(told.tradeoffs),
        "ethicalConsiderations": [
            {"name": risk.name, **({"mitigationStrategy": risk.mitigation} if risk.mitigation else {})}
            for risk in told.ethical
        ],
    }
    if said := {name: value for name, value in said.items() if value}:
        card["considerations"] = said
    return {"bom-ref": "model-card", **card} if card else {}


def _metric(figure: Figure) -> dict[str, Any]:
    found: dict[str, Any] = {"type": f"{figure.kind} {figure.metric}", "value": repr(figure.estimate)}
    at = [f"{name}={value}" for name, value in sorted(figure.at.items())]
    found["slice"] = ", ".join([figure.subject, *at])
    if figure.low is not None and figure.high is not None:
        found["confidenceInterval"] = {"lowerBound": repr(figure.low), "upperBound": repr(figure.high)}
    return found


def _data(each: DataSection, facts: Facts) -> dict[str, Any]:
    found = _described("data", f"data:{each.name}", each, facts)
    inner: dict[str, Any] = {"type": "dataset", "name": each.name}
    if each.description:
        found["description"] = inner["description"] = each.description
    if each.uri:
        inner["contents"] = {"url": each.uri}
    if each.sensitive is not None:
        inner["classification"] = "personal" if each.sensitive else "not personal"
    return {**found, "data": [inner], "properties": [{"name": "casemate:use", "value": each.role}]}


def _base(each: BaseSection, facts: Facts) -> dict[str, Any]:
    return _described("machine-learning-model", f"base:{each.name}", each, facts)


def _described(kind: str, reference: str, each: DataSection | BaseSection, facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = {"type": kind, "bom-ref": reference, "name": each.name}
    if each.version:
        found["version"] = each.version
    if each.name in facts.digests:
        found["hashes"] = [{"alg": "SHA-256", "content": facts.digests[each.name]}]
    if each.uri:
        found["externalReferences"] = [{"type": "distribution", "url": each.uri}]
    return found | _licensed(each.license)


def _package(each: Package) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": each.purl,
        "name": each.name,
        "version": each.version,
        "purl": each.purl,
    }
    if len(each.hashes) == 1:  # several are alternatives, and a component has one content
        algorithm, value = each.hashes[0]
        found["hashes"] = [{"alg": _HASHES[algorithm], "content": value}]
    elif each.hashes:
        found["properties"] = [{"name": "casemate:locked", "value": ":".join(pair)} for pair in each.hashes]
    return found | _licensed(each.license)


def _licensed(declared: str) -> dict[str, Any]:
    """A declared license: an expression as such, other text as the name it is, and nothing where nothing is."""
    if not declared:
        return {}
    if is_expression(declared):
        return {"licenses": [{"expression": declared, "acknowledgement": "declared"}]}
    return {"licenses": [{"license": {"name": declared, "acknowledgement": "declared"}}]}


def _dependencies(facts: Facts) -> list[dict[str, Any]]:
    references = {each.name: each.purl for each in facts.packages}
    direct = [f"data:{each.name}" for each in facts.about.data] + [f"base:{each.name}" for each in facts.about.base]
    needed = {name for each in facts.packages for name in each.needs}
    direct += [each.purl for each in facts.packages if each.name not in needed]
    found: list[dict[str, Any]] = [
        {"ref": ARTIFACT, "dependsOn": [MODEL]},
        {"ref": MODEL, "dependsOn": sorted(direct)},
    ]
    found += [
        {"ref": each.purl, "dependsOn": sorted({references[name] for name in each.needs if name in references})}
        for each in facts.packages
        if each.needs
    ]
    return found


def _formulation(facts: Facts) -> dict[str, Any]:
    """How the model came to be, where that is declared."""
    training = facts.about.training
    if training is None:
        return {}
    said = {
        "casemate:training:builder": training.builder,
        "casemate:training:run": training.run,
        "casemate:training:config": training.config,
        "casemate:training:started": training.started,
        "casemate:training:finished": training.finished,
    }
    properties = [{"name": name, "value": value} for name, value in said.items() if value]
    return {"bom-ref": "training", "properties": properties} if properties else {}
