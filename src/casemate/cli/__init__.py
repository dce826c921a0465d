"""The command line: one file a verb, imported only when that verb runs. The only place that prints or exits.

``casemate --help`` and ``--version`` are answered from the table below without loading anything else, and the plain
forms of ``casemate scan`` are read without Cyclopts; tests hold both and the real commands together.
"""

from __future__ import annotations

import sys

from casemate import __version__
from casemate.cli.quick import plain_scan
from casemate.cli.verbs import EPILOG, VERBS


def help_text() -> str:
    """What ``casemate --help`` prints."""
    lines = [f"  {name:<9} {verb.summary}" for name, verb in VERBS.items()]
    about = "Attack an AI system, measure what gets through, defend it, attack again, and keep signed proof."
    return "\n".join([about, "", "Usage: casemate COMMAND [OPTIONS]", "", "Commands:", *lines, "", EPILOG])


def main() -> None:
    """The ``casemate`` program."""
    words = sys.argv[1:]
    if not words or words in (["--help"], ["-h"], ["help"]):
        sys.stdout.write(help_text())
        sys.exit(0)
    if words in (["--version"], ["-V"]):
        sys.stdout.write(f"casemate {__version__}\n")
        sys.exit(0)
    sys.exit(_run(words))


def _run(words: list[str]) -> int:
    plain = plain_scan(words[1:]) if words[0] == "scan" else None
    if plain is not None:
        from casemate.cli.failures import guarded  # noqa: PLC0415  # a scan must not wait for Cyclopts
        from casemate.cli.scan import scan  # noqa: PLC0415

        return guarded(lambda: scan(plain[0], **plain[1]))
    from casemate.cli.app import run  # noqa: PLC0415  # help and version must not wait for it

    return run(words)
