"""Every report format, each a pure function from a dossier to bytes."""

from casemate.assurance.report.html import html
from casemate.assurance.report.junit import junit
from casemate.assurance.report.markdown import markdown
from casemate.assurance.report.notebook import measurement_html, pair_html
from casemate.assurance.report.results import results, results_schema
from casemate.assurance.report.sarif import sarif

__all__ = [
    "html",
    "junit",
    "markdown",
    "measurement_html",
    "pair_html",
    "results",
    "results_schema",
    "sarif",
]
