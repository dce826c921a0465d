"""The component in a real pipeline of spaCy, where there is one."""

from __future__ import annotations

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from casemate.privacy.text import spacy_component
from casemate.privacy.text.spacy_component import NAME

TEXT = "Ask Jane: jane@example.com, or call 212-555-0143."


@pytest.fixture
def spacy():
    return pytest.importorskip("spacy", reason="spaCy is not installed; it is in .peers/presidio")


def declared() -> EntryPoint:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["project"]
    return EntryPoint(NAME, project["entry-points"]["spacy_factories"][NAME], "spacy_factories")


def test_the_entry_point_is_declared_and_asks_for_spacy_only_when_used():
    assert declared().value == f"{spacy_component.__name__}:{NAME}"
    with pytest.raises(AttributeError):
        _ = spacy_component.absent


def test_a_blank_pipeline_finds(spacy):
    declared().load()
    nlp = spacy.blank("en")
    nlp.add_pipe(NAME, config={"mode": "fast", "ents": True})
    doc = nlp(TEXT)
    assert [(each.text, each.label_) for each in doc.spans["casemate"]] == [
        ("jane@example.com", "EMAIL_ADDRESS"), ("212-555-0143", "PHONE_NUMBER"),
    ]  # fmt: skip
    assert [each.label_ for each in doc.ents] == ["EMAIL_ADDRESS", "PHONE_NUMBER"]
    assert all(0.5 <= each <= 1 for each in doc.spans["casemate"].attrs["scores"])
    told = list(nlp.pipe([TEXT, "nothing"], n_process=2))
    assert [len(each.spans["casemate"]) for each in told] == [2, 0]


def test_beside_the_entities_of_others(spacy):
    declared().load()
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns(
        [{"label": "PERSON", "pattern": "Jane"}, {"label": "NUMBER", "pattern": [{"TEXT": "212"}]},
         {"label": "MAIL", "pattern": "jane@example.com"}]
    )  # fmt: skip
    nlp.add_pipe(NAME, config={"mode": "fast", "ents": True, "key": "mine"})
    doc = nlp(TEXT)
    assert [each.label_ for each in doc.ents] == ["PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER"]
    assert len(doc.spans["mine"]) == 2
