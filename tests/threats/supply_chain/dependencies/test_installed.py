"""Installed environments: distributions and their records."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from casemate.threats.supply_chain.dependencies.model import Origin
from casemate.threats.supply_chain.dependencies.scan import scan_dependencies
from casemate.threats.supply_chain.rules import rule_for
from tests.threats.supply_chain.dependencies.trees import planted


def row(name: str, content: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).decode().rstrip("=")
    return f"{name},sha256={digest},{len(content)}\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    files = {"one/__init__.py": "x = 1\n", "one/core.py": "y = 2\n"}
    info = "one-1.0.dist-info"
    record = (
        "".join(row(*each) for each in files.items())
        + f"{info}/RECORD,,\n{info}/METADATA,,\n../../bin/one,sha256=x,1\n"
    )
    about = {f"{info}/METADATA": "Name: One\nVersion: 1.0\n\nVersion: 9\n", f"{info}/RECORD": record}
    return planted(tmp_path, {**files, **about})


def rules(site: Path) -> dict[str, str]:
    return {
        finding.location: finding.rule
        for finding in scan_dependencies(site).findings
        if "RECORD" in finding.message or "record" in finding.message
    }


def test_what_is_as_installed_is_silent(site: Path) -> None:
    report = scan_dependencies(site)
    assert [(each.name, each.version) for each in report.dependencies] == [("one", "1.0")]
    assert rules(site) == {}


def test_changed_missing_and_extra_files(site: Path) -> None:
    (site / "one" / "core.py").write_text("y = 3\n")  # the same size
    (site / "one" / "__init__.py").unlink()
    planted(site, {"one/new.py": "z = 1\n", "stray.py": "", "one/data.txt": "no code"})
    assert rules(site) == {
        "one/core.py": rule_for("dependency.record-changed").id,
        "one/__init__.py": rule_for("dependency.record-missing").id,
        "one/new.py": rule_for("dependency.record-extra").id,
        "stray.py": rule_for("dependency.record-extra").id,
    }


def test_without_a_record_nothing_is_checked_and_said_so(site: Path) -> None:
    (site / "one-1.0.dist-info" / "RECORD").unlink()
    assert rule_for("dependency.record-none").id in rules(site).values()


def test_where_a_distribution_comes_from(site: Path) -> None:
    path = site / "one-1.0.dist-info" / "direct_url.json"
    for text, origin in (
        ('{"vcs_info": {}}', Origin.VCS),
        ('{"dir_info": {}}', Origin.PATH),
        ('{"archive_info": {}}', Origin.URL),
        ("{", Origin.URL),
    ):
        path.write_text(text)
        assert scan_dependencies(site).dependencies[0].origin is origin
