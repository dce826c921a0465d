"""The report in a real browser: nothing is fetched, nothing overflows at 360 px, nothing locks anybody out.

axe-core is looked for in CASEMATE_AXE or in ``.peers/axe`` (``npm install --prefix .peers/axe axe-core@4.14.1``).
With CASEMATE_SHOTS=DIR the pages are left there as PNG files, to be looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from casemate.assurance.report import html
from tests.assurance.builder import clinical, generated
from tests.audit.test_images import build
from tests.e2e.webdriver import browser, driver, missing

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(missing()), reason=missing())]
PEER = Path(__file__).parents[2] / ".peers" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
AXE = Path(os.environ.get("CASEMATE_AXE", PEER))
WIDTHS = (360, 768, 1280)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with driver() as address:
        yield address


@pytest.fixture(scope="module", params=["clinical", "images"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    path = folder / f"{request.param}.html"
    if request.param == "clinical":
        path.write_bytes(html(clinical()))
    else:
        scene = build(folder)
        scene.casemate("harden")
        (scene.audit / "report.html").rename(path)
    return path


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_fetches_nothing_and_is_accessible(base: str, report: Path, width: int, scheme: str) -> None:
    with browser(base, width, scheme) as page:
        page.open(report)
        page.value("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.value("innerWidth") == width
        assert page.value("document.documentElement.scrollWidth") <= width
        assert (
            page.value(
                "[...document.querySelectorAll('body *')].filter(e => !e.closest('svg, .hidden, .skip') "
                f"&& e.getBoundingClientRect().right > {width} + 0.5).map(e => e.outerHTML.slice(0, 120))"
            )
            == []
        )
        assert page.requests() == [report.as_uri()]
        assert page.value("matchMedia('(prefers-color-scheme: dark)').matches") is (scheme == "dark")
        if shots := os.environ.get("CASEMATE_SHOTS"):
            page.value("document.querySelectorAll('details').forEach(d => d.open = false)")
            (Path(shots) / f"{report.stem}-{width}-{scheme}.png").write_bytes(page.screenshot())


@pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not installed: npm install --prefix .peers/axe axe-core@4.14.1"
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_no_violation(base: str, report: Path, width: int, scheme: str) -> None:
    with browser(base, width, scheme) as page:
        page.open(report)
        page.value("document.querySelectorAll('details').forEach(d => d.open = true)")
        page.value(f"(() => {{ {AXE.read_text(encoding='utf-8')}; return typeof axe }})()")
        found = page.run(
            "const done = arguments[0]; axe.run(document).then(r => done("
            "{violations: r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 200))]), "
            "passes: r.passes.length}), e => done({violations: [['axe failed', String(e)]], passes: 0}))"
        )
        assert found["violations"] == []
        assert found["passes"] >= 20


def test_it_prints_on_a4_with_every_control(base: str, report: Path) -> None:
    with browser(base, 1280) as page:
        page.open(report)
        page.devtools("Emulation.setEmulatedMedia", {"media": "print"})
        hidden = page.value(
            "[...document.querySelectorAll('details .controls tr')].filter(e => e.getBoundingClientRect().height == 0)"
            ".length"
        )
        assert hidden == 0
        assert page.value("getComputedStyle(document.querySelector('.doors')).display") == "none"
        assert page.pdf().startswith(b"%PDF")


def test_without_scripts_three_thousand_controls_open(base: str, tmp_path: Path) -> None:
    path = tmp_path / "large.html"
    path.write_bytes(html(generated()))
    with browser(base, 360) as page:
        page.devtools("Emulation.setScriptExecutionDisabled", {"value": True})
        page.open(path)
        page.devtools("Emulation.setScriptExecutionDisabled", {"value": False})
        assert page.value("document.querySelectorAll('.controls tbody tr').length") == 3000
        assert page.value("document.documentElement.scrollWidth") <= 360
        assert page.requests() == [path.as_uri()]
