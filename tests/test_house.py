"""The house: sizes of files, no cycles, names of documentation that exist."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "src").rglob("*.py"))


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_files_are_short() -> None:
    sizes = {path: lines(path) for path in FILES if path.name != "__init__.py"}
    assert max(sizes.values()) <= 500, max(sizes, key=lambda path: sizes[path])
    assert statistics.median(sizes.values()) <= 150


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = grimp.build_graph("casemate", cache_dir=None)
    found = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(found).prepare()  # raises CycleError, which names the circle


def test_the_independent_verifier_is_short_and_independent() -> None:
    text = (ROOT / "tools" / "verify_ledger.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 300
    imported = set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE))
    assert imported <= set(sys.stdlib_module_names) | {"cryptography"}


def test_links_in_the_documentation_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.relative_to(ROOT)} -> {link}"


def test_generated_pages_are_current() -> None:
    command = [sys.executable, str(ROOT / "tools" / "make_docs.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "src")}, check=False)
    assert done.returncode == 0, done.stderr


def test_the_pre_commit_hook_looks_at_text_too() -> None:
    # A pickle of protocol 0 is text; a hook for binary files let one through.
    text = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    assert re.search(r"^  types: \[file\]$", text, re.MULTILINE)
    (skipped,) = re.findall(r"^  exclude: (.+)$", text, re.MULTILINE)
    assert re.search(skipped, "package/__init__.py")
    assert not re.search(skipped, "models/model.pkl")
