"""A model as something that can be asked: access enforced, queries counted."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from casemate.targets.differentiable import TorchClassifier
    from casemate.targets.onnx import OnnxClassifier

_HOMES: Final = {"TorchClassifier": "differentiable", "OnnxClassifier": "onnx"}

__all__ = ["OnnxClassifier", "TorchClassifier"]


def __getattr__(name: str) -> Any:
    """Those that need an optional package are loaded when they are first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
