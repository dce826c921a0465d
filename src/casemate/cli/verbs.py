"""The table of commands: light, so that help needs nothing else."""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """A command: where it lives and what it gives, in one line."""

    factory: str
    summary: str


VERBS = {
    "init": Verb("casemate.cli.init:init", "Look at a model and its data, write a commented casemate.toml."),
    "audit": Verb("casemate.cli.audit:audit", "Run every assessment that fits, judge it, write the report."),
    "harden": Verb("casemate.cli.harden:harden", "Apply defenses, attack again, show what each costs and buys."),
    "train": Verb("casemate.cli.train:train", "Train models again, with differential privacy or in shards."),
    "erase": Verb("casemate.cli.erase:erase", "Remove people from a model made of shards, with signed evidence."),
    "scan": Verb("casemate.cli.scan:scan", "Model files, archives, repositories: what is smuggled in."),
    "seal": Verb("casemate.cli.seal:seal", "Sign, describe and encrypt a model: scan, provenance, bill of materials."),
    "unseal": Verb("casemate.cli.unseal:unseal", "Open a sealed file or folder again."),
    "key": Verb("casemate.cli.key:app", "Make keys, and change which of them open a sealed file."),
    "verify": Verb("casemate.cli.verify:verify", "Check an audit folder or a sealed model: has anyone touched it?"),
    "report": Verb("casemate.cli.report:report", "Write the report of a finished audit again, in any format."),
    "explain": Verb("casemate.cli.explain:explain", "What a finding means, how it was measured, how to fix it."),
    "anonymize": Verb("casemate.cli.anonymize:anonymize", "Generalize a table of people, and try to find them in it."),
    "redact": Verb("casemate.cli.redact:redact", "Personal data and secrets out of text, tables and documents."),
    "drill": Verb("casemate.cli.drill:drill", "Play a known incident: attacked, defended, attacked again."),
    "ledger": Verb("casemate.cli.ledger:app", "Show, prove and export what the ledger holds."),
}

EPILOG = """\
Examples:
  casemate init examples/clinical     write a configuration to start from
  casemate audit                      audit what ./casemate.toml describes
  casemate scan model.pt              what it would do when loaded, without loading it
  casemate harden                     try its defenses and attack again
  casemate explain CM-INV-001         what that finding means and how to fix it

Exit codes: 0 pass, 1 a finding or verdict fails, 2 inconclusive or stale, 3 usage or unreadable input, 4 tampered.
Every command has --help. Shell completion: casemate --install-completion
"""
