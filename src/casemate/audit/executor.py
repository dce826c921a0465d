"""Where tasks run: in this process, or in others. A cluster joins by implementing ``Executor``.

Every task runs with one BLAS/OpenMP thread, so that its figures do not depend on who else computes: sums are taken in
the same order whichever executor runs them.
"""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from threadpoolctl import threadpool_limits

from casemate.core.declarations import AssessmentSpec
from casemate.training.engagement import Assessment, Engagement, Result, Task


@dataclass(frozen=True)
class Job:
    """One task of one assessment on one engagement, addressed by the name of the engagement."""

    subject: str
    spec: AssessmentSpec
    task: Task

    @property
    def address(self) -> tuple[str, str, str]:
        """Subject, assessment and task: what no two jobs of a run share."""
        return self.subject, self.spec.id, self.task.id


@dataclass(frozen=True)
class Done:
    """A finished job: what it left, what it cost, and how many rows it asked about."""

    job: Job
    result: Result
    seconds: float
    queries: int


class Executor(Protocol):
    """Runs jobs in any order and hands each over as soon as it is done."""

    def run(self, engagements: Mapping[str, Engagement], jobs: Sequence[Job]) -> Iterator[Done]:
        """Run all jobs. An exception in one of them is raised here, after nothing else was lost."""


def one_thread() -> AbstractContextManager[object]:
    """Keep BLAS and OpenMP on one thread, so that sums are taken in one order on every machine."""
    limits: AbstractContextManager[object] = threadpool_limits(limits=1)
    return limits


@contextmanager
def few_collections() -> Iterator[None]:
    """Let the garbage collector look more rarely: trees are many small objects, and it would visit all others too."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def perform(engagement: Engagement, job: Job) -> Done:
    """Run one job on the engagement, restricted to the access that the assessment declares."""
    assessment: Assessment = job.spec.load()()
    view = engagement.target.restrict(job.spec.access)
    start = time.process_time()
    with one_thread(), few_collections():
        result = assessment.work(engagement.changed(target=view), job.task)
    return Done(job, result, time.process_time() - start, view.meter.used)


class Serial:
    """Runs every job in this process."""

    def run(self, engagements: Mapping[str, Engagement], jobs: Sequence[Job]) -> Iterator[Done]:
        """Run the jobs one after the other."""
        for job in jobs:
            yield perform(engagements[job.subject], job)


_engagements: dict[str, Engagement] = {}


def _receive(engagements: dict[str, Engagement]) -> None:
    """Keep the engagements in a worker process, so that they travel once and not with each job."""
    _engagements.update(engagements)


def _perform_here(job: Job) -> Done:
    return perform(_engagements[job.subject], job)


@dataclass(frozen=True)
class Processes:
    """Runs jobs in ``workers`` processes of this machine, started fresh so that no lock or thread is inherited."""

    workers: int

    def run(self, engagements: Mapping[str, Engagement], jobs: Sequence[Job]) -> Iterator[Done]:
        """Run the longest jobs first; hand each over when it is done."""
        ordered = sorted(jobs, key=lambda job: -job.task.seconds)
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self.workers, context, initializer=_receive, initargs=(dict(engagements),))
        try:
            open_jobs: set[Future[Done]] = {pool.submit(_perform_here, job) for job in ordered}
            while open_jobs:
                finished, open_jobs = wait(open_jobs, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def executor(workers: int) -> Executor:
    """The executor for this many workers."""
    return Serial() if workers <= 1 else Processes(workers)
