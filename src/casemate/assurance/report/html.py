"""report.html: one static file with three doors. No script, no network, no score; it prints, and reads at 360 px."""

from __future__ import annotations

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from casemate.assurance.case import build_case
from casemate.assurance.dossier import Dossier
from casemate.assurance.report import auditor, engineer, reviewer, robustness
from casemate.assurance.report.page import NAMES, SLUGS, Page, badge, number, prose, quoted, unbroken
from casemate.assurance.wording import words
from casemate.core.policy import Verdict

SECURITY_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a browser may do with the page: apply its own style sheet, show pictures that are in it, and nothing else."""


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
    environment = Environment(
        loader=PackageLoader("casemate.assurance.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"badge": badge, "number": number, "quoted": quoted, "NAMES": NAMES, "SLUGS": SLUGS}
    environment.filters |= {"words": words, "unbroken": unbroken, "prose": prose}
    style, _, _ = environment.loader.get_source(environment, "style.css") if environment.loader else ("", "", None)
    environment.globals["style"] = Markup(_squeeze(style))  # noqa: S704
    return environment.get_template("report.html.j2")


def _squeeze(style: str) -> str:
    """A style sheet without comments and indentation."""
    return re.sub(r"\n\s*", "\n", re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)).strip()
