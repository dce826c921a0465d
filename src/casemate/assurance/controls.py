"""Control verdicts: what the evidence in a ledger says about each control of the catalog.

For every atom of a control's query the fitting figures are looked up (``figures``), each is judged on its bound
(``weighing``), and the worst decides. A query that asks for a ``pair`` is judged by defense: a defense counts only when
it meets every atom that it was measured on, and without ``every`` one such defense is enough for each attack.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from casemate.assurance.catalog import Catalog, Control
from casemate.assurance.facts import derive
from casemate.assurance.figures import Figure, Source, figures, sources
from casemate.assurance.grammar import Atom, Query
from casemate.assurance.judging import ControlId, Judgment, judge
from casemate.assurance.kinds import covers
from casemate.assurance.view import LedgerView
from casemate.assurance.weighing import Scales, Weighed
from casemate.core.policy import Policy, Verdict

WORST_FIRST = (
    Verdict.FAIL,
    Verdict.NOT_EVIDENCED,
    Verdict.HUMAN,
    Verdict.STALE,
    Verdict.INCONCLUSIVE,
    Verdict.NOT_APPLICABLE,
    Verdict.PASS,
)
"""One false piece refutes a claim; any missing piece keeps it from being proved."""

UNDEFENDED = "That is the system as it is: no defense was attacked again here."


class ControlVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says about one control.

    Attributes:
        control: which one.
        title: what it asks for.
        verdict, reason: the answer, with the figures that decided it.
        query: the evidence query.
        evidence: indices of the records looked at.
        strength, stage, applies_from: from the catalog.
    """

    control: ControlId
    title: str
    verdict: Verdict
    reason: str
    query: str
    evidence: tuple[int, ...] = ()
    strength: str = ""
    stage: str = ""
    applies_from: str = ""

    @property
    def judgment(self) -> Judgment:
        """The predicate of the verdict record for the ledger."""
        only = self.evidence[0] if len(self.evidence) == 1 else None
        return Judgment(
            record=only, tolerance=None, verdict=self.verdict, reason=self.reason, subject="", control=self.control
        )


def judge_controls(
    view: LedgerView, catalog: Catalog, policy: Policy, judgments: Sequence[Judgment] | None = None
) -> tuple[ControlVerdict, ...]:
    """Judge every control of a catalog by the evidence in a view, in the catalog's order.

    Args:
        view: the evidence.
        catalog: the controls.
        policy: the owner's tolerances.
        judgments: what ``judge`` said, where it has been asked already.
    """
    if judgments is None:
        judgments = judge(view, policy, catalog.assessments, catalog.defenses)
    evidence = sources(view, derive(view, policy, judgments))
    scales = Scales(view=view, policy=policy, assessments=catalog.assessments, defenses=catalog.defenses)
    return tuple(_judge(control, view, evidence, scales) for control in catalog.controls)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict that decides when all have to hold."""
    return min(verdicts, key=WORST_FIRST.index)


def best(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict that decides when one is enough."""
    return max(verdicts, key=WORST_FIRST.index)


def _judge(control: Control, view: LedgerView, evidence: Sequence[Source], scales: Scales) -> ControlVerdict:
    excluded = view.excluded.get(str(control.id))
    if excluded is not None:
        return _verdict(control, Verdict.NOT_APPLICABLE, f"The owner's signed reason: {excluded}")
    if control.query is None:
        return _verdict(control, Verdict.HUMAN, f"A person has to judge this: the query holds {control.problem}.")
    if control.unregistered:
        kinds = ", ".join(control.unregistered)
        return _verdict(control, Verdict.NOT_EVIDENCED, f"No room of this casemate produces evidence of kind {kinds}.")
    query = control.query
    weighed: list[tuple[Atom, Weighed]] = []
    missing: list[Atom] = []
    for atom in query.atoms:
        found = figures(atom, query, evidence)
        weighed += [(atom, w) for w in scales.weigh(atom, query.conditions, found)]
        if not found:
            missing.append(atom)
    if missing:
        return _incomplete(control, query, missing, weighed, evidence=evidence, scales=scales)
    for kind in query.kinds:
        if not any(covers(kind, k) for _, w in weighed for k in w.figure.kinds):
            return _verdict(control, Verdict.NOT_EVIDENCED, f"Nothing of kind {kind} was measured.", weighed)
    if query.conditions.pair and not any(w.figure.defense for _, w in weighed):
        return _verdict(control, Verdict.NOT_EVIDENCED, f"{_reason(Verdict.PASS, weighed)} {UNDEFENDED}", weighed)
    verdict = _by_defense(weighed) if query.conditions.pair and not query.conditions.every else worst(
        w.verdict for _, w in weighed
    )  # fmt: skip
    return _verdict(control, verdict, _reason(verdict, weighed), weighed)


def _incomplete(
    control: Control,
    query: Query,
    missing: Sequence[Atom],
    weighed: Sequence[tuple[Atom, Weighed]],
    *,
    evidence: Sequence[Source],
    scales: Scales,
) -> ControlVerdict:
    """A claim without all its evidence is not proved; but one false piece, or an open attack, still refutes it."""
    bare = _undefended(query, missing, evidence, scales)
    for found, note in ((bare, UNDEFENDED), (weighed, "")):
        if any(w.verdict is Verdict.FAIL for _, w in found):
            return _verdict(control, Verdict.FAIL, f"{_reason(Verdict.FAIL, found)} {note}".strip(), found)
    if bare:
        reason = f"{_reason(Verdict.PASS, bare)} {UNDEFENDED}"
        return _verdict(control, Verdict.NOT_EVIDENCED, reason, [*weighed, *bare])
    return _verdict(control, Verdict.NOT_EVIDENCED, _absent(missing[0], query, scales), weighed)


def _undefended(
    query: Query, atoms: Sequence[Atom], evidence: Sequence[Source], scales: Scales
) -> list[tuple[Atom, Weighed]]:
    """Where a query asks for a pair and there is none: what the attack does to the system as it is."""
    if not query.conditions.pair:
        return []
    bare = msgspec.structs.replace(query, conditions=msgspec.structs.replace(query.conditions, pair=False))
    return [
        (atom, w)
        for atom in atoms
        if not atom.field.startswith("delta")
        for w in scales.weigh(atom, bare.conditions, figures(atom, bare, evidence))
    ]


def _by_defense(weighed: Sequence[tuple[Atom, Weighed]]) -> Verdict:
    """The worst over attacks of the best over defenses, a defense being as good as its worst figure."""
    merit: dict[str, Verdict] = {}
    for _, w in weighed:
        merit[w.figure.defense] = worst((merit.get(w.figure.defense, Verdict.PASS), w.verdict))
    attacks: dict[tuple[Atom, object], list[Verdict]] = {}
    for atom, w in weighed:
        attacks.setdefault((atom, w.figure.series), []).append(merit[w.figure.defense])
    return worst(best(verdicts) for verdicts in attacks.values())


def _absent(atom: Atom, query: Query, scales: Scales) -> str:
    kinds = ", ".join(query.kinds)
    what = str(atom).partition(" ")[0]
    if query.conditions.live:
        return f"{kinds}: {what} has to come from the running gateway, and no such evidence is in the ledger."
    if query.conditions.pair:
        return f"{kinds}: no defense was attacked again, so there is no before and after of {what}."
    reason = scales.skipped(query.kinds)
    return f"{kinds}: nothing measured {what}{f'; {reason}' if reason else ''}."


def _reason(verdict: Verdict, weighed: Sequence[tuple[Atom, Weighed]]) -> str:
    deciding = [w for _, w in weighed if w.verdict is verdict] or [w for _, w in weighed]
    told = list(dict.fromkeys(w.reason for w in deciding))
    rest = len(told) - 2
    return " ".join(told[:2]) + (f" And {rest} more such figures." if rest > 0 else "")


def _verdict(
    control: Control, verdict: Verdict, reason: str, weighed: Sequence[tuple[Atom, Weighed]] = ()
) -> ControlVerdict:
    looked: set[Figure] = {w.figure for _, w in weighed}
    return ControlVerdict(
        control=control.id,
        title=control.title,
        verdict=verdict,
        reason=reason,
        query=control.text,
        evidence=tuple(sorted({figure.index for figure in looked})),
        strength=control.strength,
        stage=control.stage,
        applies_from=control.applies_from,
    )
