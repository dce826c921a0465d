"""The control map as data under test."""

from __future__ import annotations

import importlib.resources

import msgspec
import pytest

from casemate.assurance.catalog import COLUMNS, Catalog, load_catalog, rows
from casemate.assurance.facts import FACTS
from casemate.assurance.report.reviewer import STAGES, threats
from casemate.core.errors import UsageError
from tests.assurance.builder import ASSESSMENTS, DEFENSES

HEADER = ",".join(COLUMNS)


def one(query: str) -> str:
    return f'# license\n{HEADER}\nF,1,C1,title,summary,"{query}",full,training,now\n'


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(ASSESSMENTS, DEFENSES)


def test_the_shipped_map_loads_against_the_rooms(catalog: Catalog) -> None:
    assert len(catalog.controls) == 209
    assert catalog.counts["human"] == 21
    assert sum(catalog.counts.values()) == 209
    assert catalog.counts["judged"] >= 35


def test_prose_is_left_to_a_person_and_says_why(catalog: Catalog) -> None:
    human = [c for c in catalog.controls if c.query is None]
    assert all(c.problem for c in human)
    assert {c.id.id for c in human} >= {"Annex IV(2)(h)", "MEASURE 1.3"}


def test_no_two_controls_share_an_id(catalog: Catalog) -> None:
    ids = [str(c.id) for c in catalog.controls]
    assert len(ids) == len(set(ids))


def test_strengths_and_stages_are_words_that_the_report_knows(catalog: Catalog) -> None:
    assert {c.strength for c in catalog.controls} == {"full", "partial", "supporting"}
    assert {c.stage for c in catalog.controls} <= {"design", "data", "training", "deployment", "inference", "all"}


def test_data_files_carry_a_license() -> None:
    folder = importlib.resources.files("casemate") / "catalogs"
    for name in ("controls.csv", "threats.csv"):
        assert "SPDX-License-Identifier: Apache-2.0" in (folder / name).read_text(encoding="utf-8").splitlines()[1]


def test_threats_act_at_known_stages() -> None:
    assert {stage for stages in threats().values() for stage in stages} <= set(STAGES)


def test_a_misspelled_metric_of_a_registered_kind_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        load_catalog(ASSESSMENTS, DEFENSES, one("attack/extraction/* | fidelty.hi95 <= policy | pair"))
    assert "did you mean 'fidelity'" in str(caught.value)


def test_an_unregistered_kind_is_no_error() -> None:
    (control,) = load_catalog(ASSESSMENTS, (), one("attack/unheard/* | anything <= 1 | every")).controls
    assert control.unregistered == ("attack/unheard/*",)


def test_a_renamed_metric_breaks_the_shipped_map() -> None:
    renamed = [
        msgspec.structs.replace(
            spec, metrics=tuple(msgspec.structs.replace(m, name=m.name + "_renamed") for m in spec.metrics)
        )
        for spec in ASSESSMENTS
    ]
    with pytest.raises(UsageError):
        load_catalog(renamed, DEFENSES)


def test_facts_need_no_room() -> None:
    catalog = load_catalog((), ())
    assert catalog.counts["judged"] >= 10
    assert {spec.id for spec in FACTS} <= {spec.id for spec in catalog.assessments}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n1,2\n",
        f"{HEADER}\nF,1,C1,only,four\n",
        f"{HEADER}\nF,1,C,t,s,q,full,all,now,extra\n",
        f"{HEADER}\nF,1,C,t,s,q,full,all,now\nF,1,C,t,s,q,full,all,now\n",
    ],
)
def test_a_malformed_map_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        rows(text)
