"""What is known about a model when its bill is written: measured, declared, or a gap that stays visible."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from casemate.core.digests import Digest
from casemate.core.findings import Finding
from casemate.custody.bom.packages import Package, read_environment, read_lock
from casemate.custody.bom.results import Figures, read_figures
from casemate.custody.provenance.about import About, BaseSection, DataSection
from casemate.custody.provenance.training import provenance
from casemate.custody.signing.manifest import Manifest
from casemate.threats.supply_chain.rules import rule_for


@dataclass(frozen=True)
class Facts:
    """Everything that a bill may say.

    Attributes:
        manifest: the model's files and digests: measured.
        about: what the owner declares.
        time: when the bill is written, in ISO 8601 with "Z".
        digests: SHA-256 of data sets and base models by name: measured where their files are here.
        packages: from the lock file or environment that the owner names.
        figures: from results.json.
        training: SLSA provenance of the declared training run, or None.
        gaps: what is neither measured nor declared.
    """

    manifest: Manifest
    about: About
    time: str
    digests: dict[str, str] = field(default_factory=dict)
    packages: tuple[Package, ...] = ()
    figures: Figures | None = None
    training: Mapping[str, Any] | None = None
    gaps: tuple[Finding, ...] = ()

    @property
    def name(self) -> str:
        """The declared name, else that of the file or folder."""
        return self.about.model.name or self.manifest.name

    @property
    def serial(self) -> uuid.UUID:
        """A number derived from everything the bill says: the same facts give the same bill."""
        said = [self.manifest.digests, self.about, self.digests, self.packages, self.time]
        said.append(self.figures.digest if self.figures else "")
        return uuid.uuid5(uuid.NAMESPACE_OID, f"casemate bill of materials {Digest.of_value(said)}")

    @property
    def completeness(self) -> float:
        """Share of the rules about gaps that found none."""
        return 1 - len({gap.rule for gap in self.gaps}) / len(_GAPS)


_GAPS = (
    "license-undeclared",
    "data-undeclared",
    "data-license",
    "digest-missing",
    "dependencies-unknown",
    "package-license",
    "package-digest",
    "performance-unmeasured",
    "provenance-undeclared",
    "purpose-undeclared",
)


def gather(manifest: Manifest, about: About, time: str) -> Facts:
    """Read what the declaration names, and note what it leaves out.

    Raises:
        UsageError: a file that it names cannot be read.
    """
    training = about.training
    named: list[DataSection | BaseSection] = [*about.data, *about.base]
    digests = {each.name: digest for each in named if (digest := about.digest(each))}
    packages: tuple[Package, ...] = ()
    figures = None
    if training is not None:
        if training.lock:
            packages = read_lock(training.lock, about.read(training.lock))
        if training.environment:
            packages = _merged(packages, read_environment(Path(about.folder) / training.environment))
        if training.results:
            figures = read_figures(about.read(training.results))
    plain = about if not about.folder else _without_folder(about)
    made = provenance(about, figures)
    return Facts(
        manifest, plain, time, digests, packages, figures, made, tuple(_gaps(about, digests, packages, figures))
    )


def _without_folder(about: About) -> About:
    """A path of this machine is no fact about the model."""
    return About(
        model=about.model,
        training=about.training,
        data=about.data,
        base=about.base,
        considerations=about.considerations,
    )


def _merged(locked: Sequence[Package], installed: Sequence[Package]) -> tuple[Package, ...]:
    """Installed packages, with the hashes of the lock file where both agree on the version."""
    hashes = {(each.name, each.version): each.hashes for each in locked}
    found = [
        Package(each.name, each.version, hashes.get((each.name, each.version), ()), each.license, each.needs)
        for each in installed
    ]
    known = {(each.name, each.version) for each in found}
    return tuple(sorted([*found, *(each for each in locked if (each.name, each.version) not in known)]))


def _gaps(about: About, digests: dict[str, str], packages: Sequence[Package], figures: Figures | None) -> list[Finding]:
    found = []

    def gap(kind: str, message: str, logical: str = "") -> None:
        rule = rule_for(f"custody.{kind}")
        found.append(Finding(rule=rule.id, severity=rule.severity, message=message, logical=logical))

    if not about.model.license:
        gap("license-undeclared", "the model's license is not declared")
    if not about.data:
        gap("data-undeclared", "no data set is declared")
    for each in about.data:
        if not each.license:
            gap("data-license", f"the license of {each.name} is not declared", each.name)
    for name in [each.name for each in about.data] + [each.name for each in about.base]:
        if name not in digests:
            gap("digest-missing", f"{name} has no digest", name)
    if not packages:
        gap("dependencies-unknown", "no lock file or environment is named")
    if bare := [each.name for each in packages if not each.license]:
        gap("package-license", f"{len(bare)} of {len(packages)} packages declare no license, such as {bare[0]}")
    if bare := [each.name for each in packages if not each.hashes]:
        gap("package-digest", f"{len(bare)} of {len(packages)} packages have no digest, such as {bare[0]}")
    if figures is None or not figures.performance:
        gap("performance-unmeasured", "no measured performance is named")
    if about.training is None or not about.training.builder:
        gap("provenance-undeclared", "nobody is declared who trained the model")
    told = about.considerations
    if not (about.model.task and (told.use_cases or told.limitations)):
        gap("purpose-undeclared", "task, use cases or limitations are not declared")
    return found
