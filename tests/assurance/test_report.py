"""The HTML report: every figure is that of results.json; no script, no network, no score; small and quick."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from html import unescape
from typing import Any

import msgspec
import pytest

from casemate.assurance import Dossier, assemble
from casemate.assurance import wording as w
from casemate.assurance.report import html, measurement_html, pair_html, results
from casemate.core.policy import Verdict
from tests.assurance.builder import MEMBER, POLICY, clinical, clinical_view, generated, rate
from tests.assurance.pages import Reader, Said, at, read

MOST_BYTES = 2_000_000


@pytest.fixture(scope="module", params=["clinical", "generated"])
def dossier(request: pytest.FixtureRequest) -> Dossier:
    return clinical() if request.param == "clinical" else generated()


@pytest.fixture(scope="module")
def page(dossier: Dossier) -> Reader:
    return read(html(dossier))


@pytest.fixture(scope="module")
def figures(dossier: Dossier) -> Any:
    return json.loads(results(dossier))


def plain(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())


def test_every_figure_equals_results_json(page: Reader, figures: Any) -> None:
    assert len(page.placed) > 200
    for said in page.placed:
        _compare(said, at(figures, said.place))


def _compare(said: Said, expected: Any) -> None:
    if said.tag == "tr":
        assert plain(said.cells[0]) == plain(expected["control"]["id"])
        assert plain(said.cells[1]).startswith(expected["verdict"].replace("_", " ").lower())
        assert plain(said.cells[2]) == plain(expected["reason"])
        assert [int(x) for x in re.findall(r"\d+", said.cells[3])] == expected["evidence"][:8]
    elif isinstance(expected, str):
        assert plain(said.text) == plain(expected)
    elif expected is None:
        assert said.value is None
    else:
        assert said.value is not None
        assert float(said.value) == expected
        shown = plain(said.text)
        units = [w.figure(expected, unit) for unit in ("", "proportion")]
        assert shown in (*units, f"{expected:,}", str(expected)), said


def test_every_control_and_every_count_is_there(page: Reader, figures: Any) -> None:
    places = [said.place for said in page.placed]
    for i in range(len(figures["controls"])):
        assert f"controls/{i}" in places
    for verdict in Verdict:
        assert f"counts/controls/{verdict.value}" in places
        assert f"counts/judgments/{verdict.value}" in places


def test_no_figure_is_printed_without_its_place(page: Reader, dossier: Dossier) -> None:
    """Digits outside placed elements are names, record numbers, points of curves or the controls' own ids."""
    view = dossier.view
    named = {w.sentence(w.name(x.measurement))[:-1] for x in view.measured}
    named |= {f"{w.sentence(w.name(x.pair.after))[:-1]}, {x.pair.defense}" for x in view.paired}
    known = " \n ".join(
        plain(text)
        for text in (
            view.system,
            view.signer,
            POLICY.owner,
            "95 % confidence unless said otherwise; exact (Clopper-Pearson) for counted proportions",
            "SHA-256; two files with the same digest are the same file",
            *named,
            *(f"{x.measurement.subject} · {x.measurement.method}" for x in view.measured),
            *(f"{x.pair.after.subject} · {x.pair.method}" for x in view.paired),
            *(r.signer + " ·" for r in view.records),
            *(c.control.framework + " " + c.control.edition for c in dossier.controls[:300]),
            *(s.rule.how + s.rule.why + s.rule.fix for s in dossier.catalog.assessments),
            *(d.known_false for d in dossier.catalog.defenses),
            *(x.pair.conclusion for x in view.paired),
            *(w.words(t.metric) + " at " + w.point(t.at) for t in POLICY.tolerances),
            *(", ".join([w.point(t.at), *(v for v in t.at.values() if isinstance(v, str))]) for t in POLICY.tolerances),
            *(t.name + " " + t.reason for t in POLICY.tolerances),
        )
    )
    allowed = re.compile(r"(record )?\d+|\[\d+\]|It is known to be no defense: .*")
    for text in map(plain, page.loose):
        if any(c.isdigit() for c in text) and not allowed.fullmatch(text):
            bare = re.sub(r"^(with|knows) |[.,]$", "", text)
            assert bare in known or bare.rpartition(", ")[0] in known or bare.partition(" at ")[2] in known, text


def test_no_script_no_network_no_form(page: Reader) -> None:
    assert not page.tags & {"script", "iframe", "object", "embed", "img", "link", "form", "audio", "video"}
    assert not [tag for tag in page.tags if tag.startswith("on:")]
    assert page.addresses
    assert all(address.startswith("#") for address in page.addresses)


def test_nothing_in_the_file_could_be_fetched(dossier: Dossier) -> None:
    text = unescape(html(dossier).decode())
    assert not re.search(r"https?://|@import|url\(|javascript:", text)
    assert "default-src 'none'" in text


def test_every_link_has_its_target_and_ids_are_unique(page: Reader) -> None:
    assert len(page.ids) == len(set(page.ids))
    shown = {f"#{id}" for id in page.ids}
    missing = {address for address in page.addresses if address not in shown}
    facts = {f"#r{i}" for i in (0, 1)}  # the plan and the load record are no figures; they are named, not listed
    assert missing <= facts


def test_no_score_and_no_grade(dossier: Dossier) -> None:
    text = plain(re.sub(r"<style>.*?</style>", "", html(dossier).decode(), flags=re.DOTALL)).lower()
    assert "compliance score" not in text
    assert "overall score" not in text
    assert "% compliant" not in text


def test_three_thousand_controls_fit_and_are_quick() -> None:
    dossier = generated()
    assert len(dossier.controls) == 3000
    html(dossier)
    before = time.process_time()
    page = html(dossier)
    assert time.process_time() - before <= 1.0
    assert len(page) <= MOST_BYTES


def test_equal_dossiers_give_equal_bytes() -> None:
    assert html(clinical()) == html(clinical())


def test_zero_and_all_are_said_with_their_bound(page: Reader) -> None:
    assert w.counted(rate(*MEMBER, "tpr", 0, 50)) == "0 of 50 (at most 7.11 %)"
    assert w.counted(rate(*MEMBER, "tpr", 50, 50)) == "50 of 50 (at least 92.9 %)"


HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>{{7*7}}\u202e\x00"


def test_hostile_names_stay_text() -> None:
    view = clinical_view()
    records = list(view.records)
    for i, record in enumerate(records):
        if "measurement" in record.predicate:
            changed = record.predicate["measurement"] | {"note": HOSTILE, "method": HOSTILE, "metric": "tpr"}
            changed["at"] = changed["at"] | {"slice": HOSTILE}
            records[i] = msgspec.structs.replace(record, predicate=record.predicate | {"measurement": changed})
    names = ("system", "signer", "checkpoint", "verify_command", "config")
    hostile = replace(view, records=tuple(records), skipped={HOSTILE: HOSTILE}, **dict.fromkeys(names, HOSTILE))
    page = read(html(assemble(hostile, POLICY, clinical().catalog)))
    assert not page.tags & {"script", "img"}
    assert not [tag for tag in page.tags if tag.startswith("on:")]
    assert not any("49" in text and "{{" not in text for text in page.loose if "alert" in text)


def test_an_empty_ledger_has_a_report() -> None:
    view = clinical_view()
    empty = replace(view, records=(), current={}, skipped={}, verified=False)
    page = html(assemble(empty, POLICY, clinical().catalog)).decode()
    assert "No plan was recorded." in page
    assert "without verifying the ledger" in page


def test_figures_that_are_not_finite_do_not_break_the_page() -> None:
    view = clinical_view()
    records = list(view.records)
    for i, record in enumerate(records):
        if "measurement" in record.predicate and i % 2:
            changed = record.predicate["measurement"] | {"estimate": float("nan"), "high": float("inf")}
            records[i] = msgspec.structs.replace(record, predicate=record.predicate | {"measurement": changed})
    odd = replace(view, records=tuple(records))
    page = html(assemble(odd, POLICY, clinical().catalog)).decode()
    assert "not a number" in page
    assert '"nan' not in page.lower().replace('value="nan"', "")


def test_notebooks_show_the_same_track() -> None:
    m = clinical_view().measured[0].measurement
    shown = measurement_html(m, POLICY.tolerances[0])
    assert "<svg" in shown
    assert w.counted(m) in shown
    pair = clinical_view().paired[0].pair
    assert pair.defense in pair_html(pair)
    assert "<script" not in measurement_html(msgspec.structs.replace(m, subject=HOSTILE))
