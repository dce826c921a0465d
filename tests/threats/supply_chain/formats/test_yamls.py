"""YAML: tags, aliases and repeated keys, by the events of the parser that loaders use; no constructor runs."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from casemate.threats.supply_chain.formats.yamls import looks_like_yaml
from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.samples import assert_clean, found, rule, scan

TAGS = [
    "a: !!python/object/apply:os.system [id]",
    "!!python/object/new:os.system [id]",
    "- 1\n- !!python/object:subprocess.Popen {args: id}",
    "a: !<tag:yaml.org,2002:python/object/apply:os.system> [id]",
    "%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.system [id]",
    "%TAG !e! tag:yaml.org,2002:python/object/\n---\n!e!apply:os.system [id]",
    "a: !!python%2fobject/apply:os.system [id]",
    "? !!python/object/apply:os.system [id]\n: 1",
    "a: 1\n---\nb: !!python/object/apply:os.system [id]",
    "a:\n  <<: !!python/object/apply:os.system [id]",
]


@pytest.mark.parametrize("text", TAGS)
def test_tags_that_construct_objects_are_found_however_they_are_spelled(text: str) -> None:
    assert rule("yaml.tag") in found(text.encode())
    assert scan(text.encode()).verdict is Verdict.MALICIOUS


def test_milder_tags_are_told_apart() -> None:
    assert rule("yaml.import") in found(b"a: !!python/name:os.system ''")
    assert rule("yaml.unknown-tag") in found(b"a: !include x.yaml")
    assert_clean(b"a: !!python/tuple [1, 2]\nb: !!str 1\nc: !!set {x}\n", "text")


def test_a_tag_in_what_is_no_yaml_is_mentioned() -> None:
    assert rule("yaml.mention") in found(b"Some: words: here\n\nx: !!python/object/apply:os.system [id]\n")


def test_aliases_are_counted_and_not_followed() -> None:
    bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    assert rule("yaml.bomb") in found(bomb.encode())
    assert rule("yaml.bomb") in found(b"a: " + b"[" * 200 + b"]" * 200)
    assert_clean(b"a: &x {b: 1}\nc: [*x, *x]\nd:\n  <<: *x\n", "text")
    assert rule("config.gadget") in found(b"a: &x {_target_: os.system}\nb: *x\n")


def test_keys_that_stand_twice_are_told() -> None:
    assert rule("yaml.repeated") in found(b"a:\n  b: 1\n  b: 2\n")
    assert rule("config.gadget") in found(b"a:\n  _target_: os.system\n  _target_: torch.nn.Linear\n")


def test_prose_is_no_yaml() -> None:
    assert not looks_like_yaml("Just a line of text.\n")
    assert looks_like_yaml("# comment\n\nkey: value\n")
    assert_clean(b"Note: this is a text: with colons\n\n![picture](x.png)\n", "text")


def test_no_constructor_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def trap(*_: object, **__: object) -> None:
        raise AssertionError("a node was made")

    for owner, name in (
        (yaml.composer.Composer, "compose_node"),
        (yaml.constructor.BaseConstructor, "construct_object"),
    ):
        monkeypatch.setattr(owner, name, trap)
    for text in TAGS:
        scan(text.encode())


@given(st.text("ab:-[]{}&*!#|>%'\" \n?,<", max_size=40))
def test_any_text_ends(text: str) -> None:
    scan(b"k: " + text.encode())
