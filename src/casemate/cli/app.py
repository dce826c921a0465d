"""The real commands, and the one place where errors become words and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from casemate import __version__
from casemate.cli.verbs import EPILOG, VERBS
from casemate.core.errors import CasemateError

INTERRUPTED = 130


def build() -> App:
    """The cyclopts application; a verb's module is imported when its command is called or its help is shown."""
    app = App(
        name="casemate",
        version=__version__,
        help="Attack an AI system, measure what gets through, defend it, attack again, and keep signed proof.",
        help_epilogue=EPILOG,
        result_action="return_value",
    )
    for name, verb in VERBS.items():
        app.command(verb.factory, name=name, help=verb.summary)
    app.register_install_completion_command()
    return app


def run(words: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing a user can cause leaves as a traceback."""
    try:
        code = build()(words, exit_on_error=False)
    except CycloptsError:
        return 3
    except CasemateError as error:
        sys.stderr.write(describe(error))
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped. Finished trials are kept: run the same command again to go on.\n")
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    return code if isinstance(code, int) else 0


def describe(error: CasemateError) -> str:
    """An error as people read it: what, why, next step, a line each."""
    lines = [f"error: {error.message}"]
    if error.cause:
        lines.append(f"  why:  {error.cause}")
    if error.next_step:
        lines.append(f"  next: {error.next_step}")
    return "\n".join(lines) + "\n"
