"""One root seed, and every other seed derived from it by name, so that order and workers never matter."""

from __future__ import annotations

import hashlib


def derive(root: int, *names: str | int) -> int:
    """Derive a 63-bit seed from a root seed and a path of names.

    The same names always give the same seed, whichever process asks and in whatever order.

    Example:
        >>> derive(7, "inversion.membership", "shadow", 3) == derive(7, "inversion.membership", "shadow", 3)
        True
        >>> derive(7, "a", "b") == derive(7, "ab")
        False
    """
    text = "\x1f".join([str(root), *(str(name) for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
