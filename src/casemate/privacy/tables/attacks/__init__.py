"""Re-identification attacks on released tables: each knows the hierarchies, the privacy models and the algorithm.

linkage        whose row is this?                       dictionary    plain hashes turned back
singling_out   a description that fits one person       compare       all of them, before and after
attribute      what is this person's sensitive value?   published     what an attacker sees, and the truth
minimality     the same, from what was not released    composition   the same, from two releases
"""

from casemate.privacy.tables.attacks.attribute import AttributeDisclosure
from casemate.privacy.tables.attacks.compare import Comparison, Report, link, rehearse
from casemate.privacy.tables.attacks.composition import Composition
from casemate.privacy.tables.attacks.dictionary import Reversed, reverse
from casemate.privacy.tables.attacks.linkage import Linkage
from casemate.privacy.tables.attacks.minimality import Minimality
from casemate.privacy.tables.attacks.outcome import Outcome
from casemate.privacy.tables.attacks.published import Published
from casemate.privacy.tables.attacks.singling_out import SinglingOut

__all__ = [
    "AttributeDisclosure",
    "Comparison",
    "Composition",
    "Linkage",
    "Minimality",
    "Outcome",
    "Published",
    "Report",
    "Reversed",
    "SinglingOut",
    "link",
    "rehearse",
    "reverse",
]
