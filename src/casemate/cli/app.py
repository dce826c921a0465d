"""The real commands."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from casemate import __version__
from casemate.cli.failures import guarded
from casemate.cli.verbs import EPILOG, VERBS
from casemate.core.declarations import load


def build(asked: str = "") -> App:
    """The cyclopts application; a verb's module is imported when its command is called or its help is shown.

    Args:
        asked: the verb that was typed; its own examples stand below its help.
    """
    app = App(
        name="casemate",
        version=__version__,
        help="Attack an AI system, measure what gets through, defend it, attack again, and keep signed proof.",
        help_epilogue=EPILOG,
        result_action="return_value",
    )
    for name, verb in VERBS.items():
        if verb.factory.endswith(":app"):
            app.command(verb.factory, name=name, help=verb.summary)
        else:
            below = examples(verb.factory) if name == asked else ""
            app.command(verb.factory, name=name, help=verb.summary, help_epilogue=below)
    app.register_install_completion_command()
    return app


def examples(factory: str) -> str:
    """The examples in the docstring of a command, which Cyclopts leaves out, a line each."""
    text = inspect.getdoc(load(factory)) or ""
    found = re.search(r"^Examples?:\n((?: +.*\n|\n)+)", text + "\n", re.MULTILINE)
    lines = [line.strip() for line in found[1].splitlines() if line.strip()] if found else []
    return "\n\n".join(["Examples:", *lines]) if lines else ""


def run(words: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing a user can cause leaves as a traceback."""
    try:
        return guarded(lambda: build(words[0] if words else "")(words, exit_on_error=False))
    except CycloptsError:
        return 3
