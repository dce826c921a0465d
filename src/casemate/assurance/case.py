"""The assurance case: claims, the argument for each, the evidence it rests on, and what would defeat it.

Claim, argument and evidence follow Adelard's CAE notation; defeaters follow Goodenough, Weinstock and Klein 2013
(eliminative argumentation): a claim is worth as much as the doubts that were named and answered.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from casemate.assurance.controls import WORST_FIRST, worst
from casemate.assurance.dossier import Dossier
from casemate.assurance.judging import Judgment
from casemate.assurance.wording import sentence
from casemate.core.declarations import AssessmentSpec
from casemate.core.policy import Verdict


class Defeater(msgspec.Struct, frozen=True):
    """A doubt, and whether the evidence answers it."""

    text: str
    answered: bool


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim, how it is argued, and what it rests on.

    Attributes:
        text: the claim, as a sentence.
        argument: why the parts below show it.
        verdict: whether they do.
        parts: the claims below.
        evidence: indices of ledger records.
        defeaters: the doubts.
    """

    text: str
    argument: str
    verdict: Verdict
    parts: tuple[Claim, ...] = ()
    evidence: tuple[int, ...] = ()
    defeaters: tuple[Defeater, ...] = ()


def build_case(dossier: Dossier) -> Claim:
    """The case for a system: over every declared assessment, as it is and with each defense, and over the record."""
    view = dossier.view
    declared = (spec for spec in dossier.catalog.assessments if not spec.id.startswith("record."))
    parts = [_record(dossier), *(_threat(dossier, spec) for spec in declared)]
    open_ = [p for p in parts if p.verdict is not Verdict.NOT_APPLICABLE]
    return Claim(
        text=f"{view.system or 'The system'} is secure and private enough for its use, by its owner's policy.",
        argument="Over every declared assessment, each decided on the bound of what was measured, and over the record "
        "that carries them.",
        verdict=worst(p.verdict for p in open_) if open_ else Verdict.NOT_EVIDENCED,
        parts=tuple(parts),
        defeaters=(
            Defeater("A threat that nobody declared is not in this case.", False),
            Defeater("An adversary may know more than the threat models grant.", False),
        ),
    )


def _record(dossier: Dossier) -> Claim:
    view, plan = dossier.view, dossier.view.plan_record
    first = plan is not None and all(r.index >= plan.index for r in view.records if "trial" in r.predicate_type)
    kept = view.verified and first
    return Claim(
        text="The evidence is what was measured, after the tolerances were fixed.",
        argument="Signatures and the Merkle root verify, and the plan with its policy comes before the first trial.",
        verdict=Verdict.PASS if kept else Verdict.FAIL if view.verified else Verdict.NOT_EVIDENCED,
        evidence=() if plan is None else (plan.index,),
        defeaters=(
            Defeater("Somebody rewrote the whole folder, key included.", bool(view.checkpoint)),
            Defeater("Runs that were not kept are not in the ledger.", False),
        ),
    )


def _threat(dossier: Dossier, spec: AssessmentSpec) -> Claim:
    view = dossier.view
    text = f"{spec.title}: every tolerance is met."
    pairs = {x.record.index: x.pair for x in view.paired}
    own = [j for j in dossier.judgments if j.assessment == spec.id and j.record is not None]
    bare = [j for j in own if j.record not in pairs]
    parts = list(_defended(dossier, [j for j in own if j.record in pairs]))
    measured = tuple(x.record.index for x in view.measured if x.measurement.assessment == spec.id)
    if not measured and not own and (reason := view.not_run(spec.id)):
        return Claim(text=text, argument=reason, verdict=Verdict.NOT_APPLICABLE)
    if not bare and not parts:
        why = "Measured, but the policy limits none of it." if measured else "Nothing was measured."
        return Claim(text=text, argument=why, verdict=Verdict.NOT_EVIDENCED, evidence=measured)
    verdict = worst(j.verdict for j in bare) if bare else Verdict.NOT_EVIDENCED
    return Claim(
        text=text,
        argument=spec.rule.how,
        verdict=verdict,
        parts=tuple(parts),
        evidence=tuple(sorted({j.record for j in bare if j.record is not None})),
        defeaters=tuple(_doubts(spec, bare)),
    )


def _defended(dossier: Dossier, judgments: list[Judgment]) -> Iterator[Claim]:
    pairs = {x.record.index: x.pair for x in dossier.view.paired}
    for j in judgments:
        if j.record is None:
            continue
        pair = pairs[j.record]
        spec = dossier.defenses.get(pair.defense)
        yield Claim(
            text=f"With {spec.title.lower() if spec else pair.defense}, the attack is held.",
            argument=pair.conclusion or j.reason,
            verdict=j.verdict,
            evidence=(j.record,),
            defeaters=(
                Defeater("The attack that judged it did not know the defense.", pair.adaptive),
                *((Defeater(sentence(f"It is known to be no defense: {spec.known_false}"), False),)
                  if spec and spec.known_false else ()),
            ),
        )  # fmt: skip


def _doubts(spec: AssessmentSpec, judgments: list[Judgment]) -> Iterator[Defeater]:
    yield Defeater(f"A stronger attack than {spec.id} exists.", False)
    undecided = [j for j in judgments if WORST_FIRST.index(j.verdict) >= WORST_FIRST.index(Verdict.STALE)]
    if any(j.verdict is Verdict.INCONCLUSIVE for j in undecided):
        yield Defeater("There were too few trials to decide.", False)
    if any(j.verdict is Verdict.STALE for j in undecided):
        yield Defeater("The model changed after it was measured.", False)
