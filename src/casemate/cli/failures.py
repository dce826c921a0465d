"""Where errors become words and exit codes, for every command."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

from casemate.core.errors import CasemateError

INTERRUPTED = 130


def guarded(command: Callable[[], object]) -> int:
    """Run a command and return its exit code; nothing a user can cause leaves as a traceback or a raw warning."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _noted
            code = command()
    except CasemateError as error:
        sys.stderr.write(describe(error))
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped. Finished trials of an audit are kept: run the same command again to go on.\n")
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    return code if isinstance(code, int) else 0


def _noted(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    del category, filename, lineno, file, line
    sys.stderr.write(f"note: {' '.join(str(message).split())}\n")


def describe(error: CasemateError) -> str:
    """An error as people read it: what, why, next step, a line each."""
    lines = [f"error: {error.message}"]
    if error.cause:
        lines.append(f"  why:  {error.cause}")
    if error.next_step:
        lines.append(f"  next: {error.next_step}")
    return "\n".join(lines) + "\n"
