"""Presidio's two engines over casemate's analyzer: change the import, keep the code.

``from presidio_analyzer import X`` and ``from presidio_anonymizer[.entities] import X`` become
``from casemate.privacy.text.presidio import X``. Names, arguments and results are those of Presidio 2.2 (MIT); spans,
scores and speed are casemate's. What is not here: NLP engines, registries from YAML, image and structured packages.
"""

from __future__ import annotations

from casemate.privacy.text.presidio.analyzing import (
    AnalyzerEngine,
    Pattern,
    PatternRecognizer,
    RecognizerRegistry,
    RecognizerResult,
)
from casemate.privacy.text.presidio.anonymizing import (
    AnonymizerEngine,
    DeanonymizeEngine,
    EngineResult,
    OperatorConfig,
    OperatorResult,
)

__all__ = [
    "AnalyzerEngine",
    "AnonymizerEngine",
    "DeanonymizeEngine",
    "EngineResult",
    "OperatorConfig",
    "OperatorResult",
    "Pattern",
    "PatternRecognizer",
    "RecognizerRegistry",
    "RecognizerResult",
]
