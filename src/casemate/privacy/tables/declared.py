"""What re-identification measures in an audit. Static: importing this loads no numbers library."""

from __future__ import annotations

from typing import Final

from casemate.core.declarations import AssessmentSpec, MetricSpec
from casemate.core.findings import Rule, Severity
from casemate.core.threat import Access

ANONYMITY: Final = "data/anonymity"
LINKED: Final = "attack/linkage"

LINKAGE: Final = AssessmentSpec(
    id="tables.linkage",
    title="Can somebody who knows a little about a person find that person's row in the data?",
    kinds=(ANONYMITY, LINKED),
    metrics=(
        MetricSpec(
            name="reidentification",
            unit="proportion",
            direction="lower",
            least_n=100,
            doc="chance that an attacker who knows the quasi-identifiers and no more points at the right row; as "
            "`data/anonymity`, that of the attacker who does best",
        ),
        MetricSpec(
            name="reidentification_beyond",
            unit="proportion",
            direction="lower",
            least_n=100,
            doc="the same for who knows the sensitive columns too, and all that stay as they are",
        ),
        MetricSpec(
            name="singled_out",
            unit="proportion",
            direction="lower",
            least_n=100,
            doc="descriptions made from the rows that fit exactly one person, less those that do among strangers",
        ),
        MetricSpec(name="k", unit="rows", direction="higher", doc="rows that agree on all quasi-identifiers, at least"),
        MetricSpec(
            name="unique", unit="proportion", direction="lower", doc="rows that nobody shares the quasi-identifiers of"
        ),
        MetricSpec(
            name="l",
            unit="values",
            direction="higher",
            doc="different values of the sensitive column `of` among rows that agree, at least",
        ),
        MetricSpec(
            name="l_entropy",
            unit="values",
            direction="higher",
            doc="exp of the least entropy of the sensitive column `of` among rows that agree",
        ),
        MetricSpec(
            name="t",
            unit="distance",
            direction="lower",
            doc="largest distance of the values of `of` among rows that agree from those of the whole table",
        ),
        MetricSpec(
            name="disclosed",
            unit="proportion",
            direction="lower",
            doc="rows that agree with others of the same value of `of` only: who finds them knows it",
        ),
    ),
    access=Access.LABELS,
    needs=("schema",),
    factory="casemate.privacy.tables.assess:Reidentification",
    rule=Rule(
        id="CM-TAB-001",
        title="People can be found in the data by what others know of them",
        severity=Severity.HIGH,
        why=(
            "A table without names still says who is in it: a birthday, a postal code and a sex point at one person "
            "in most tables, and everything else in that row is then known of that person. Whoever gets the training "
            "data, or what was handed out of them, can look for a neighbor, a colleague or a patient."
        ),
        how=(
            "Columns that others may know (quasi-identifiers) are declared in [anonymize.columns], or guessed, and "
            "named in each figure. How many rows agree on them, and what they say of sensitive columns, is counted. "
            "Then people are linked to rows: by an attacker who knows all quasi-identifiers, by one whose knowledge is "
            "partly wrong, by one who goes from a row to its person, and by those who know more. Rows that agree "
            "succeed and fail together, so intervals are over classes, not rows. Descriptions that fit one person are "
            "tried on people who were not in the data too. Where [anonymize] names the file that was handed out, that "
            "file is attacked, and the table as it is stands beside it."
        ),
        fix=(
            "Generalize before the data leave: casemate anonymize TABLE --k 5 --l 2 writes a table that is attacked "
            "the same way; name it in [anonymize] released. Drop columns that the purpose does not need. Synthetic "
            "data with differential privacy hold up against those who know more: casemate anonymize TABLE --synthetic. "
            "A guess of a column's role is mended in [anonymize.columns]."
        ),
        references=(
            "Sweeney 2000, Simple demographics often identify people uniquely, CMU Data Privacy Working Paper 3",
            "El Emam & Dankar 2008, Protecting privacy using k-anonymity, JAMIA 15(5), 627-637",
            "Cohen & Nissim 2020, Towards formalizing the GDPR's notion of singling out, PNAS 117(15)",
            "Article 29 Working Party, opinion 05/2014 on anonymisation techniques, section 2.2",
        ),
    ),
    reference="El Emam & Dankar 2008 (prosecutor and journalist); Cohen & Nissim 2020 (singling out)",
)
