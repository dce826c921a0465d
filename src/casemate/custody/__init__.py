"""Artifacts at rest: the load guard scans what it loads, and loads what it scanned."""

from __future__ import annotations

from casemate.custody.guard import Loaded, RefusedArtifactError, inspect_model, load_record, open_model
from casemate.threats.supply_chain.pickles.scan import Scan

__all__ = ["Loaded", "RefusedArtifactError", "Scan", "inspect_model", "load_record", "open_model"]
