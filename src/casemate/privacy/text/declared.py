"""What an assessment of redaction measures. Static: importing this loads no numbers library."""

from __future__ import annotations

from typing import Final

from casemate.core.declarations import AssessmentSpec, MetricSpec
from casemate.core.findings import Rule, Severity
from casemate.core.threat import Access

SCANNED: Final = "data/pii-scan"
LINKED: Final = "attack/linkage"

LEAKS: Final = AssessmentSpec(
    id="text.leaks",
    title="What can still be read, and who can still be found, in texts that were redacted?",
    kinds=(SCANNED, LINKED),
    metrics=(
        MetricSpec(
            name="recall", unit="proportion", direction="higher", least_n=50,
            doc="things (entities) of type `type` in texts of `language` all of whose mentions in a document are "
            "hidden whole",
        ),
        MetricSpec(
            name="character_recall", unit="proportion", direction="higher", least_n=50,
            doc="letters and digits of what must not be seen that are hidden",
        ),
        MetricSpec(
            name="retention", unit="proportion", direction="higher", least_n=50,
            doc="words that nobody marked, and that stayed",
        ),
        MetricSpec(
            name="clean", unit="proportion", direction="higher", least_n=50,
            doc="documents in which everything that was marked is hidden whole",
        ),
        MetricSpec(
            name="found", unit="things", direction="lower",
            doc="things that can be read in the result, as they stand or decoded",
        ),
        MetricSpec(
            name="reidentification", unit="proportion", direction="lower", least_n=50,
            doc="how often the attacker named in `attacker` is right about the redacted texts",
        ),
    ),
    access=Access.LABELS,
    factory="casemate.privacy.text.audited:Leaked",
    rule=Rule(
        id="CM-TXT-001",
        title="Redacted texts still say whom they are about",
        severity=Severity.HIGH,
        why=(
            "What one detector misses stays in the open for good: a name in another spelling, a number in base64, the "
            "one mention out of five. And what was replaced may be turned back: a plain hash by trying all names, a "
            "pseudonym that is always the same by how often it occurs."
        ),
        how=(
            "A sample in which a person has marked what must not be seen is redacted. Letters, mentions and things "
            "that can still be seen are counted by type and language; a thing is hidden only if all its mentions are. "
            "Then the result is attacked: searched in every way in which it can be read, its pseudonyms tried against "
            "a list of all values and matched by frequency, and what is left compared with what is known of everybody. "
            "Each attack is tried on the texts as they are too, where it has to succeed."
        ),
        fix=(
            "Look at what was missed (casemate redact SAMPLE --assess --why), and teach it: a recognizer of your own, "
            "a deny list, a lower --threshold, --mode accurate. Against dictionaries use keyed pseudonyms, against "
            "frequencies numbers that begin anew in each document (--operator number) or labels."
        ),
        references=(
            "Pilán et al. 2022, The Text Anonymization Benchmark (TAB), Computational Linguistics 48(4)",
            "Naveed, Kamara & Wright 2015, Inference attacks on property-preserving encrypted databases, CCS",
            "45 CFR 164.514(b)",
        ),
    ),
    reference="Pilán et al. 2022, section 4",
)  # fmt: skip
