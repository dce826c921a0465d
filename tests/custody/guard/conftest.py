"""The load guard's tests run with whatever formats the scanner knows, and stand-ins for the others."""

from __future__ import annotations

import pytest

from tests.custody.guard import stand_in


@pytest.fixture(autouse=True)
def formats(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.register(monkeypatch)
