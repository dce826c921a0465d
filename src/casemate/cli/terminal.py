"""Results to stdout, progress to stderr, and silence where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from casemate.cli.lines import Lines
from casemate.core.observer import Observer

STYLE = {
    "PASS": "green",
    "FAIL": "bold red",
    "INCONCLUSIVE": "yellow",
    "STALE": "yellow",
    "NOT_EVIDENCED": "dim",
    "NOT_APPLICABLE": "dim",
    "HUMAN": "cyan",
}


class Bars:
    """Progress bars with the time left, on stderr."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def begin(self, task: str, total: int) -> None:
        """Show a bar."""
        self._tasks[task] = self._progress.add_task(task, total=total)

    def advance(self, task: str, steps: int = 1) -> None:
        """Move a bar."""
        if task in self._tasks:
            self._progress.advance(self._tasks[task], steps)

    def end(self, task: str) -> None:
        """Fill a bar."""
        if task in self._tasks:
            bar = self._tasks.pop(task)
            self._progress.update(bar, completed=self._progress.tasks[bar].total)

    def note(self, message: str) -> None:
        """A line above the bars."""
        self._progress.console.print(f"[dim]note:[/] {message}", highlight=False)


@contextmanager
def watching() -> Iterator[Observer]:
    """Bars while a terminal watches; otherwise only notes."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    columns = (
        TextColumn("{task.description:<44}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield Bars(progress)


def meter(observer: Observer, task: str, size: int) -> Callable[[int], None]:
    """Begin a bar of ``size`` bytes that counts in MiB, and return what advances it by bytes."""
    observer.begin(task, max(size >> 20, 1))
    seen = [0]

    def advance(count: int) -> None:
        before = seen[0] >> 20
        seen[0] += count
        observer.advance(task, (seen[0] >> 20) - before)

    return advance


def console() -> Console:
    """Where results go. Piped output is plain and as wide as its lines."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=160)
