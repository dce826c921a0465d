"""What the room of the supply chain measures in an audit. Static: importing this loads no scanner."""

from __future__ import annotations

from casemate.core.declarations import AssessmentSpec, DefenseSpec, MetricSpec
from casemate.core.findings import Rule, Severity
from casemate.core.threat import Access

MODEL_FILE = AssessmentSpec(
    id="supply_chain.model_file",
    title="The model's file, scanned: what loading it would run, and whether every byte of it is understood",
    kinds=("supply/model-scan",),
    metrics=(
        MetricSpec(
            name="unsafe_loads",
            unit="files",
            direction="lower",
            doc="files loaded whose scan is not clean; classes that the owner allows by name count as known",
        ),
        MetricSpec(
            name="bytes_understood",
            unit="proportion",
            direction="higher",
            doc="bytes of the file, and of all that is packed in it, whose meaning the scan knows",
        ),
        MetricSpec(
            name="scan_findings", unit="findings", direction="lower", doc="findings of medium severity and above"
        ),
    ),
    access=Access.LABELS,
    needs=("artifact",),
    factory="casemate.threats.supply_chain.assess:ModelFile",
    rule=Rule(
        id="CM-SUP-900",
        title="The model's file does more than hold a model, or is not understood",
        severity=Severity.CRITICAL,
        why="a model file is a program in many formats: whoever can change it runs code wherever it is loaded",
        how="every format that the bytes are of is read to the last byte, members included; nothing is imported or "
        "run; the scanned bytes have the digest of those that the load guard loaded",
        fix="see what was found with casemate scan; do not load the file, get it from its origin, or convert it "
        "to a format that holds no code (casemate scan --convert)",
        references=(
            "MITRE ATLAS AML.T0010.003 (ML supply chain compromise: model)",
            "MITRE ATLAS AML.T0011.000 (unsafe ML artifacts)",
            "Python documentation, pickle: 'The pickle module is not secure'",
        ),
    ),
    reference="casemate scan; docs/explanation/verdicts.md",
)

SEAL = AssessmentSpec(
    id="supply_chain.seal",
    title="The model's seal: was the file loaded under a signature, and is every change to either seen",
    kinds=("supply/signature",),
    metrics=(
        MetricSpec(
            name="unsigned_loads",
            unit="files",
            direction="lower",
            doc="files loaded that no signature required by the verification policy covers",
        ),
        MetricSpec(
            name="tamper_detected",
            unit="proportion",
            direction="higher",
            least_n=100,
            doc="bits flipped in the model's file or in its seal, one at a time, that make the load guard refuse it",
        ),
    ),
    access=Access.LABELS,
    needs=("artifact",),
    factory="casemate.custody.assess:Seal",  # resolved by the audit, which stands above both rooms
    rule=Rule(
        id="CM-SUP-901",
        title="The model's file can be exchanged unseen",
        severity=Severity.HIGH,
        why="whoever can write where models lie decides what the model answers, unless a signature binds its bytes",
        how="the seal is verified against the bytes that were loaded, under the policy of [load]; then single bits of "
        "file and seal are flipped in memory, at places drawn by the seed, and shown to the same verifier",
        fix="seal the model where it is made (casemate seal), and name a verification policy in [load] policy",
        references=("OpenSSF model signing 1.0", "NIST SP 800-53 SI-7, CM-14", "MITRE ATLAS AML.M0013, AML.M0014"),
    ),
    reference="docs/how-to/sign-and-verify.md; exact intervals: Clopper & Pearson 1934",
)

ASSESSMENTS: tuple[AssessmentSpec, ...] = (MODEL_FILE, SEAL)
DEFENSES: tuple[DefenseSpec, ...] = ()
