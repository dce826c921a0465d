"""Everything that is said about a model when it is sealed: attestations and bills of materials by file name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from casemate.core.digests import Digest
from casemate.custody.bom.cyclonedx import cyclonedx
from casemate.custody.bom.facts import Facts
from casemate.custody.bom.spdx import spdx, utc
from casemate.custody.provenance.attestation import BOM, DATA, PROVENANCE, SCAN

BILLS = {
    "bom-1.6.cdx.json": ("CycloneDX", "1.6"),
    "bom.cdx.json": ("CycloneDX", "1.7"),
    "bom.spdx.json": ("SPDX", "3.0.1"),
}


@dataclass
class Said:
    """What goes beside a bundle.

    Attributes:
        statements: file name -> predicate type and predicate.
        documents: file name -> bytes.
    """

    statements: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)


def compose(facts: Facts, scan: Mapping[str, Any] | None, *, bills: bool) -> Said:
    """The statements about a model, from its facts and its scan; with ``bills``, the bills of materials too.

    Raises:
        UsageError: a file that the declaration names cannot be read.
    """
    said = Said()
    if scan is not None:
        said.statements["scan.json"] = (SCAN, scan)
    if facts.training is not None:
        said.statements["provenance.json"] = (PROVENANCE, facts.training)
    if facts.about.data:
        said.statements["data.json"] = (DATA, _data(facts))
    if bills:
        made = {
            "bom-1.6.cdx.json": cyclonedx(facts, "1.6"),
            "bom.cdx.json": cyclonedx(facts),
            "bom.spdx.json": spdx(facts),
        }
        for name, document in made.items():
            said.documents[name] = document
            said.statements[f"{name.removesuffix('.json')}.intoto.json"] = (BOM, _bill(name, document, facts))
    return said


def _bill(name: str, document: bytes, facts: Facts) -> dict[str, Any]:
    format, version = BILLS[name]
    return {
        "file": name,
        "sha256": Digest.of(document).hex,
        "format": format,
        "version": version,
        "described": utc(facts.time),
        "completeness": facts.completeness,
        "gaps": [msgspec.to_builtins(gap) for gap in facts.gaps],
    }


def _data(facts: Facts) -> dict[str, Any]:
    return {
        "described": utc(facts.time),
        "datasets": [
            {
                "name": each.name,
                "use": each.role,
                "sha256": facts.digests.get(each.name),
                "license": each.license or None,
            }
            for each in facts.about.data
        ],
    }
