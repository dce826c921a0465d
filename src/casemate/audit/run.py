"""Run a plan: what is missing is run, kept as soon as it is done, and concluded when complete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from casemate.audit.executor import Done, Executor, Job, one_thread
from casemate.audit.notebook import Kept, Notebook
from casemate.audit.plan import Scope, scope
from casemate.core.declarations import AssessmentSpec
from casemate.core.errors import UsageError
from casemate.core.measurement import Measurement
from casemate.core.observer import Observer
from casemate.training.engagement import Conclusion, Engagement


@dataclass(frozen=True)
class Concluded:
    """A scope and what it found; None when it does not apply."""

    scope: Scope
    conclusion: Conclusion | None


def scopes(engagements: Iterable[Engagement], specs: Sequence[AssessmentSpec]) -> tuple[Scope, ...]:
    """Every assessment on every engagement, in a stable order."""
    return tuple(scope(engagement, spec) for engagement in engagements for spec in specs)


def run(todo: Sequence[Scope], book: Notebook, executor: Executor, observer: Observer) -> tuple[Concluded, ...]:
    """Run every task that the notebook does not hold yet, then conclude every scope.

    Tasks are kept one by one, so that a run killed at any moment goes on where it stopped. Conclusions are pure
    functions of the kept results and are made anew each time.
    """
    engagements = {each.engagement.name: each.engagement for each in todo}
    if len({id(each.engagement) for each in todo}) != len(engagements):
        raise UsageError("two engagements share a name", next_step="give every model its own name")
    wanted = {job.address: job for each in todo for job in each.all_jobs.values()}
    missing = [job for job in wanted.values() if not book.holds(job)]
    _perform(missing, engagements, book, executor, observer)
    concluded = []
    observer.begin("concluding", len(todo))
    for each in todo:
        concluded.append(Concluded(each, None if each.not_applicable else conclude(each, book.results(each))))
        observer.advance("concluding")
    observer.end("concluding")
    return tuple(concluded)


def conclude(each: Scope, kept: Mapping[str, Kept]) -> Conclusion:
    """Turn the kept results of one scope into figures, with what they cost added up over its tasks."""
    with one_thread():
        found = each.mechanism.conclude(each.engagement, {task: one.result for task, one in kept.items()})
    return replace(found, measurements=tuple(_costed(found, kept)))


def _perform(
    missing: Sequence[Job],
    engagements: Mapping[str, Engagement],
    book: Notebook,
    executor: Executor,
    observer: Observer,
) -> None:
    if not missing:
        return
    totals: dict[str, int] = {}
    for job in missing:
        totals[_label(job)] = totals.get(_label(job), 0) + 1
    for name, total in totals.items():
        observer.begin(name, total)
    done: Done
    for done in executor.run(engagements, missing):
        book.keep(done)
        name = _label(done.job)
        observer.advance(name)
        totals[name] -= 1
        if not totals[name]:
            observer.end(name)


def _label(job: Job) -> str:
    return f"{job.subject}: {job.spec.id}"


def _costed(found: Conclusion, kept: Mapping[str, Kept]) -> Iterable[Measurement]:
    seconds = round(sum(one.seconds for one in kept.values()), 3)
    queries = sum(one.queries for one in kept.values())
    for measurement in found.measurements:
        yield msgspec.structs.replace(
            measurement,
            seconds=seconds,
            queries=measurement.queries or (queries if measurement.threat_model.queries != 0 else 0),
        )
