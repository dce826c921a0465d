"""Row 13: others' validators accept our bills, and a grader prints its figure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from casemate.custody.bom.cyclonedx import Version, cyclonedx
from casemate.custody.bom.facts import Facts
from casemate.custody.bom.spdx import spdx
from tests.custody.bom.scene import declared, undeclared

pytestmark = pytest.mark.slow
ROOM = Path(__file__).parents[3]

CYCLONEDX = (
    "import sys\n"
    "from cyclonedx.schema import SchemaVersion\n"
    "from cyclonedx.validation.json import JsonStrictValidator\n"
    "error = JsonStrictValidator(SchemaVersion.from_version(sys.argv[1])).validate_str(open(sys.argv[2]).read())\n"
    "sys.exit(str(error) if error else 0)"
)
SPDX = (
    "import io, sys\n"
    "from spdx_python_model import v3_0_1 as model\n"
    "found = model.SHACLObjectSet()\n"
    "model.JSONLDDeserializer().read(open(sys.argv[1], 'rb'), found)\n"
    "missing = found.link()\n"
    "again = io.BytesIO()\n"
    "model.JSONLDSerializer().write(found, again)  # checks that every required property is there\n"
    "unknown = {type(each).__name__ for each in found.foreach()} & {'SHACLObject', 'SHACLExtensibleObject'}\n"
    "assert not unknown, unknown\n"
    "print(len(list(found.foreach_type(model.ai_AIPackage))), len(missing), *missing)"
)


def python(name: str) -> Path:
    found = Path(os.environ.get("CASEMATE_PEERS", ROOM / ".peers")) / name / "bin" / "python"
    if not found.exists():
        pytest.skip(f"needs the peer {name}: make peers")
    return found


@pytest.fixture(params=[declared, undeclared])
def facts(request: pytest.FixtureRequest, tmp_path: Path) -> Facts:
    make: Callable[[Path], Facts] = request.param
    return make(tmp_path)


def run(name: str, script: str, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python(name), "-c", script, *map(str, words)], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("version", ["1.6", "1.7"])
def test_cyclonedx_schema(facts: Facts, tmp_path: Path, version: Version) -> None:
    path = tmp_path / "bom.json"
    path.write_bytes(cyclonedx(facts, version))
    done = run("cyclonedx", CYCLONEDX, version, path)
    assert done.returncode == 0, done.stderr
    broken = json.loads(path.read_bytes())
    broken["components"][0]["modelCard"] = {"modelParameters": {"approach": {"type": "guessed"}}}
    path.write_text(json.dumps(broken))
    assert run("cyclonedx", CYCLONEDX, version, path).returncode != 0


def test_spdx_model(facts: Facts, tmp_path: Path) -> None:
    path = tmp_path / "bom.json"
    path.write_bytes(spdx(facts))
    done = run("spdx", SPDX, path)
    assert done.returncode == 0, done.stderr
    packages, missing, *names = done.stdout.split()
    assert int(packages) == 1 + len(facts.about.base)
    assert not int(missing), names
    content = path.read_bytes()
    for old, new in ((b'"3.0.1"', b'"three"'), (b'"created"', b'"made"'), (b'"annotationType": "other"', b'"x": "y"')):
        assert old in content or not facts.gaps
        path.write_bytes(content.replace(old, new))
        assert run("spdx", SPDX, path).returncode != 0


def test_aisbom_grades_it(facts: Facts, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bom.cdx.json"
    path.write_bytes(cyclonedx(facts, "1.7"))
    program = python("aisbom").with_name("aisbom")
    quiet = {"AISBOM_OFFLINE": "1", "AISBOM_NO_TELEMETRY": "1", "AISBOM_NO_OSV": "1", "HOME": str(tmp_path)}
    done = subprocess.run(
        [program, "score", "--json", path],
        capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **quiet},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    graded = json.loads(done.stdout)
    with capsys.disabled():
        sys.stdout.write(f"\naisbom 1.7.0 scores the bill of {facts.name}: {graded['overall']} of 100\n")
    assert graded["overall"] >= (60 if facts.about.model.name else 0)
