"""report.html: one static file with three doors. No script, no network, no score; it prints, and reads at 360 px."""

from __future__ import annotations

from functools import cache

from jinja2 import Template

from casemate.assurance.case import build_case
from casemate.assurance.dossier import Dossier
from casemate.assurance.report import auditor, claims, engineer, reviewer, robustness
from casemate.assurance.report.page import NAMES, SLUGS, Page, badge, number, prose, quoted, unbroken
from casemate.assurance.report.templating import SECURITY_POLICY, template
from casemate.assurance.wording import words
from casemate.core.policy import Verdict


def html(dossier: Dossier) -> bytes:
    """The report of a dossier as one HTML file; every figure carries its place in results.json."""
    page = Page(dossier)
    every = engineer.cards(page)
    bracketed, bracket_axis = robustness.brackets(page)
    text = _template().render(
        page=page,
        view=dossier.view,
        subjects=dossier.subjects,
        results=page.results,
        security_policy=SECURITY_POLICY,
        cards=[card for card in every if card.verdict is not Verdict.PASS],
        holding=[card for card in every if card.verdict is Verdict.PASS],
        stages=reviewer.STAGES,
        threats=reviewer.threat_map(page),
        adversaries=reviewer.adversaries(page),
        curves=reviewer.curves(page),
        tradeoffs=reviewer.tradeoffs(page),
        bracketed=bracketed,
        bracket_axis=bracket_axis,
        claimed=claims.claims(page),
        galleries=robustness.galleries(page),
        calibrations=reviewer.calibrations(page),
        deviations=auditor.deviations(page),
        limits=auditor.limits(page),
        frameworks=auditor.frameworks(page),
        evidence=auditor.evidence(page),
        glossary=auditor.GLOSSARY,
        case=build_case(dossier),
        verdicts=list(Verdict),
    )
    return text.encode()


@cache
def _template() -> Template:
    return template(
        "report.html.j2",
        {"badge": badge, "number": number, "quoted": quoted, "NAMES": NAMES, "SLUGS": SLUGS},
        {"words": words, "unbroken": unbroken, "prose": prose},
    )
