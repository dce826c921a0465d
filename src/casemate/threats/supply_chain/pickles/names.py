"""Which name a loader would really import: Python's own table of moved modules applies below protocol 3."""

from __future__ import annotations

import _compat_pickle


def resolve(module: str, name: str, protocol: int) -> tuple[str, str]:
    """The module and name that ``pickle`` imports for what the stream says.

    Example:
        >>> resolve("__builtin__", "eval", 2)
        ('builtins', 'eval')
        >>> resolve("__builtin__", "eval", 4)
        ('__builtin__', 'eval')
    """
    if protocol < 3:
        if (module, name) in _compat_pickle.NAME_MAPPING:
            return _compat_pickle.NAME_MAPPING[module, name]
        return _compat_pickle.IMPORT_MAPPING.get(module, module), name
    return module, name
