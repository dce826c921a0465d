"""The one error vocabulary: every error says what happened, why, and what to do next.

The command line turns an error's ``exit_code`` into the process's exit code, so scripts can rely on it.
"""

from __future__ import annotations


class CasemateError(Exception):
    """Something casemate can explain.

    Args:
        message: what happened, in one line, without values from people's records.
        cause: why it happened.
        next_step: what the reader should do about it.
    """

    exit_code = 3

    def __init__(self, message: str, *, cause: str = "", next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.next_step = next_step

    def __str__(self) -> str:
        parts = [self.message]
        if self.cause:
            parts.append(f"because {self.cause}")
        text = ", ".join(parts)
        return f"{text}. Next: {self.next_step}" if self.next_step else text

    def __reduce__(self) -> tuple[object, ...]:
        """Keep cause and next step when the error crosses a process boundary."""
        return _rebuild, (type(self), self.message, self.cause, self.next_step)


def _rebuild(kind: type[CasemateError], message: str, cause: str, next_step: str) -> CasemateError:
    return kind(message, cause=cause, next_step=next_step)


class UsageError(CasemateError):
    """The caller asked for something that cannot be: a bad option, configuration or argument."""


class DataError(CasemateError):
    """A data set cannot be read, or does not fit the model or the schema."""


class TargetError(CasemateError):
    """The model under test raised, answered with nonsense, or changed its answer."""


class AccessError(CasemateError):
    """An attack asked the target for more than its threat model grants."""


class MissingPartError(CasemateError):
    """An optional package is not installed; the next step names the extra that brings it."""


class UnreadableError(CasemateError):
    """A file cannot be understood; it is never treated as clean."""


class UnsafeArtifactError(CasemateError):
    """The load guard refused a file before loading any of it."""

    exit_code = 1


class StaleError(CasemateError):
    """Evidence names a model, data or plan that has changed since."""

    exit_code = 2


class SpentError(CasemateError):
    """A privacy budget does not allow what was asked; nothing was released."""


class TamperedError(CasemateError):
    """Signed or hashed evidence does not verify."""

    exit_code = 4


class StorageError(CasemateError):
    """Evidence could not be made durable: the disk is full, or fsync failed. Nothing was acknowledged."""


class LockedError(CasemateError):
    """Another process is writing to the same ledger."""
