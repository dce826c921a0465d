"""``casemate anonymize --synthetic``: rows of nobody instead of generalized ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pandas as pd

from casemate.audit.output import write
from casemate.audit.synthesize import LIMITS, Synthesized, signed, synthesize
from casemate.audit.synthetic_document import synthetic_document
from casemate.cli.terminal import console, watching
from casemate.core.digests import Digest
from casemate.core.measurement import Measurement
from casemate.privacy.tables.frames import write_table
from casemate.privacy.tables.options import AnonymizeSection
from casemate.privacy.tables.roles import shown

EXIT = {"PASS": 0, "FAIL": 1, "NOT_EVIDENCED": 0}


def anonymize_by_synthesis(table: Path, frame: pd.DataFrame, goal: Path, section: AnonymizeSection) -> int:
    """Make, attack, sign, write and tell; nothing is written where attacks refute the guarantee."""
    with watching() as observer:
        made = synthesize(frame, section, observer)
    written: dict[str, str] = {}
    if made.verdict[0] != "FAIL":
        content = write_table(made.table, goal.suffix, section.separator)
        certificate = goal.with_name(f"{goal.stem}.certificate.json")
        envelope = signed(made, goal.name, content, {table.name: Digest.of_file(table).hex})
        write(goal, content)
        write(certificate, envelope)
        written = {"table": str(goal), "certificate": str(certificate)}
    if section.format == "json":
        said = synthetic_document(made, table.name, section.seed, written)
        console().file.write(msgspec.json.encode(said).decode() + "\n")
    else:
        console().print(_text(made, table.name, section, written), soft_wrap=True, markup=False)
    return EXIT[made.verdict[0]]


def _text(made: Synthesized, name: str, section: AnonymizeSection, written: Mapping[str, str]) -> str:
    figures = made.measurements(name, section.seed)
    parts = [
        ("Columns (those that name people are left out: drop, pseudonym, shift, noise)", shown(made.roles)),
        ("Guarantee", "\n".join(f"  - {each}" for each in _guarantee(made))),
    ]
    attacks, utility = ([e for e in figures if e.kind.startswith("attack/") is of] for of in (True, False))
    if attacks:
        told = "\n".join(f"  - {_line(each)}" for each in attacks if each.metric != "tpr")
        parts.append(("Attacked (0.5 is guessing for an AUC; 0 tells nothing for singling out)", told))
    parts.append(("Of use", "\n".join(f"  - {_line(each)}" for each in utility)))
    parts.append(("Does not protect", "\n".join(f"  - {each}" for each in (*LIMITS, *_hint(section)))))
    parts += [("Not tried", "\n".join(f"  - {each}" for each in made.left_out))] * bool(made.left_out)
    decision, reason = made.verdict
    where = [f"wrote {path}" for path in written.values()] or ["nothing was written"]
    return "\n".join(["\n\n".join(f"{title}\n{body}" for title, body in parts), "", f"{decision}  {reason}", *where])


def _guarantee(made: Synthesized) -> list[str]:
    assumed = made.certificate.assumed
    told = [str(msgspec.structs.replace(made.certificate, assumed=()))]
    if assumed:
        told += [
            f"taken from the private rows and assumed to be public: {', '.join(assumed)}",
            "better say beforehand what columns can hold: --domain NAME=LOW..HIGH or --domain NAME=A|B|C",
        ]
    return told


def _hint(section: AnonymizeSection) -> list[str]:
    return [] if section.delta else ["use: without --delta the noise is far larger; 1e-6 is common"]


def _line(each: Measurement) -> str:
    name = {"auc": f"membership, {each.kind.rpartition('/')[2]}: AUC", "singled_out": "singling out: gain"}
    label = name.get(each.metric, each.metric.replace("_", " ")) + "".join(f", {v}" for v in each.at.values())
    return f"{label} {each.estimate:.3f} [{each.low:.3f}, {each.high:.3f}]" + (f"; {each.note}" if each.note else "")
