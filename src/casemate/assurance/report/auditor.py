"""The auditor's door: the plan and its date, deviations, every control, and the evidence down to the digest."""

from __future__ import annotations

import dataclasses

from markupsafe import Markup

from casemate.assurance import wording
from casemate.assurance.controls import ControlVerdict
from casemate.assurance.facts import derive
from casemate.assurance.report.page import Page, counted, number, pointer, quoted
from casemate.assurance.view import Record
from casemate.core.policy import Tolerance, Verdict

GLOSSARY = (
    ("pass", "the whole confidence interval lies inside the tolerance"),
    ("fail", "the whole interval lies outside it"),
    ("inconclusive", "the interval contains the tolerance: more trials are needed"),
    ("not evidenced", "nothing was measured that could answer"),
    ("stale", "the model or the data changed since, or the evidence is too old"),
    ("not applicable", "it could not be run here, or the owner's signed reason excludes it"),
    ("human", "the question cannot be answered by a measurement; a person has to"),
    ("interval", "95 % confidence unless said otherwise; exact (Clopper-Pearson) for counted proportions"),
    ("pair", "the same attack before and after a defense, on the same inputs"),
    ("adaptive", "the attack after the defense knows the defense"),
    ("digest", "SHA-256; two files with the same digest are the same file"),
)
"""The words of the report."""


@dataclasses.dataclass(frozen=True)
class ControlRow:
    """One control in the table."""

    place: int
    control: ControlVerdict


@dataclasses.dataclass(frozen=True)
class Framework:
    """A framework with its controls and how many have each verdict."""

    name: str
    edition: str
    rows: tuple[ControlRow, ...]
    counts: tuple[tuple[Verdict, Markup | None], ...]


@dataclasses.dataclass(frozen=True)
class EvidenceRow:
    """One measurement or pair record."""

    record: Record
    what: str
    subject: str
    said: Markup
    method: str
    verdicts: tuple[Verdict, ...]


@dataclasses.dataclass(frozen=True)
class LimitRow:
    """One tolerance of the policy."""

    tolerance: Tolerance
    what: str
    limit: Markup


def frameworks(page: Page) -> list[Framework]:
    """The controls by framework, in the catalog's order."""
    found: dict[tuple[str, str], list[ControlRow]] = {}
    for place, control in enumerate(page.results.controls):
        found.setdefault((control.control.framework, control.control.edition), []).append(ControlRow(place, control))
    counts = page.results.counts.frameworks
    return [
        Framework(
            name,
            edition,
            tuple(rows),
            tuple(
                (verdict, number(f"counts/frameworks/{pointer(name)}/{verdict.value}", count) if count else None)
                for verdict, count in counts[name].items()
            ),
        )
        for (name, edition), rows in found.items()
    ]


def evidence(page: Page) -> list[EvidenceRow]:
    """Every measurement and pair, in the order of the ledger."""
    rows = []
    for x in page.dossier.view.measured:
        m = x.measurement
        said = counted(page.places[x.record.index], m)
        rows.append(_evidence(page, x.record, wording.name(m), subject=m.subject, said=said, method=m.method))
    for y in page.dossier.view.paired:
        p, path = y.pair, page.places[y.record.index]
        said = Markup("{} → <b>{}</b>").format(
            number(f"{path}/before/estimate", p.before.estimate, p.before.unit),
            number(f"{path}/after/estimate", p.after.estimate, p.after.unit),
        )
        what = f"{wording.name(p.after)}, {p.defense}"
        rows.append(_evidence(page, y.record, what, subject=p.after.subject, said=said, method=p.method))
    return sorted(rows, key=lambda row: row.record.index)


def _evidence(page: Page, record: Record, what: str, *, subject: str, said: Markup, method: str) -> EvidenceRow:
    own = page.verdicts.get(record.index, [])
    return EvidenceRow(
        record=record,
        what=wording.sentence(what)[:-1],
        subject=subject,
        said=said,
        method=method,
        verdicts=tuple(j.verdict for _, j in own),
    )


def limits(page: Page) -> list[LimitRow]:
    """The policy as a table."""
    units = {m.name: m.unit for spec in page.dossier.catalog.assessments for m in spec.metrics}
    rows = []
    for i, t in enumerate(page.dossier.policy.tolerances):
        field = "at_most" if t.at_most is not None else "at_least"
        bound = number(f"policy/tolerances/{i}/{field}", getattr(t, field), units.get(t.metric, "proportion"))
        labels = [v for v in t.at.values() if isinstance(v, str)]
        at = ", ".join([wording.point(t.at), *labels]).strip(", ")
        what = wording.words(t.metric) + (f" at {at}" if at else "")
        rows.append(LimitRow(t, what, Markup("at {} {}").format(field[3:], bound)))
    return rows


def deviations(page: Page) -> list[Markup]:
    """Where the run differs from its plan, or its evidence from what one would wish."""
    view = page.dossier.view
    found: list[Markup] = []
    facts = {x.measurement.metric: x.measurement for x in derive(view, page.dossier.policy)}
    if not view.verified:
        found.append(Markup("This page was made without verifying the ledger."))
    if view.plan_record is None:
        found.append(Markup("No plan was recorded."))
    if (order := facts.get("plan_precedes_trials")) and order.estimate < 1:
        found.append(Markup("Some trials are recorded before the plan."))
    if (same := facts.get("tolerances_in_plan")) and same.estimate < 1:
        found.append(Markup("The policy used here is not the policy of the plan."))
    for i, judgment in enumerate(page.results.verdicts):
        if judgment.verdict is Verdict.NOT_APPLICABLE:
            said = quoted(f"verdicts/{i}/reason", judgment.reason)
            found.append(Markup("<code>{}</code> did not run. {}").format(judgment.assessment, said))
    for i, row in enumerate(page.results.measurements):
        if row.errors or row.refused:
            lost = Markup("{}: {} trials could not be scored and {} were refused; they count in n.").format(
                Markup('<a href="#r{}">record {}</a>').format(row.record, row.record),
                number(f"measurements/{i}/errors", row.errors),
                number(f"measurements/{i}/refused", row.refused),
            )
            found.append(lost)
    return found
