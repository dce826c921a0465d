"""What is said of a guarantee that is weaker than it looks."""

from __future__ import annotations


class PrivacyWarning(UserWarning):
    """A guarantee that holds under a condition, or is worth little, or none."""
