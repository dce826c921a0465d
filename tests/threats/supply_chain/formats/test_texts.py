"""Plain text is the last resort, and notebooks and sources are looked at for what runs."""

from __future__ import annotations

import json

import pytest

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.samples import assert_clean, found, rule, scan


def test_texts_are_clean_and_told_apart() -> None:
    for data, kind in (
        (b"# Title\n\nWords, und W\xc3\xb6rter.\r\n", "text"),
        (b"a,b\n1,2\n", "text"),
        (b"import os\n\n\ndef f() -> None:\n    os.getcwd()\n", "python"),
        (b"\xef\xbb\xbfwith a mark\n", "text"),
    ):
        assert_clean(data, "text")
        assert scan(data).about["kind"] == kind


@pytest.mark.parametrize("data", [b"a\0b", b"\x80abc", b"a\x1b[31mb", b"\xc3\x28", b"a\x7f", "a\x9bb".encode()])
def test_what_is_no_text_is_unreadable(data: bytes) -> None:
    assert scan(data).verdict is Verdict.UNREADABLE


def test_characters_that_turn_the_writing_are_told() -> None:
    assert rule("text.bidi") in found("if x: \u202e return".encode())


@pytest.mark.parametrize(
    "source",
    [
        "class M(PreTrainedModel):\n    pass\n",
        "import x\n\nclass M(a.b, transformers.PretrainedConfig):\n    pass\n",
        "class EndpointHandler:\n    def __init__(self, path=''): ...\n",
        "class P(mlflow.pyfunc.PythonModel):\n    pass\n",
    ],
)
def test_sources_that_loaders_run_are_told(source: str) -> None:
    assert rule("python.loaded") in found(source.encode())


def notebook(*cells: dict[str, object]) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)}).encode()


def test_notebooks_are_judged_by_what_runs_when_they_are_opened() -> None:
    code = {"cell_type": "code", "source": ["x = 1\n", "x"], "outputs": [{"data": {"text/plain": ["1"]}}]}
    assert_clean(notebook(code, {"cell_type": "markdown", "source": "# Title <b>x</b>"}), "json")
    html = {**code, "outputs": [{"data": {"text/html": ["<scr", "ipt>x</script>"]}}]}
    script = {**code, "outputs": [{"data": {"application/javascript": "x"}}]}
    markdown = {"cell_type": "markdown", "source": "<a href='javascript:x'>"}
    for cell in (html, script, markdown):
        assert rule("notebook.script") in found(notebook(code, cell))
    for line in ("!curl x", "%%bash\nid", "  !id"):
        assert rule("notebook.shell") in found(notebook({**code, "source": line}))
