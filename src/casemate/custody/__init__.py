"""Artifacts at rest: the load guard scans what it loads, and loads what it scanned."""

from __future__ import annotations

from casemate.custody.guard.graphs import OnnxModel
from casemate.custody.guard.load import load
from casemate.custody.guard.models import inspect_model, open_model
from casemate.custody.guard.outcome import Loaded, RefusedArtifactError, load_record
from casemate.custody.guard.policy import Pinned, Policy, Subject, Verified, Verifier
from casemate.threats.supply_chain.pickles.scan import Scan

__all__ = [
    "Loaded",
    "OnnxModel",
    "Pinned",
    "Policy",
    "RefusedArtifactError",
    "Scan",
    "Subject",
    "Verified",
    "Verifier",
    "inspect_model",
    "load",
    "load_record",
    "open_model",
]
