"""The plan: what will be run, with which budgets, judged by which tolerances; recorded before the first trial."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
from threadpoolctl import threadpool_info

import casemate
from casemate.audit.claims.promises import promises
from casemate.audit.config import Config
from casemate.audit.executor import Job
from casemate.audit.registry import registry
from casemate.core.declarations import AssessmentSpec
from casemate.core.digests import Digest
from casemate.core.policy import Policy, Tolerance
from casemate.privacy.text.declared import LEAKS
from casemate.training.engagement import Assessment, Engagement

IDENTITY = "casemate"
"""The key of ``Engagement.options`` under which the audit room keeps the subject's digest."""

PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "joblib", "torch", "cryptography", "msgspec")


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One assessment on one subject: what it will cost, or why it does not apply.

    Attributes:
        subject: name of the engagement.
        assessment: id.
        kinds: evidence kinds it will produce.
        tasks: pieces of work.
        queries: rows it will ask the target about, at most.
        seconds: rough CPU seconds.
        not_applicable: the reason, or "" when it will run.
    """

    subject: str
    assessment: str
    kinds: tuple[str, ...]
    tasks: int = 0
    queries: int = 0
    seconds: float = 0.0
    not_applicable: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides what the figures will be and how they will be judged.

    The digest covers all of it, so a tolerance changed later is a new plan, visible in the ledger.
    """

    system: str
    casemate: str
    policy: Policy
    subjects: dict[str, str]
    data: dict[str, str]
    assessments: tuple[Item, ...]
    options: dict[str, dict[str, Any]]
    seed: int
    effort: str
    environment: dict[str, str]
    signer: str = ""

    @property
    def digest(self) -> Digest:
        """Digest of the whole plan."""
        return Digest.of_value(self)


@dataclass(frozen=True)
class Scope:
    """One assessment on one engagement, ready to run.

    Attributes:
        engagement: the model.
        spec: the assessment.
        jobs: its own.
        not_applicable: why it cannot run, or "".
        borrowed: the scopes of the assessments that it rests on.
    """

    engagement: Engagement
    spec: AssessmentSpec
    jobs: tuple[Job, ...]
    not_applicable: str = ""
    borrowed: tuple[Scope, ...] = ()

    @property
    def owners(self) -> dict[str, tuple[Scope, Job]]:
        """Every job whose result the conclusion needs, and whose it is, by the name under which it is handed over."""
        others = {f"{each.spec.id}/{job.task.id}": (each, job) for each in self.borrowed for job in each.jobs}
        return {**{job.task.id: (self, job) for job in self.jobs}, **others}

    @property
    def all_jobs(self) -> dict[str, Job]:
        """The same without their owners."""
        return {name: job for name, (_, job) in self.owners.items()}

    @cached_property
    def mechanism(self) -> Assessment:
        """What does the work; loaded only where it applies, for it may need packages that are not installed."""
        made: Assessment = self.spec.load()()
        return made

    @cached_property
    def work(self) -> str:
        """SHA-256 of what decides the figures, so that trials survive a change of tolerances and of nothing else."""
        return self.work_in(environment())

    def work_in(self, where: Mapping[str, str]) -> str:
        """The same for another environment, as a plan recorded it."""
        engagement = self.engagement
        parts = [
            casemate.__version__,
            self.spec.id,
            identity(engagement),
            engagement.members.digest.hex,
            engagement.nonmembers.digest.hex,
            engagement.recipe.digest.hex if engagement.recipe else None,
            engagement.target.answers,
            engagement.seed,
            engagement.effort,
            engagement.settings(self.spec.id),
            engagement.defense,
            dict(where),
        ]
        if engagement.artifact is not None and "artifact" in self.spec.needs:
            parts += (*engagement.artifact.allow, engagement.artifact.policy_sha256)
        if engagement.claim is not None and "certificate" in self.spec.needs:
            parts += (engagement.claim.sha256, *engagement.claim.objections)
        return Digest.of_value(parts).hex

    @property
    def item(self) -> Item:
        """How the plan lists it."""
        tasks = [job.task for job in self.all_jobs.values()]
        return Item(
            subject=self.engagement.name,
            assessment=self.spec.id,
            kinds=self.spec.kinds,
            tasks=len(tasks),
            queries=sum(task.queries for task in tasks),
            seconds=round(sum(task.seconds for task in tasks), 1),
            not_applicable=self.not_applicable,
        )


def scope(engagement: Engagement, spec: AssessmentSpec) -> Scope:
    """Prepare one assessment: its tasks, or the reason why it does not apply."""
    if reason := _lacking(engagement, spec):
        return Scope(engagement, spec, (), reason)
    mechanism: Assessment = spec.load()()
    reason = mechanism.applies(engagement)
    if reason:
        return Scope(engagement, spec, (), reason)
    jobs = tuple(Job(engagement.name, spec, task) for task in mechanism.tasks(engagement))
    borrowed = tuple(scope(engagement, registry().assessment(name)) for name in spec.rests_on)
    return Scope(engagement, spec, jobs, borrowed=borrowed)


def make_plan(config: Config, engagements: Mapping[str, Engagement], scopes: Sequence[Scope]) -> Plan:
    """The plan for these engagements and assessments."""
    return Plan(
        system=config.system,
        casemate=casemate.__version__,
        policy=with_promises(config.policy, scopes),
        subjects={name: identity(engagement) for name, engagement in engagements.items()},
        data={data.name: data.digest.hex for e in engagements.values() for data in (e.members, e.nonmembers)}
        | {e.handed_out.path.name: e.handed_out.sha256 for e in engagements.values() if e.handed_out}
        | _texts(config, scopes),
        assessments=tuple(each.item for each in scopes),
        options=dict(config.assess),
        seed=config.audit.seed,
        effort=config.audit.effort,
        environment=environment(),
    )


def _texts(config: Config, scopes: Sequence[Scope]) -> dict[str, str]:
    """The labeled texts that some assessment reads, by name."""
    read = any(each.spec.id == LEAKS.id and not each.not_applicable for each in scopes)
    return {config.redact.sample: Digest.of_file(config.path(config.redact.sample)).hex} if read else {}


def with_promises(policy: Policy, scopes: Sequence[Scope]) -> Policy:
    """The policy, and what signed certificates promise: a tolerance that nobody has to write."""
    promised: list[Tolerance] = []
    for each in scopes:
        if each.engagement.claim is not None and not each.not_applicable:
            promised += [one for one in promises(each.spec.id, each.engagement.claim) if one not in promised]
    return msgspec.structs.replace(policy, tolerances=(*policy.tolerances, *promised))


def identity(engagement: Engagement) -> str:
    """SHA-256 of the model file an engagement is about; for a defended model, of the original's and the defense."""
    return str(engagement.settings(IDENTITY)["sha256"])


@cache
def environment() -> dict[str, str]:
    """Interpreter, platform, package versions and kernels that figures depend on."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {**found, "blas": blas()}


def blas() -> str:
    """Numpy's linear algebra library and the kernels it chose for this processor: last digits depend on them."""
    for library in threadpool_info():
        if library["user_api"] == "blas" and "numpy" in library["filepath"]:
            return " ".join(str(library.get(part, "")) for part in ("internal_api", "version", "architecture")).strip()
    return "unknown"


def _lacking(engagement: Engagement, spec: AssessmentSpec) -> str:
    if "recipe" in spec.needs and engagement.recipe is None:
        return "no recipe: how the model was trained is not known, so it cannot be trained again on other rows"
    if "holdout" in spec.needs and not len(engagement.nonmembers):
        return "no rows that the model never saw"
    if "tensors" in spec.needs and engagement.members.shape is None:
        return "the model reads rows of a table, no tensors"
    if "schema" in spec.needs and not engagement.members.schema.columns:
        return "the model reads tensors, no rows of a table"
    if "sensitive" in spec.needs and not any(column.sensitive for column in engagement.members.schema.columns):
        return "no column is marked sensitive"
    if "artifact" in spec.needs and engagement.artifact is None:
        return "no file: the model does not lie in a file of its own"
    if "certificate" in spec.needs and engagement.claim is None:
        return "no certificate of privacy lies beside the model"
    return ""
