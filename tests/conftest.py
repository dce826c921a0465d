"""Hypothesis draws the same examples in every run; HYPOTHESIS_PROFILE=search looks for new ones, ten times as many."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("fixed", derandomize=True)
settings.register_profile("search", max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
