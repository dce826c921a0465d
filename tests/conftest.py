"""What makes a run the same as the one before: the examples that hypothesis draws, and the weights of new networks.

HYPOTHESIS_PROFILE=search looks for new examples, ten times as many.
"""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)  # a busy machine is no failure
settings.register_profile("search", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    """Torch's generator as it is in a new process: which tests the same worker ran before must not matter."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)
