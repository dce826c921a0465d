"""JUnit XML: each judged figure a test case, so that any CI service shows the verdicts as it shows tests."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from casemate.assurance import wording
from casemate.assurance.dossier import Dossier
from casemate.assurance.judging import Judgment
from casemate.core.escape import xml_text
from casemate.core.policy import Verdict


def junit(dossier: Dossier) -> bytes:
    """The JUnit XML of a dossier.

    FAIL is a failure, INCONCLUSIVE and STALE are errors; what could not run or was not measured is skipped.
    """
    names = {x.record.index: wording.name(x.measurement) for x in dossier.view.measured}
    names |= {x.record.index: f"{wording.name(x.pair.after)} with {x.pair.defense}" for x in dossier.view.paired}
    root = ET.Element("testsuites", name="casemate")
    suites: dict[str, list[Judgment]] = {}
    for judgment in dossier.judgments:
        suites.setdefault(judgment.assessment or "policy", []).append(judgment)
    for suite, judgments in suites.items():
        counts = [_outcome(j.verdict) for j in judgments]
        element = ET.SubElement(
            root,
            "testsuite",
            name=xml_text(suite),
            tests=str(len(judgments)),
            failures=str(counts.count("failure")),
            errors=str(counts.count("error")),
            skipped=str(counts.count("skipped")),
        )
        for j in judgments:
            name = names.get(j.record, j.reason) if j.record is not None else j.reason
            limit = f" [{j.tolerance.name}]" if j.tolerance else ""
            case = ET.SubElement(
                element, "testcase", name=xml_text(f"{name}{limit}"), classname=xml_text(f"{suite}.{j.subject}")
            )
            outcome = _outcome(j.verdict)
            if outcome:
                ET.SubElement(case, outcome, message=xml_text(j.reason), type=j.verdict.value)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _outcome(verdict: Verdict) -> str:
    if verdict is Verdict.FAIL:
        return "failure"
    if verdict in (Verdict.INCONCLUSIVE, Verdict.STALE):
        return "error"
    return "" if verdict is Verdict.PASS else "skipped"
