"""Progress where no terminal watches, and the choice between lines and bars without loading Rich for lines."""

from __future__ import annotations

import importlib
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import cast

from casemate.core.observer import Observer, Silent


class Lines(Silent):
    """Only notes, one a line, on stderr: for logs and pipes."""

    def note(self, message: str) -> None:
        """A line."""
        sys.stderr.write(f"note: {message}\n")


def bars_if(long: bool) -> AbstractContextManager[Observer]:
    """Bars for long work that a terminal watches; otherwise lines. Rich is loaded only for bars."""
    if long and sys.stderr.isatty():
        terminal = importlib.import_module("casemate.cli.terminal")
        return cast("AbstractContextManager[Observer]", terminal.watching())
    return nullcontext(Lines())
