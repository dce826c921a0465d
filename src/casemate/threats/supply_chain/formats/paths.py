"""Paths that a model file holds: whether they stay in the model's own folder, on every system that may read them."""

from __future__ import annotations

import re
from urllib.parse import unquote

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def escape(path: str) -> str | None:
    """Why a relative path may leave its folder, or None if it cannot.

    Links are not followed here: whoever opens the file must refuse them.

    Example:
        >>> escape("weights/model.bin") is None
        True
        >>> escape("weights/../../etc/passwd")
        'climbs out of its folder'
    """
    seen = path
    for _ in range(3):
        for reason, wrong in (
            ("is empty", not seen.strip()),
            ("holds control characters", any(not c.isprintable() for c in seen)),
            ("is absolute", seen.startswith(("/", "~"))),
            ("is a URL or names a drive", _SCHEME.match(seen) is not None),
            ("holds a backslash", "\\" in seen),
            ("climbs out of its folder", ".." in seen.split("/")),
        ):
            if wrong:
                return reason
        decoded = unquote(seen)
        if decoded == seen:
            return None
        seen = decoded
    return "is encoded many times"
