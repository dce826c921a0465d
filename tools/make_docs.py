"""Write the generated pages of docs/reference: configuration, commands, rules, the schemas of what scripts read.

Usage: python tools/make_docs.py [--check]   (--check only says whether they are current)
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import msgspec

from casemate.assurance.report import results_schema
from casemate.audit import config
from casemate.audit.explain import rules
from casemate.audit.registry import registry
from casemate.audit.synthetic_document import synthetic_schema
from casemate.cli.verbs import EPILOG, VERBS
from casemate.core.policy import Policy, Tolerance
from casemate.data.schema import Column
from casemate.privacy.tables.document import anonymize_schema
from casemate.privacy.tables.options import AnonymizeSection
from casemate.privacy.text.assess import leaks_schema
from casemate.privacy.text.options import RedactSection
from casemate.threats.supply_chain.options import ScanSection
from casemate.threats.supply_chain.output.schemas import diff_schema, scan_schema

HERE = Path(__file__).parents[1] / "docs" / "reference"
SECTIONS = (
    ("top level", config.Config),
    ("[audit]", config.AuditSection),
    ("[data]", config.DataSection),
    ("[[model]]", config.ModelSection),
    ("[[column]]", Column),
    ("[load]", config.LoadSection),
    ("[policy]", Policy),
    ("[[policy.tolerances]]", Tolerance),
    ("[[defense]]", config.DefenseSection),
    ("[scan]", ScanSection),
    ("[anonymize]", AnonymizeSection),
    ("[redact]", RedactSection),
)


def pages() -> dict[str, str]:
    """Every generated page by file name."""
    return {
        "configuration.md": configuration(),
        "commands.md": commands(),
        "rules.md": rule_pages(),
        "assessments.md": assessments(),
        "results.schema.json": msgspec.json.format(results_schema()).decode() + "\n",
        "scan.schema.json": msgspec.json.format(scan_schema()).decode() + "\n",
        "anonymize.schema.json": msgspec.json.format(anonymize_schema()).decode() + "\n",
        "leaks.schema.json": msgspec.json.format(leaks_schema()).decode() + "\n",
        "synthetic.schema.json": msgspec.json.format(synthetic_schema()).decode() + "\n",
        "scan-diff.schema.json": msgspec.json.format(diff_schema()).decode() + "\n",
    }


def configuration() -> str:
    """casemate.toml, key by key."""
    lines = [
        "# Configuration: casemate.toml\n",
        "Paths are relative to the file. Every key of `[audit]` is also an option of `casemate audit` and a variable",
        "`CASEMATE_<KEY>`; options win over variables, and those over the file. A key nobody knows is an error.\n",
    ]
    for title, struct in SECTIONS:
        lines += [f"## {title}\n", inspect.cleandoc(struct.__doc__ or "").split("\n")[0] + "\n"]
        lines += ["| key | type | default |", "|---|---|---|"]
        for field in msgspec.structs.fields(struct):
            if field.name != "folder":
                default = "required" if field.required else _default(field)
                kind = str(struct.__annotations__.get(field.name, field.type)).replace("|", "\\|")
                lines.append(f"| `{field.name}` | `{kind}` | {default} |")
        about = [line for line in inspect.cleandoc(struct.__doc__ or "").split("\n")[1:] if line.strip()]
        lines += ["", *(f"- {line.strip()}" for line in about if ":" in line and not line.startswith("Attr")), ""]
    return "\n".join(lines)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if isinstance(field.default, msgspec.Struct):
        return "see below"
    return "`{}`" if field.default is msgspec.NODEFAULT else f"`{field.default!r}`"


def commands() -> str:
    """The commands in a table."""
    lines = ["# Commands\n", "Each has `--help` with examples.\n", "| command | what it gives |", "|---|---|"]
    lines += [f"| `casemate {name}` | {verb.summary} |" for name, verb in VERBS.items()]
    return "\n".join([*lines, "", "```", EPILOG.rstrip(), "```", ""])


def rule_pages() -> str:
    """What casemate explain says, for all rules."""
    lines = ["# Rules\n"]
    for rule in sorted(rules().values(), key=lambda each: each.id):
        lines += [f"## {rule.id}: {rule.title}\n", f"Severity: {rule.severity}\n", f"**Why.** {rule.why}\n"]
        lines += [f"**How it is measured.** {rule.how}\n", f"**How to fix it.** {rule.fix}\n"]
        lines += [*(f"- {reference}" for reference in rule.references), ""]
    return "\n".join(lines)


def assessments() -> str:
    """Every assessment with its metrics, and every defense with its judges."""
    known = registry()
    lines = ["# Assessments and defenses\n"]
    for spec in known.assessments.values():
        needs = ", ".join(spec.needs) or "nothing else"
        lines += [f"## {spec.id}\n", f"{spec.title}\n", f"Access: {spec.access.name}. Needs: {needs}.\n"]
        lines += [f"Evidence kinds: {', '.join(f'`{kind}`' for kind in spec.kinds)}\n"]
        lines += ["| metric | unit | better | least n | meaning |", "|---|---|---|---|---|"]
        lines += [f"| `{m.name}` | {m.unit} | {m.direction} | {m.least_n} | {m.doc} |" for m in spec.metrics]
        lines += ["", f"Reference: {spec.reference}\n"] if spec.reference else [""]
    lines += ["## Defenses\n", "| id | what it does | changes | judged by |", "|---|---|---|---|"]
    lines += [f"| `{d.id}` | {d.title} | {d.changes} | {', '.join(d.judged_by)} |" for d in known.defenses.values()]
    return "\n".join([*lines, ""])


def main() -> None:
    """Write the pages, or with --check exit with 1 when one is not current."""
    stale = []
    for name, text in pages().items():
        path = HERE / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if "--check" in sys.argv and stale:
        sys.exit(f"not current: {', '.join(stale)}; run make docs")


if __name__ == "__main__":
    main()
