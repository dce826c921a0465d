"""Evasion of text classifiers: words written differently until the answer turns, and the canonical form against it."""

from casemate.threats.evasion.text.attack import TextAttack, TextExamples
from casemate.threats.evasion.text.canonical import canonicalize, canonicalized
from casemate.threats.evasion.text.changes import Typos
from casemate.threats.evasion.text.classifier import sklearn_text, text_classifier
from casemate.threats.evasion.text.disguises import Hidden, Homoglyphs
from casemate.threats.evasion.text.limits import Limits
from casemate.threats.evasion.text.synonyms import Synonyms

__all__ = [
    "Hidden",
    "Homoglyphs",
    "Limits",
    "Synonyms",
    "TextAttack",
    "TextExamples",
    "Typos",
    "canonicalize",
    "canonicalized",
    "sklearn_text",
    "text_classifier",
]
