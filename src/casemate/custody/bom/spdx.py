"""SPDX 3.0.1 as JSON-LD, with the profiles core, software, simpleLicensing, AI and Dataset.

    https://spdx.github.io/spdx-spec/v3.0.1/

Identifiers are made from the facts' own number, so equal facts give equal bytes. What is not declared is NOASSERTION,
and each gap is an annotation of the model.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from casemate import __version__
from casemate.core.digests import canonical_json
from casemate.custody.bom.facts import Facts
from casemate.custody.bom.licenses import is_expression
from casemate.custody.bom.packages import Package
from casemate.custody.provenance.about import BaseSection, DataSection
from casemate.custody.signing.names import SINGLE

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
NO_LICENSE = "https://spdx.org/rdf/3.0.1/terms/ExpandedLicensing/NoAssertionLicense"
CREATION = "_:creation"
_PRESENCE = {None: "noAssertion", True: "yes", False: "no"}


def spdx(facts: Facts) -> bytes:
    """The document as indented JSON-LD ending in a line feed."""
    return msgspec.json.format(canonical_json(_Document(facts).graph()), indent=1) + b"\n"


class _Document:
    """The elements of one document, in the order they are added."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.space = f"urn:uuid:{facts.serial}#"
        self.elements: list[dict[str, Any]] = []
        self.numbers: dict[str, int] = {}

    def graph(self) -> dict[str, Any]:
        """The JSON-LD."""
        agent = self.add("SoftwareAgent", "agent", name=f"casemate {__version__}")
        creation = {
            "type": "CreationInfo",
            "@id": CREATION,
            "created": utc(self.facts.time),
            "createdBy": [agent],
            "specVersion": "3.0.1",
        }
        model = self.model()
        for each in self.facts.about.data:
            self.relate(model, self.role(each), self.data(each))
        for base in self.facts.about.base:
            self.relate(model, "descendantOf", self.base(base))
        references = {each.name: self.package(each) for each in self.facts.packages}
        needed = {name for each in self.facts.packages for name in each.needs}
        self.relate(model, "dependsOn", *(reference for name, reference in references.items() if name not in needed))
        for package in self.facts.packages:
            self.relate(
                references[package.name], "dependsOn", *(references[n] for n in package.needs if n in references)
            )
        for gap in self.facts.gaps:
            text = f"{gap.rule}: {gap.message}"
            self.add("Annotation", "gap", annotationType="other", subject=model, statement=text)
        every = [each["spdxId"] for each in self.elements]
        profiles = ["core", "software", "simpleLicensing", "ai", *(["dataset"] if self.facts.about.data else [])]
        bill = self.add("software_Sbom", "sbom", rootElement=[model], element=every, software_sbomType=["analyzed"])
        self.add(
            "SpdxDocument", "document", rootElement=[bill], element=[*every, bill], profileConformance=profiles,
            name=f"Bill of materials of {self.facts.name}",
        )  # fmt: skip
        return {"@context": CONTEXT, "@graph": [creation, *self.elements]}

    def add(self, kind: str, stem: str, **properties: Any) -> str:
        """Add an element; properties that are None, "" or () are left out."""
        number = self.numbers.setdefault(stem, 0)
        self.numbers[stem] += 1
        reference = f"{self.space}{stem}" if not number else f"{self.space}{stem}-{number}"
        said = {name: value for name, value in properties.items() if value not in (None, "", [], ())}
        self.elements.append({"type": kind, "spdxId": reference, "creationInfo": CREATION, **said})
        return reference

    def relate(self, start: str, kind: str, *ends: str) -> None:
        """Add a relationship, if there is an end."""
        if ends:
            self.add("Relationship", "relation", relationshipType=kind, to=list(ends), **{"from": start})

    def license(self, element: str, declared: str) -> None:
        """The declared license of an element; NOASSERTION where none is declared or it is no expression."""
        end = NO_LICENSE
        if is_expression(declared):
            end = self.add("simplelicensing_LicenseExpression", "license", simplelicensing_licenseExpression=declared)
        elif declared:
            self.add("Annotation", "note", annotationType="other", subject=element, statement=f"license: {declared}")
        self.relate(element, "hasDeclaredLicense", end)

    def model(self) -> str:
        """The model, its files and its figures."""
        about, manifest, told = self.facts.about.model, self.facts.manifest, self.facts.about.considerations
        supplier = self.add("Organization", "supplier", name=about.supplier) if about.supplier else None
        figures = self.facts.figures.performance if self.facts.figures else ()
        single = manifest.files == (SINGLE,) and manifest.serialization.method == "files"
        training = self.facts.about.training
        model = self.add(
            "ai_AIPackage",
            "model",
            name=self.facts.name,
            description=about.description,
            suppliedBy=supplier,
            software_primaryPurpose="model",
            software_packageVersion=about.version,
            software_downloadLocation=about.uri,
            verifiedUsing=[_hash("sha256", manifest.resources[0].digest) if single else _root(manifest.root)],
            ai_domain=[about.task] if about.task else [],
            ai_typeOfModel=[each for each in (about.approach, about.family, about.architecture) if each],
            ai_limitation="\n".join(told.limitations),
            ai_informationAboutApplication="\n".join(told.use_cases),
            ai_informationAboutTraining=f"trained by {training.builder}" if training and training.builder else "",
            ai_metric=[
                {"type": "DictionaryEntry", "key": key, "value": value}
                for key, value in sorted(
                    {each.words.rpartition(" ")[0]: repr(each.estimate) for each in figures}.items()
                )
            ],
        )
        self.license(model, about.license)
        if not single and manifest.serialization.method == "files":
            files = [
                self.add("software_File", "file", name=each.name, verifiedUsing=[_hash(each.algorithm, each.digest)])
                for each in manifest.resources
            ]
            self.relate(model, "contains", *files)
        return model

    @staticmethod
    def role(each: DataSection) -> str:
        """How a data set was used."""
        return "trainedOn" if each.role == "training" else "testedOn"

    def data(self, each: DataSection) -> str:
        """A data set; its type is not known, and said to be not asserted."""
        found = self.add(
            "dataset_DatasetPackage",
            "data",
            name=each.name,
            description=each.description,
            software_primaryPurpose="data",
            software_packageVersion=each.version,
            software_downloadLocation=each.uri,
            verifiedUsing=self.hashes(each.name),
            dataset_datasetType=["noAssertion"],
            dataset_hasSensitivePersonalInformation=_PRESENCE[each.sensitive],
        )
        self.license(found, each.license)
        return found

    def base(self, each: BaseSection) -> str:
        """A model that this one was made from."""
        found = self.add(
            "ai_AIPackage",
            "base",
            name=each.name,
            software_primaryPurpose="model",
            software_packageVersion=each.version,
            software_downloadLocation=each.uri,
            verifiedUsing=self.hashes(each.name),
        )
        self.license(found, each.license)
        return found

    def hashes(self, name: str) -> list[dict[str, str]]:
        """The digest of a data set or base model, where it is known."""
        return [_hash("sha256", self.facts.digests[name])] if name in self.facts.digests else []

    def package(self, each: Package) -> str:
        """A package that the model needs."""
        found = self.add(
            "software_Package",
            "package",
            name=each.name,
            software_packageVersion=each.version,
            software_packageUrl=each.purl,
            verifiedUsing=[_hash(*each.hashes[0])] if len(each.hashes) == 1 else [],
        )
        self.license(found, each.license)
        return found


def _hash(algorithm: str, value: str) -> dict[str, str]:
    return {"type": "Hash", "algorithm": {"blake2b": "blake2b512"}.get(algorithm, algorithm), "hashValue": value}


def _root(value: str) -> dict[str, str]:
    return {
        **_hash("sha256", value),
        "comment": "the root digest of OpenSSF model signing 1.0, over all files' digests",
    }


def utc(time: str) -> str:
    """A moment as SPDX and CycloneDX write it: UTC, whole seconds, "Z".

    Example:
        >>> utc("2026-11-25T13:00:00.5+01:00")
        '2026-11-25T12:00:00Z'
    """
    return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
