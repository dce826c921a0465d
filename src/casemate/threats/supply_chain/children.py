"""Children that scan files and may die: of a mapped file that someone cuts short, of memory, of a mistake in a parser.

A parent keeps N of them, hands out jobs in order and gets answers in order. One that dies costs the file it was reading
and nothing else. Answers are JSON, not pickles: a child reads hostile bytes, and its parent does not trust it.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Final, Generic, TypeVar

Job = TypeVar("Job")
Work = Callable[[Job, Callable[[int], None]], bytes]
"""Does one job, tells bytes as they are done, and answers."""

_AHEAD: Final = 32
"""Jobs a child that may be given out beyond the oldest one that is not answered."""


class _Child(Generic[Job]):
    """One process, and the job that it does."""

    def __init__(self, work: Work[Job], others: list[Connection]) -> None:
        context = multiprocessing.get_context("fork")
        self.end, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(work, theirs, [*others, self.end]), daemon=True)
        self.process.start()
        theirs.close()
        self.index = -1

    def stop(self) -> None:
        self.end.close()
        self.process.kill()
        self.process.join()


def _serve(work: Work[Job], end: Connection, others: list[Connection]) -> None:
    """What a child does until its parent hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.disable()  # its death is told by the parent, once
    for other in others:  # so that a parent that is killed hangs up
        other.close()
    while True:
        try:
            job = end.recv()
        except (EOFError, OSError):
            return
        end.send_bytes(b"=" + work(job, lambda count: end.send_bytes(b"+%d" % count)))


class Children(Generic[Job]):
    """N children that do one kind of work.

    Args:
        work: done in a child; it must answer, whatever the job.
        count: how many children.
        heard: called in the parent with the bytes that a child says are done.
    """

    def __init__(self, work: Work[Job], count: int, heard: Callable[[int], None]) -> None:
        self._work = work
        self._count = count
        self._heard = heard
        self._children: list[_Child[Job]] = []

    def close(self) -> None:
        """End them all."""
        for child in self._children:
            child.stop()
        self._children = []

    def each(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, bytes | None]]:
        """Each job with its answer, in the order of the jobs; None if the child died over it.

        Ends: each round hands out a job, takes an answer, or finds a child dead.
        """
        source, order, answers = iter(jobs), deque[tuple[int, Job]](), dict[int, bytes | None]()
        given, more = 0, True
        while more or order:
            while more and len(order) < _AHEAD * self._count and (child := self._idle()) is not None:
                job = next(source, None)
                if job is None:
                    more = False
                    break
                order.append((given, job))
                child.index = given
                given += 1
                try:
                    child.end.send(job)
                except OSError:
                    self._bury(child, answers)
            while order and order[0][0] in answers:
                index, job = order.popleft()
                yield job, answers.pop(index)
            if order and not (more and len(order) < _AHEAD * self._count and self._idle() is not None):
                self._listen(answers)

    def _idle(self) -> _Child[Job] | None:
        for child in self._children:
            if child.index < 0:
                return child
        if len(self._children) < self._count:
            self._children.append(_Child(self._work, [child.end for child in self._children]))
            return self._children[-1]
        return None

    def _listen(self, answers: dict[int, bytes | None]) -> None:
        busy = {child.end: child for child in self._children if child.index >= 0}
        for end in wait(list(busy)):
            child = busy[end]  # type: ignore[index]
            try:
                said = child.end.recv_bytes()
            except (EOFError, OSError):
                self._bury(child, answers)
                continue
            if said.startswith(b"+"):
                self._heard(int(said[1:]))
            else:
                answers[child.index], child.index = said[1:], -1

    def _bury(self, child: _Child[Job], answers: dict[int, bytes | None]) -> None:
        answers[child.index] = None
        self._children.remove(child)
        child.stop()
