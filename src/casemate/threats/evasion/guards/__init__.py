"""Guards of inputs, preprocessors and detectors, and the adversaries who know of them."""

from casemate.threats.evasion.guards.detector import Calibration, Detected, Detector
from casemate.threats.evasion.guards.features import FeatureSqueezing, Mahalanobis, penultimate
from casemate.threats.evasion.guards.jpeg import JPEG
from casemate.threats.evasion.guards.judge import judge
from casemate.threats.evasion.guards.preprocess import Canonical, Preprocessed, Preprocessor
from casemate.threats.evasion.guards.result import Judged
from casemate.threats.evasion.guards.squeezing import BitDepth, Gaussian, Median, RandomResized, TotalVariation
from casemate.threats.evasion.guards.stateful import QueryMemory
from casemate.threats.evasion.guards.streams import Blinding, StreamJudged, judge_memory

__all__ = [
    "JPEG",
    "BitDepth",
    "Blinding",
    "Calibration",
    "Canonical",
    "Detected",
    "Detector",
    "FeatureSqueezing",
    "Gaussian",
    "Judged",
    "Mahalanobis",
    "Median",
    "Preprocessed",
    "Preprocessor",
    "QueryMemory",
    "RandomResized",
    "StreamJudged",
    "TotalVariation",
    "judge",
    "judge_memory",
    "penultimate",
]
