"""The real commands."""

from __future__ import annotations

from collections.abc import Sequence

from cyclopts import App, CycloptsError

from casemate import __version__
from casemate.cli.failures import guarded
from casemate.cli.verbs import EPILOG, VERBS


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
        return guarded(lambda: build()(words, exit_on_error=False))
    except CycloptsError:
        return 3
