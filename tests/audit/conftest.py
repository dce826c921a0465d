"""One small audit, run once and shared by the tests that only look at it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from casemate.audit.audit import audit
from casemate.audit.config import read_config
from tests.audit.scene import Scene, build


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return build(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """An audited scene; do not change it, ``copied`` gives a copy."""
    scene = build(tmp_path_factory.mktemp("finished"), boosted=True)
    audit(read_config(scene.config), home=scene.home)
    return scene


@pytest.fixture
def copied(finished: Scene, tmp_path: Path) -> Scene:
    shutil.copytree(finished.folder, tmp_path / "scene")
    shutil.copytree(finished.home, tmp_path / "home")
    return Scene(tmp_path / "scene", tmp_path / "home")
