"""What an assessment gets to work with, and the shape every assessment and defense has.

An assessment is split into tasks that do not depend on each other. The audit room runs them in any order, in this
process or others, keeps each result in the ledger as soon as it is there, and never runs a finished one again. So
``work`` must be a pure function of the engagement and the task: all randomness comes from
``derive(engagement.seed, assessment id, task id)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy.typing as npt

from casemate.core.declarations import AssessmentSpec, DefenseSpec
from casemate.core.exhibit import Exhibit
from casemate.core.measurement import Measurement, Pair
from casemate.core.policy import Policy
from casemate.data.dataset import Dataset
from casemate.targets.target import Target
from casemate.training.recipe import Recipe

Effort = Literal["quick", "standard", "thorough"]
Array = npt.NDArray[Any]
Result = Mapping[str, Array]
"""What a task leaves behind: named arrays without object dtype, so that they can be stored and read safely."""


@dataclass(frozen=True)
class Artifact:
    """The file that a model was loaded from.

    Attributes:
        path: where it lies.
        sha256: of the bytes that were loaded, in hexadecimal; evidence about other bytes says nothing of this model.
        allow: classes of the owner's own that loading it was allowed, as "package.module:Class".
        policy, policy_sha256: the verification policy that its seal met when it was loaded; None and "" without one.
    """

    path: Path
    sha256: str
    allow: tuple[str, ...] = ()
    policy: Path | None = None
    policy_sha256: str = ""


@dataclass(frozen=True)
class Claim:
    """A signed statement about a model, as it was found beside it.

    Attributes:
        file: its name.
        sha256: of its bytes, in hexadecimal.
        predicate: what it says; empty where it cannot be read.
        signer: the trusted key that signed it, as "name+id", or "".
        objections: why it does not count, each in words; empty when it does.
        remarks: what a reader should know besides.
    """

    file: str
    sha256: str
    predicate: Mapping[str, Any]
    signer: str = ""
    objections: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class HandedOut:
    """The file that training rows were handed out as, generalized.

    Attributes:
        path: where it lies.
        sha256: of its bytes, in hexadecimal.
        separator: between cells of CSV.
        hierarchies: of a column, the file of its hierarchy, or the kind of generalization.
    """

    path: Path
    sha256: str
    separator: str = ","
    hierarchies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Engagement:
    """One model under attack, with its data and the rules.

    Attributes:
        name: what the report calls the model.
        target: the model; the audit room restricts it to the access an assessment declares before handing it on.
        members: the rows it was trained on.
        nonmembers: rows from the same population that it never saw, without duplicates of members.
        recipe: how it was trained, or None when unknown.
        seed: root of all randomness.
        effort: how hard to try; assessments translate it into budgets and list them.
        options: settings of single assessments by id, from the configuration.
        defense: id of the defense in place, which the adversary knows; None before any.
        artifact: the file that the model was loaded from; None where there is none, as for a defended model.
        claim: the certificate of privacy that lies beside the file; None without one.
        handed_out: the file that the training rows were handed out as; None where they are not known to have been.
    """

    name: str
    target: Target
    members: Dataset
    nonmembers: Dataset
    recipe: Recipe | None = None
    seed: int = 0
    effort: Effort = "standard"
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    defense: str | None = None
    artifact: Artifact | None = None
    claim: Claim | None = None
    handed_out: HandedOut | None = None

    def settings(self, assessment: str) -> Mapping[str, Any]:
        """The options given for one assessment."""
        return self.options.get(assessment, {})

    def changed(self, **changes: Any) -> Engagement:
        """The same engagement with some parts replaced."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Task:
    """One piece of work, small enough to be repeated when interrupted.

    Attributes:
        id: unique and stable within the assessment.
        parameters: what to do, as JSON values.
        queries: how many rows it will ask the target about, at most.
        seconds: rough CPU seconds, for the plan and the progress bar.
    """

    id: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    queries: int = 0
    seconds: float = 1.0


@dataclass(frozen=True)
class Conclusion:
    """What an assessment found.

    Attributes:
        measurements: the figures, in a stable order.
        outcomes: for measurements that can be paired, by position in ``measurements``: (n,) outcomes on fixed inputs
            (bool for proportions, float for means; NaN where a trial could not be scored).
        records: named arrays with one value a training row (risk score, leverage, ...); kept encrypted, shown only by
            ``casemate explain --record``.
        exhibits: pictures for the report; they go into it as they are, so they show nothing that must not be seen.
        pairs: figures before and after a defense that was in place already, where both can be measured at once.
    """

    measurements: Sequence[Measurement]
    outcomes: Mapping[int, Array] = field(default_factory=dict)
    records: Mapping[str, Array] = field(default_factory=dict)
    exhibits: Sequence[Exhibit] = ()
    pairs: Sequence[Pair] = ()


class Assessment(Protocol):
    """The mechanism behind an ``AssessmentSpec``; its factory is called without arguments."""

    spec: AssessmentSpec

    def applies(self, engagement: Engagement) -> str:
        """Why this assessment cannot be run on this engagement, or "" when it can."""

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """The pieces of work; cheap, and the same every time."""

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Do one piece."""

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """Turn the results, by task id, into figures; those of assessments it rests on come as "assessment/task"."""


@dataclass(frozen=True)
class Proposal:
    """A defended engagement, and what the defense promises.

    Attributes:
        engagement: the same engagement with a new target, recipe or data.
        predicted: promised estimates by (kind, metric, at-as-JSON) text key; empty when it promises nothing.
        settings: what the defense chose (regularization strength, digits, ...), for the report.
        note: one sentence for people.
    """

    engagement: Engagement
    predicted: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


class Defense(Protocol):
    """The mechanism behind a ``DefenseSpec``; its factory is called with the options from the configuration."""

    spec: DefenseSpec

    def applies(self, engagement: Engagement) -> str:
        """Why this defense cannot be applied here, or ""."""

    def propose(self, engagement: Engagement, policy: Policy) -> Proposal:
        """Build the defended engagement. It never grades itself."""
