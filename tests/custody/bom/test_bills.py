"""Bills of materials: filled from what was measured or declared and from nothing else; same facts, same bytes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from casemate.cli.app import run
from casemate.core.errors import UsageError
from casemate.custody.bom.cyclonedx import cyclonedx
from casemate.custody.bom.facts import Facts, gather
from casemate.custody.bom.licenses import is_expression
from casemate.custody.bom.packages import Package, read_environment, read_lock
from casemate.custody.bom.spdx import NO_LICENSE, spdx
from casemate.custody.provenance.about import read_about
from casemate.custody.signing.place import place_of
from casemate.custody.signing.sign import survey
from casemate.threats.supply_chain.rules import rules
from tests.custody.bom.scene import DECLARED, LOCK, TIME, declare, declared, undeclared
from tests.custody.signing.scene import make_model


def gaps(facts: Facts) -> set[str]:
    return {gap.rule for gap in facts.gaps}


def test_the_same_facts_give_the_same_bytes(tmp_path: Path) -> None:
    facts = declared(tmp_path)
    again = gather(facts.manifest, read_about(tmp_path / "told" / "about.toml"), TIME)
    assert cyclonedx(facts) == cyclonedx(again)
    assert spdx(facts) == spdx(again)
    later = replace(facts, time="2026-11-26T12:00:00Z")
    assert cyclonedx(later) != cyclonedx(facts)
    assert later.serial != facts.serial


def test_no_path_of_this_machine_is_in_a_bill(tmp_path: Path) -> None:
    facts = declared(tmp_path)
    for made in (cyclonedx(facts), spdx(facts)):
        assert str(tmp_path).encode() not in made


def test_an_undeclared_model_has_gaps_and_nothing_invented(tmp_path: Path) -> None:
    facts = undeclared(tmp_path)
    known = {rule.id: rule.facts[0] for rule in rules() if "CM-SUP-525" <= rule.id <= "CM-SUP-549"}
    assert {known[rule] for rule in gaps(facts)} == {
        "license-undeclared", "data-undeclared", "dependencies-unknown", "performance-unmeasured",
        "provenance-undeclared", "purpose-undeclared",
    }  # fmt: skip
    assert facts.completeness == pytest.approx(0.4)
    bill = json.loads(cyclonedx(facts))
    (model,) = bill["components"]
    assert set(model) == {"type", "bom-ref", "name", "properties"}
    assert len(bill["annotations"]) == len(facts.gaps)
    document = json.loads(spdx(facts))["@graph"]
    (package,) = [each for each in document if each["type"] == "ai_AIPackage"]
    assert set(package) == {
        "type", "spdxId", "creationInfo", "name", "software_primaryPurpose", "verifiedUsing",
    }  # fmt: skip
    (license,) = [each for each in document if each.get("relationshipType") == "hasDeclaredLicense"]
    assert license["to"] == [NO_LICENSE]


def test_a_declared_model(tmp_path: Path) -> None:
    facts = declared(tmp_path)
    bill = json.loads(cyclonedx(facts))
    model, *others = bill["components"]
    assert model["licenses"] == [{"expression": "Apache-2.0", "acknowledgement": "declared"}]
    card = model["modelCard"]
    assert card["modelParameters"]["approach"] == {"type": "supervised"}
    assert card["modelParameters"]["datasets"] == [{"ref": "data:support"}, {"ref": "data:holdout"}]
    (metric,) = card["quantitativeAnalysis"]["performanceMetrics"]
    assert metric == {
        "type": "model/accuracy accuracy", "value": "0.91", "slice": "triage",
        "confidenceInterval": {"lowerBound": "0.84", "upperBound": "0.96"},
    }  # fmt: skip
    assert card["considerations"]["technicalLimitations"] == ["children were not in the data"]
    assert [each["type"] for each in others] == ["data", "data", "machine-learning-model", "library", "library"]
    numpy, sklearn = others[-2:]
    assert numpy["purl"] == "pkg:pypi/numpy@2.4.6"
    assert numpy["hashes"][0]["content"] == "a" * 64
    assert "hashes" not in sklearn  # two files may be installed, and nobody knows which one was
    references = {each["bom-ref"] for each in bill["components"]} | {"artifact"}
    for each in bill["dependencies"]:
        assert {each["ref"], *each["dependsOn"]} <= references
    properties = {each["name"]: each["value"] for each in bill["formulation"][0]["properties"]}
    assert properties["casemate:training:builder"] == "https://ci.example.org/train"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (('license = "Apache-2.0"', ""), "CM-SUP-525"),
        (('license = "CC-BY-4.0"', ""), "CM-SUP-527"),
        (('sha256 = "' + "1" * 64 + '"', ""), "CM-SUP-528"),
        (('lock = "requirements.lock"', ""), "CM-SUP-529"),
        (('results = "results.json"', ""), "CM-SUP-532"),
        (('builder = "https://ci.example.org/train"', ""), "CM-SUP-533"),
        (('task = "classification"', ""), "CM-SUP-534"),
    ],
)
def test_each_thing_left_out_is_one_gap(tmp_path: Path, change: tuple[str, str], rule: str) -> None:
    assert change[0] in DECLARED
    whole, part = declared(tmp_path / "a"), declared(tmp_path / "b", DECLARED.replace(*change))
    assert gaps(part) - gaps(whole) >= {rule}
    assert rule not in gaps(whole)


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()


@pytest.mark.parametrize(
    "change",
    [
        ('license = "Apache-2.0"', "licence = 1"),
        ('path = "train.csv"', 'path = "missing.csv"'),
        ('path = "train.csv"', 'path = "train.csv"\nsha256 = "' + "2" * 64 + '"'),
        ("1" * 64, "1" * 63),
        ('finished = "2026-11-20T10:00:00Z"', 'finished = "yesterday"'),
        ('finished = "2026-11-20T10:00:00Z"', 'finished = "2026-11-20T10:00:00"'),
        ('approach = "supervised"', 'approach = "guessed"'),
        ('lock = "requirements.lock"', 'lock = "train.csv"'),
        ('results = "results.json"', 'results = "train.csv"'),
        ('config = "train.toml"', 'config = "train.csv"'),
    ],
)
def test_a_declaration_that_cannot_be_true_is_an_error(tmp_path: Path, change: tuple[str, str]) -> None:
    assert change[0] in DECLARED
    with pytest.raises(UsageError):
        declared(tmp_path / "a", DECLARED.replace(*change))


def test_lock_files() -> None:
    found = read_lock("requirements.lock", LOCK.encode())
    assert [(each.name, each.version, len(each.hashes)) for each in found] == [
        ("numpy", "2.4.6", 1),
        ("scikit-learn", "1.9.1", 2),
    ]
    pylock = (
        'lock-version = "1.0"\n[[packages]]\nname = "Typing_Extensions"\nversion = "4.16.0"\n'
        'wheels = [{ name = "x.whl", hashes = { sha256 = "' + "d" * 64 + '" } }]\n'
        '[[packages]]\nname = "b"\nversion = "1"\ndependencies = [{ name = "typing-extensions" }]\n'
    )
    assert read_lock("pylock.toml", pylock.encode()) == (
        Package("b", "1", (), "", ("typing-extensions",)),
        Package("typing-extensions", "4.16.0", (("sha256", "d" * 64),)),
    )
    for name, text in (("r.txt", "numpy>=2\n"), ("r.txt", "numpy\n"), ("pylock.toml", "x = 1"), ("r.txt", "\x00")):
        with pytest.raises(UsageError):
            read_lock(name, text.encode())


def test_an_environment_is_read_and_never_imported(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    for name, lines in (
        (
            "a-1.0",
            "Name: A\nVersion: 1.0\nLicense-Expression: MIT\nRequires-Dist: b>=2\nRequires-Dist: c; extra == 'x'",
        ),
        ("b-2.0", "Name: b\nVersion: 2.0\nLicense: BSD License"),
        ("broken-1", "nothing"),
    ):
        folder = site / f"{name}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.4\n{lines}\n\nA description\n")
    (site / "a.py").write_text("raise SystemExit('imported')")
    found = read_environment(site)
    assert found == (Package("a", "1.0", (), "MIT", ("b",)), Package("b", "2.0", (), "BSD License"))
    facts = replace(undeclared(tmp_path), packages=found)
    bill = json.loads(cyclonedx(facts))
    assert [each.get("licenses") for each in bill["components"][1:]] == [
        [{"expression": "MIT", "acknowledgement": "declared"}],
        [{"license": {"name": "BSD License", "acknowledgement": "declared"}}],
    ]
    assert {"ref": "pkg:pypi/a@1.0", "dependsOn": ["pkg:pypi/b@2.0"]} in bill["dependencies"]
    assert [each["dependsOn"] for each in bill["dependencies"] if each["ref"] == "model"] == [["pkg:pypi/a@1.0"]]
    with pytest.raises(UsageError, match="nothing is installed"):
        read_environment(tmp_path)


def test_license_expressions() -> None:
    for good in ("MIT", "GPL-2.0-or-later", "Apache-2.0 WITH LLVM-exception", "(MIT OR X) AND Y", "LicenseRef-mine"):
        assert is_expression(good), good
    for bad in ("", "BSD License", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT Apache-2.0", "a" * 501, "MIT;rm", "()"):
        assert not is_expression(bad), bad


def test_every_element_of_spdx_is_named_once_and_every_end_is_there(tmp_path: Path) -> None:
    graph: list[dict[str, Any]] = json.loads(spdx(declared(tmp_path)))["@graph"]
    names = [each["spdxId"] for each in graph if "spdxId" in each]
    assert len(names) == len(set(names))
    for each in graph:
        if each["type"] == "Relationship":
            assert {each["from"], *each["to"]} <= {*names, NO_LICENSE}
    assert {each["relationshipType"] for each in graph if each["type"] == "Relationship"} == {
        "trainedOn", "testedOn", "descendantOf", "dependsOn", "hasDeclaredLicense", "contains",
    }  # fmt: skip
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", each["created"]) for each in graph if "created" in each)


def test_report_writes_bills(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    model = make_model(tmp_path / "model")
    declare(tmp_path / "told")
    for format, key in (("cyclonedx", "bomFormat"), ("spdx", "@graph")):
        words = ["report", str(model), "--format", format, "--about", str(tmp_path / "told" / "about.toml")]
        assert run(words) == 0
        assert key in json.loads(capfdbinary.readouterr().out)
    (tmp_path / "audit" / "ledger").mkdir(parents=True)
    assert run(["report", str(tmp_path / "audit"), "--format", "spdx"]) == 3


def test_a_model_of_one_file_has_its_digest(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model") / "model.joblib"
    facts = replace(undeclared(tmp_path / "a"), manifest=survey(place_of(model)))
    (component,) = json.loads(cyclonedx(facts))["components"]
    assert component["hashes"] == [{"alg": "SHA-256", "content": facts.manifest.resources[0].digest}]
