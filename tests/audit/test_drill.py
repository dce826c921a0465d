"""``casemate drill lane``: everything runs on a tiny setting; the figures themselves are a slow test."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from casemate.audit.drill import drill, lane
from casemate.audit.verify import verify
from casemate.cli.app import run
from casemate.core.errors import TamperedError, UsageError
from casemate.keys.text import read_vkey
from casemate.stats.proportions import clopper_pearson
from casemate.threats.evasion.lane.drill import CONDITIONS, LaneDrill
from casemate.threats.evasion.lane.drive import OFF

OUTCOMES = {"benign", "random", "shuffled", "attacked", "transferred"}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    """Folder, key home and exit code of a quick drill from the command line."""
    where = tmp_path_factory.mktemp("drill")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASEMATE_HOME", str(where / "home"))
        code = run(["drill", "lane", "--effort", "quick", "--out", str(where / "out"), "--seed", "3"])
    return where / "out", where / "home", code


def read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def test_a_network_that_learned_nothing_fails_the_drill(played: tuple[Path, Path, int]) -> None:
    folder, _, code = played
    assert code == 1
    assert not all(goal["reached"] for goal in read(folder)["goals"])


def test_every_figure_follows_from_its_drives(played: tuple[Path, Path, int]) -> None:
    found = read(played[0])
    assert [each["name"] for each in found["conditions"]] == list(CONDITIONS)
    assert {each["off"]["at"]["stickers"] for each in found["conditions"]} == OUTCOMES
    for each in found["conditions"]:
        deviations = np.array(each["deviations"])
        off = int((deviations > OFF).sum())
        exact = clopper_pearson(off, len(deviations))
        assert (each["off"]["k"], each["off"]["n"]) == (off, len(deviations))
        assert (each["off"]["low"], each["off"]["high"]) == (exact.low, exact.high)
        assert each["deviation"]["estimate"] == pytest.approx(deviations.mean(), abs=1e-4)
        assert each["deviation"]["low"] <= each["deviation"]["estimate"] <= each["deviation"]["high"]
        asked = each["name"].endswith("attacked")
        assert (each["off"]["queries"] > 0) == asked
    pair = found["pairs"][0]
    rate = {each["name"]: each["off"]["estimate"] for each in found["conditions"]}
    assert pair["after"]["estimate"] == max(rate["hardened-transferred"], rate["hardened-attacked"])


def test_the_page_says_simulation_and_needs_nothing_from_outside(played: tuple[Path, Path, int]) -> None:
    page = (played[0] / "index.html").read_text()
    assert "simulation" in page[: page.index("</header>")]
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert page.count('class="frame"') == 9
    assert page.count('class="above"') == len(CONDITIONS)
    for each in read(played[0])["conditions"]:
        assert each["title"] in page
        assert f"{each['off']['k']} of {each['off']['n']}" in page


def test_plan_figures_and_files_are_signed_in_this_order(played: tuple[Path, Path, int]) -> None:
    folder, home, _ = played
    key = read_vkey((home / "signing.key.vkey").read_text().strip())
    log = verify(folder, keys=[key]).log
    kinds = [record.kind for record in log.records]
    assert kinds[0] == "plan"
    assert kinds[-1] == "binding"
    assert kinds.count("measurement") == 2 * len(CONDITIONS)
    assert kinds.count("pair") == 1
    assert set(log.records[-1].predicate["files"]) == {"index.html", "results.json"}


def test_a_changed_figure_is_noticed(played: tuple[Path, Path, int], tmp_path: Path) -> None:
    folder, _, _ = played
    file = folder / "results.json"
    before = file.read_bytes()
    try:
        file.write_bytes(before.replace(b'"seed": 3', b'"seed": 4', 1))
        with pytest.raises(TamperedError):
            verify(folder)
    finally:
        file.write_bytes(before)


def test_one_drive_is_refused() -> None:
    with pytest.raises(UsageError):
        LaneDrill(drives=1)


def test_another_drill_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drill", "submarine"]) == 3


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])
def test_the_drill_reaches_its_goals(seed: int, tmp_path: Path) -> None:
    """Acceptance row 11, on 100 drives each."""
    done = drill(lane(seed=seed), tmp_path / "out", home=tmp_path / "home")
    rate = {each.name: each.off.estimate for each in done.report.conditions}
    assert all(each.off.n == 100 for each in done.report.conditions)
    assert rate["benign"] <= 0.02
    assert rate["random"] <= rate["benign"] + 0.05
    assert rate["attacked"] >= 0.5
    assert max(rate["hardened-attacked"], rate["hardened-transferred"]) <= rate["attacked"] / 2
    assert rate["hardened-benign"] <= 0.02
    assert done.exit_code == 0
