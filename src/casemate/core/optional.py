"""Optional parts: loaded at first use, and missing ones named with the command that installs them."""

from __future__ import annotations

import importlib
from types import ModuleType

from casemate.core.errors import MissingPartError


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional module, or say which extra of casemate brings it.

    Raises:
        MissingPartError: the module, or something it needs, is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingPartError(
            f"this needs the package {module.partition('.')[0]!r}",
            cause=f"importing it failed ({error})",
            next_step=f"pip install 'casemate[{extra}]'",
        ) from error
