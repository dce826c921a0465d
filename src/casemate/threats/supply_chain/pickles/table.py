"""Pickle streams in all their wrappings."""

from __future__ import annotations

from typing import Final

from casemate.threats.supply_chain.format import Format
from casemate.threats.supply_chain.view import View

_MAGIC: Final = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
_WRAPPER: Final = b"joblib.numpy_pickle"
_NEAR: Final = 1 << 16
_PLAUSIBLE: Final = b"\x80()]}lcdiopqrINSTUVXFGJKLMBCP\x82\x83\x84\x85\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x95\x96\x97g"
"""Opcodes that a stream can begin with and go on."""


def _legacy(view: View) -> bool:
    return view.begins(b"\x80") and view.find(_MAGIC, 0, 32) >= 0


def _plausible(view: View) -> bool:
    return len(view) > 1 and view.data[view.start] in _PLAUSIBLE and not _legacy(view)


def _joblib(view: View) -> bool:
    return _plausible(view) and view.find(_WRAPPER, 0, _NEAR) >= 0


def _pickle(view: View) -> bool:
    return _plausible(view) and not _joblib(view)


PICKLES: tuple[Format, ...] = (
    Format("torch-legacy", "pickles.legacy", _legacy, "pickle", first=b"\x80"),
    Format("joblib", "pickles.parse", _joblib, "pickle", first=_PLAUSIBLE),
    Format("pickle", "pickles.parse", _pickle, "pickle", first=_PLAUSIBLE),
)
"""All of one family; each file is at most one of them."""
