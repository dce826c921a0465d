"""The other verbs on a finished audit: explain, ledger, report, verify."""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from casemate.audit.config import read_config
from casemate.audit.engage import open_engagements
from casemate.audit.explain import rules, turned
from casemate.core.observer import Silent
from casemate.keys.text import read_vkey
from casemate.ledger.merkle import leaf_hash
from casemate.ledger.note import open_checkpoint
from casemate.ledger.proofs import verify_inclusion
from tests.audit.scene import Scene


def test_every_rule_is_explained_with_why_how_and_fix(finished: Scene) -> None:
    for rule in rules().values():
        done = finished.casemate("explain", rule.id)
        assert done.returncode == 0
        for word in (rule.id, rule.why.split()[0], rule.fix.split()[0]):
            assert word in done.stdout


def test_an_unknown_rule_names_the_nearest(finished: Scene) -> None:
    done = finished.casemate("explain", "CM-INV-01")
    assert done.returncode == 3
    assert "CM-INV-001" in done.stderr


def test_the_most_exposed_records_are_shown_where_data_and_keys_are(finished: Scene) -> None:
    done = finished.casemate("explain", "--record", "--model", "linear", "--top", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("training row") == 3
    train = finished.table("train")
    shown = [word.rstrip(",") for word in done.stdout.split() if word.startswith("patient0")]
    assert len(shown) == 3
    assert set(shown) <= set(train["patient"])
    assert "mean_area" in done.stdout


def test_the_rows_that_small_changes_turn_are_shown_feature_by_feature(finished: Scene) -> None:
    done = finished.casemate("explain", "--example", "--model", "linear", "--top", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("unseen row") == 2
    config = read_config(finished.config)
    found = turned(config, "linear", top=5, home=finished.home)
    engagement = open_engagements(config, Silent()).engagements["linear"]
    assert [each.cost for each in found] == sorted(each.cost for each in found)
    for each in found:
        row = engagement.nonmembers.take(np.array([each.row]))
        assert each.label == row.classes[row.labels[0]]
        assert engagement.target.labels(row.features)[0] == row.labels[0]
        changed = row.features.copy()
        for change in each.changes:
            assert changed[change.column].iloc[0] == change.before
            changed[change.column] = np.array([change.after]).astype(changed[change.column].dtype)
        assert engagement.target.labels(changed)[0] != row.labels[0]
        assert each.cost == pytest.approx(sum(change.cost for change in each.changes))


def test_records_are_not_shown_without_the_keys(copied: Scene) -> None:
    for keyring in (copied.home / "keyrings").iterdir():
        keyring.unlink()
    done = copied.casemate("explain", "--record", "--model", "linear")
    assert done.returncode == 3
    assert "key" in done.stderr
    assert "mean_area" not in done.stdout + done.stderr


def test_explaining_what_was_never_audited_leaves_no_trace(scene: Scene) -> None:
    done = scene.casemate("explain", "--record", "--model", "linear")
    assert done.returncode == 3
    assert "no ledger" in done.stderr
    assert not scene.audit.exists()


def test_no_person_is_in_any_report(finished: Scene) -> None:
    people = set(finished.table("train")["patient"]) | set(finished.table("holdout")["patient"])
    for path in finished.audit.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(person.encode() in content for person in people), path.name


def test_the_ledger_is_listed_and_its_records_shown(finished: Scene) -> None:
    listed = finished.casemate("ledger", "show", "audit")
    assert listed.returncode == 0
    assert "membership" in listed.stdout
    shown = json.loads(finished.casemate("ledger", "show", "audit", "--record", "0").stdout)
    assert shown["predicateType"] == "urn:casemate:plan:1"
    assert finished.casemate("ledger", "show", "audit", "--record", "99999").returncode == 3


def test_a_proof_can_be_checked_with_nothing_but_itself_and_the_key(finished: Scene) -> None:
    proof = json.loads(finished.casemate("ledger", "prove", "audit", "--record", "3").stdout)
    key = read_vkey((finished.home / "signing.key.vkey").read_text().strip())
    head = open_checkpoint(proof["checkpoint"], [key])
    nodes = [base64.b64decode(node) for node in proof["proof"]]
    leaf = leaf_hash(base64.b64decode(proof["entry"]))
    verify_inclusion(leaf, proof["index"], head.size, nodes, head.root)


def test_exported_records_are_signed_envelopes(finished: Scene) -> None:
    lines = finished.casemate("ledger", "export", "audit", "--kind", "measurement").stdout.splitlines()
    assert lines
    for line in lines:
        envelope = json.loads(line)
        assert envelope["payloadType"] == "application/vnd.in-toto+json"
        assert json.loads(base64.b64decode(envelope["payload"]))["predicateType"] == "urn:casemate:measurement:1"


def test_reports_are_made_again_from_the_ledger_alone(finished: Scene) -> None:
    results = json.loads(finished.casemate("report", "audit", "--format", "json").stdout)
    bound = json.loads((finished.audit / "results.json").read_bytes())
    assert results["measurements"] == bound["measurements"]
    assert results["verdicts"] == bound["verdicts"]
    ET.fromstring(finished.casemate("report", "audit", "--format", "junit").stdout)
    assert finished.casemate("report", "audit").stdout.startswith("#")
    sarif = json.loads(finished.casemate("report", "audit", "--format", "sarif").stdout)
    assert sarif["version"] == "2.1.0"


def test_the_printed_command_verifies(copied: Scene) -> None:
    done = copied.casemate("audit")
    line = next(line for line in done.stdout.splitlines() if line.startswith("verify"))
    words = line.split("casemate ", 1)[1].replace("'", "").split()
    again = copied.casemate(*words)
    assert again.returncode == 0, again.stderr
    assert "verdicts" in again.stdout
