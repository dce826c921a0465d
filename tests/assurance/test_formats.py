"""results.json, SARIF, JUnit and Markdown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import msgspec
import pytest

from casemate.assurance import Dossier, assemble
from casemate.assurance.report import junit, markdown, results, results_schema, sarif
from casemate.assurance.report.results import Results
from casemate.core.policy import Verdict
from tests.assurance.builder import POLICY, clinical, clinical_view

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "results.schema.json"


@pytest.fixture(scope="module")
def dossier() -> Dossier:
    return clinical()


def test_results_fit_their_schema_and_read_back(dossier: Dossier) -> None:
    content = results(dossier)
    jsonschema.Draft202012Validator(json.loads(results_schema())).validate(json.loads(content))
    back = msgspec.json.decode(content, type=Results)
    assert back.schema == "casemate.results/1"
    assert [m.record for m in back.measurements] == [x.record.index for x in dossier.view.measured]
    assert back.verdicts == dossier.judgments
    assert back.controls == dossier.controls


def test_the_documented_schema_is_the_generated_one() -> None:
    assert SCHEMA.read_bytes() == results_schema(), "run: python -m benchmarks.report --schema"


def test_results_hold_what_scripts_rely_on(dossier: Dossier) -> None:
    found = json.loads(results(dossier))
    row = found["measurements"][0]
    promised = {
        "assessment", "kind", "metric", "at", "unit", "direction", "subject", "estimate", "low", "high", "confidence",
        "n", "k", "errors", "refused", "clusters", "method", "threat_model", "seed", "seconds", "queries",
    }  # fmt: skip
    assert promised <= set(row)
    assert found["plan"]["sha256"] == dossier.view.records[0].sha256
    fidelity = [m for m in found["measurements"] if m["metric"] == "fidelity"]
    assert len(fidelity) == 15
    assert len({json.dumps(m["at"], sort_keys=True) for m in fidelity}) == 15


def test_equal_dossiers_give_equal_bytes() -> None:
    for write in (results, sarif, junit, markdown):
        assert write(clinical()) == write(clinical())


def log(dossier: Dossier) -> Any:
    found = json.loads(sarif(dossier))
    assert found["version"] == "2.1.0"
    return found["runs"][0]


def test_sarif_rules_and_results_belong_together(dossier: Dossier) -> None:
    run = log(dossier)
    rules = run["tool"]["driver"]["rules"]
    assert [r["id"] for r in rules] == sorted(r["id"] for r in rules)
    for result in run["results"]:
        rule = rules[result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert rule["help"]["text"]
        assert result["level"] in ("error", "warning", "note", "none")
        assert (result["kind"] == "fail") == (result["level"] != "none")
    expected = sum(j.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.STALE) for j in dossier.judgments)
    assert len(run["results"]) == expected > 0


def test_sarif_has_no_invented_lines_and_points_at_the_model(dossier: Dossier) -> None:
    run = log(dossier)
    digests = {a["hashes"]["sha-256"] for a in run["artifacts"]}
    assert digests == set(dossier.view.current.values())
    for result in run["results"]:
        (location,) = result["locations"]
        assert location["logicalLocations"][0]["fullyQualifiedName"]
        assert "region" not in location["physicalLocation"]
        index = location["physicalLocation"]["artifactLocation"]["index"]
        assert run["artifacts"][index]["location"]["uri"] == location["physicalLocation"]["artifactLocation"]["uri"]


def prints(dossier: Dossier) -> set[str]:
    return {r["partialFingerprints"]["casemate/v1"] for r in log(dossier)["results"]}


def test_sarif_fingerprints_survive_new_figures_and_do_not_collide(dossier: Dossier) -> None:
    assert len(prints(dossier)) == len(log(dossier)["results"])
    view = clinical_view()
    records = [
        msgspec.structs.replace(r, predicate=r.predicate | {"measurement": r.predicate["measurement"] | {"seed": 5}})
        if "measurement" in r.predicate
        else r
        for r in view.records
    ]
    again = assemble(replace(view, records=tuple(records)), POLICY, dossier.catalog)
    assert prints(again) == prints(dossier)


def test_junit_counts_add_up(dossier: Dossier) -> None:
    root = ET.fromstring(junit(dossier))
    suites = list(root)
    assert sum(int(s.get("tests", "0")) for s in suites) == len(dossier.judgments)
    assert sum(int(s.get("failures", "0")) for s in suites) == dossier.judged_counts[Verdict.FAIL]
    assert sum(len(s.findall("testcase/failure")) for s in suites) == dossier.judged_counts[Verdict.FAIL]
    assert sum(len(s.findall("testcase/error")) for s in suites) == dossier.judged_counts[Verdict.INCONCLUSIVE]


def test_markdown_shows_counts_failures_and_the_verify_command(dossier: Dossier) -> None:
    text = markdown(dossier).decode()
    assert f"| ✖ FAIL | {dossier.judged_counts[Verdict.FAIL]} |" in text
    assert dossier.view.verify_command in text
    assert text.index("✖ FAIL | CM-") < text.index("◐ INCONCLUSIVE | CM-")


def test_hostile_text_breaks_no_format() -> None:
    hostile = "]]>&<\"'\x00\x1f\ufffe|`**[x](http://y)<script>\u2028"
    view = clinical_view()
    changed = replace(view, system=hostile, skipped={hostile: hostile}, verify_command=hostile)
    dossier = assemble(changed, POLICY, clinical().catalog)
    ET.fromstring(junit(dossier))
    json.loads(sarif(dossier))
    json.loads(results(dossier))
    quoted = f"    {' '.join(hostile.split())}"
    assert "<script" not in markdown(dossier).decode().replace(quoted, "")
