"""``casemate redact --assess``: what leaks of a labeled sample, and what attacks on the result achieve."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from casemate.cli.redact_text import replacing
from casemate.core.errors import UsageError
from casemate.privacy.text.assess import Assessed, assess, document
from casemate.privacy.text.labeled import NEITHER, Labeled, read_labeled
from casemate.privacy.text.leak_page import leak_page
from casemate.privacy.text.leaks import Count, exposed
from casemate.privacy.text.options import RedactSection
from casemate.stats import trials_needed


def redact_assess(
    paths: list[str], section: RedactSection, *, report: Path | None, evidence: Path | None, at_most: float | None,
    seed: int, why: bool = False,
) -> int:  # fmt: skip
    """Assess the redactor of a section on one file; the exit code."""
    if len(paths) != 1 or paths[0] == "-":
        raise UsageError("--assess takes one labeled file", next_step="casemate redact sample.jsonl --assess")
    if at_most is not None and not 0 <= at_most < 1:
        raise UsageError("--at-most is a share, 0 to 1", next_step="for example --at-most 0.05")
    path = Path(paths[0])
    sample, redactor = read_labeled(path), section.redactor()

    def work() -> Assessed:
        return assess(sample, redactor, seed=seed)

    proof = ""
    if evidence is not None:
        from casemate.audit.redaction import witness_leaks  # noqa: PLC0415  # a ledger is slow to load

        made, proof = witness_leaks(evidence, path, section, work)
    else:
        made = work()
    if report is not None:
        with replacing(report) as stream:
            if report.suffix == ".json":
                stream.write(msgspec.json.format(msgspec.json.encode(document(made, path.name))) + b"\n")
            else:
                stream.write(leak_page(made, path.name).encode("utf-8", "replace"))
    if why:
        sys.stderr.write(missed(sample, made))
    code, verdict = judged(made, at_most)
    sys.stdout.write(shown(made) + (f"\n{verdict}\n" if verdict else "") + (f"proof  {proof}\n" if proof else ""))
    return code


def missed(sample: Sequence[Labeled], made: Assessed) -> str:
    """A line for each mention of which something can be seen: where it is in the sample; never the value."""
    asked = made.leaks.asked
    lines = [
        f"document {number}: {one.start}-{one.end} {one.type} is seen\n"
        for number, (each, done) in enumerate(zip(sample, made.made, strict=True), 1)
        for one in (each.spans[at] for at in exposed(each, done))
        if one.type not in NEITHER and (not asked or one.type in asked)
    ]
    return "".join(lines)


def judged(made: Assessed, at_most: float | None) -> tuple[int, str]:
    """Exit code and verdict: decided on the bound of everything that leaked, never on the estimate."""
    if at_most is None:
        return 0, ""
    rate = made.leaks.groups[0].entities.rate
    said = f"{rate.value:.1%} of what was marked leaks, {rate.low:.1%} to {rate.high:.1%}; tolerated are {at_most:.1%}"
    if rate.high <= at_most:
        return 0, f"PASS  {said}"
    if rate.low > at_most:
        return 1, f"FAIL  {said}"
    more = f"; {trials_needed(rate.value, at_most):,} would settle it" if rate.value != at_most else ""
    return 2, f"INCONCLUSIVE  {said}{more}"


def shown(made: Assessed) -> str:
    """All figures for a terminal; nothing from the texts."""
    rows = [("leaks of", "language", "things", "at most", "letters", "at most")]
    rows += [
        (each.type, each.language, *_told(each.entities), *_told(each.letters)) for each in made.leaks.groups
    ]  # fmt: skip
    clean, kept = made.leaks.clean, made.leaks.kept
    tried = [("attack", "before", "after", "at most", "")]
    for each in made.attacks:
        if each.skipped:
            tried.append((each.attack, "-", "-", "-", f"not tried: {each.skipped}"))
        else:
            tried.append((each.attack, f"{each.before.rate.value:.1%}", *_told(each.after), each.note))
    said = [
        f"documents without a leak  {clean.k:,} of {clean.n:,}, at least {clean.rate.low:.1%}",
        f"words kept that nobody marked  {kept.k:,} of {kept.n:,}, {kept.rate.value:.1%}",
        "at most, at least: ends of two-sided intervals of 95 %; things and letters of one document leak together",
    ]
    return f"{_table(rows)}\n\n" + "\n".join(said) + f"\n\n{_table(tried)}\n"


def _told(count: Count) -> tuple[str, str]:
    return f"{count.k:,} of {count.n:,}", f"{count.rate.high:.1%}" if count.n else ""


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
