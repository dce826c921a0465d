"""Every public function of casemate.stats has an example (pytest runs them) and cites its source."""

from __future__ import annotations

import pkgutil

import pytest

import casemate.stats

MODULES = [f"casemate.stats.{module.name}" for module in pkgutil.iter_modules(casemate.stats.__path__)]


@pytest.mark.parametrize("name", [name for name in casemate.stats.__all__ if name.islower()])
def test_public_functions_have_an_example(name: str) -> None:
    text = getattr(casemate.stats, name).__doc__ or ""
    assert ">>>" in text
    assert "Reference:" in text or name == "by_cluster"
