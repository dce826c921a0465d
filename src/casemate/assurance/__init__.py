"""Floor 6: what the evidence in a ledger proves. Pure: a ledger view in, verdicts and reports out.

catalog = load_catalog(assessments, defenses)
dossier = assemble(view, policy, catalog)
report.html(dossier), report.results(dossier), report.sarif(dossier)
"""

from casemate.assurance.catalog import Catalog, Control, load_catalog
from casemate.assurance.controls import ControlVerdict, judge_controls
from casemate.assurance.dossier import Dossier, assemble
from casemate.assurance.judging import ControlId, Judgment, judge
from casemate.assurance.verdicts import Decision, decide, decide_pair
from casemate.assurance.view import LedgerView, Record, Subject

__all__ = [
    "Catalog",
    "Control",
    "ControlId",
    "ControlVerdict",
    "Decision",
    "Dossier",
    "Judgment",
    "LedgerView",
    "Record",
    "Subject",
    "assemble",
    "decide",
    "decide_pair",
    "judge",
    "judge_controls",
    "load_catalog",
]
