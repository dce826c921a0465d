"""JUnit XML: each file a test case, so that any CI service shows a scan as it shows tests."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from casemate.core.escape import xml_text
from casemate.threats.supply_chain.artifact import Artifact
from casemate.threats.supply_chain.verdict import Verdict

_OUTCOMES = {Verdict.MALICIOUS: "failure", Verdict.SUSPICIOUS: "failure", Verdict.UNREADABLE: "error"}


def write(artifacts: Sequence[Artifact], version: str) -> bytes:
    """The XML of a scan: malicious and suspicious files are failures, unreadable ones errors.

    Args:
        artifacts: what was scanned.
        version: of casemate.
    """
    outcomes = [_OUTCOMES.get(artifact.effective, "") for artifact in artifacts]
    root = ET.Element("testsuites", name=f"casemate {version}")
    suite = ET.SubElement(
        root,
        "testsuite",
        name="casemate scan",
        tests=str(len(artifacts)),
        failures=str(outcomes.count("failure")),
        errors=str(outcomes.count("error")),
        skipped="0",
    )
    for artifact, outcome in zip(artifacts, outcomes, strict=True):
        case = ET.SubElement(suite, "testcase", name=xml_text(artifact.path), classname=xml_text(artifact.format))
        lines = [
            f"{each.rule} {each.severity}: {each.message} [{each.location}]"
            + (f" (ignored: {each.ignored})" if each.ignored else "")
            for each in artifact.findings
        ]
        if outcome:
            message = lines[0] if lines else artifact.reason
            element = ET.SubElement(case, outcome, message=xml_text(message), type=str(artifact.effective))
            element.text = "\n".join(xml_text(line) for line in [*lines, artifact.reason] if line)
        elif lines:
            ET.SubElement(case, "system-out").text = "\n".join(xml_text(line) for line in lines)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"
