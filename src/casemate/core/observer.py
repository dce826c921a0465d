"""Progress is an observer handed in, so that no library code prints."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Hears about long work. Every method returns at once."""

    def begin(self, task: str, total: int) -> None:
        """Work called ``task`` starts; it has ``total`` steps."""

    def advance(self, task: str, steps: int = 1) -> None:
        """``steps`` more steps of ``task`` are done."""

    def end(self, task: str) -> None:
        """``task`` is over."""

    def note(self, message: str) -> None:
        """Something worth a line on the terminal."""


class Silent:
    """The observer that hears nothing; the default everywhere."""

    def begin(self, task: str, total: int) -> None:
        """Ignore."""

    def advance(self, task: str, steps: int = 1) -> None:
        """Ignore."""

    def end(self, task: str) -> None:
        """Ignore."""

    def note(self, message: str) -> None:
        """Ignore."""
