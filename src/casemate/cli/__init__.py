"""The command line: one file a verb, imported only when that verb runs. The only place that prints or exits.

``casemate --help`` and ``--version`` are answered from the table below without loading anything else; a test holds the
table and the real commands together.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from casemate import __version__


class Verb(NamedTuple):
    """A command: where it lives and what it gives, in one line."""

    factory: str
    summary: str


VERBS = {
    "init": Verb("casemate.cli.init:init", "Look at a model and its data, write a commented casemate.toml."),
    "audit": Verb("casemate.cli.audit:audit", "Run every assessment that fits, judge it, write the report."),
    "harden": Verb("casemate.cli.harden:harden", "Apply defenses, attack again, show what each costs and buys."),
    "verify": Verb("casemate.cli.verify:verify", "Check an audit folder: has anyone touched it?"),
    "report": Verb("casemate.cli.report:report", "Write the report of a finished audit again, in any format."),
    "explain": Verb("casemate.cli.explain:explain", "What a finding means, how it was measured, how to fix it."),
    "ledger": Verb("casemate.cli.ledger:app", "Show, prove and export what the ledger holds."),
}

EPILOG = """\
Examples:
  casemate init examples/clinical     write a configuration to start from
  casemate audit                      audit what ./casemate.toml describes
  casemate harden                     try its defenses and attack again
  casemate explain CM-INV-001         what that finding means and how to fix it

Exit codes: 0 pass, 1 a finding or verdict fails, 2 inconclusive or stale, 3 usage or unreadable input, 4 tampered.
Every command has --help. Shell completion: casemate --install-completion
"""


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
    from casemate.cli.app import run  # noqa: PLC0415  # help and version must not wait for it

    sys.exit(run(words))
