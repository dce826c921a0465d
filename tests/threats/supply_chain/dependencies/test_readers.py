"""Readers of lock files: what each format says, spelled in the ways it may be spelled, and what is no such file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks._planted import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.threats.supply_chain.dependencies.model import Origin, Read
from casemate.threats.supply_chain.dependencies.readers.conda import environment
from casemate.threats.supply_chain.dependencies.readers.requirements import requirement, requirements
from casemate.threats.supply_chain.dependencies.readers.setup import setup_cfg, setup_py
from casemate.threats.supply_chain.dependencies.readers.tables import lock, pipfile, pyproject
from casemate.threats.supply_chain.dependencies.readers.trees import package_json, package_lock, pipfile_lock
from casemate.threats.supply_chain.dependencies.scan import scan_dependencies
from casemate.threats.supply_chain.rules import rule_for
from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.dependencies.trees import planted

SHA = "0123456789abcdef" * 4


def facts(read: Read) -> set[str]:
    return {finding.rule for finding in read.findings}


@pytest.mark.parametrize(
    ("line", "name", "version", "origin", "hashes"),
    [
        ("Flask==3.0", "flask", "3.0", Origin.REGISTRY, 0),
        ("zope.interface [a,b] == 1!2.0+x", "zope-interface", "1!2.0+x", Origin.REGISTRY, 0),
        ("a>=1,<2", "a", None, Origin.REGISTRY, 0),
        ("a==1.*", "a", None, Origin.REGISTRY, 0),
        ("a==1,!=2", "a", None, Origin.REGISTRY, 0),
        ("a (==1.0)", "a", "1.0", Origin.REGISTRY, 0),
        (f"a==1 --hash=sha256:{SHA} --hash=sha256:{SHA}", "a", "1", Origin.REGISTRY, 2),
        ("a @ https://u:p@host.test/a-1.0.whl", "a", None, Origin.URL, 0),
        (f"a @ https://host.test/a-1.0.whl#sha256={SHA}", "a", None, Origin.URL, 1),
        ("git+https://host.test/some/thing.git@main#egg=thing", "thing", None, Origin.VCS, 0),
        (f"git+ssh://git@host.test/x/y@{SHA[:40]}", "y", None, Origin.VCS, 1),
        ("./local/pkg", "pkg", None, Origin.PATH, 0),
        ("a; python_version<'3'", "a", None, Origin.REGISTRY, 0),
    ],
)
def test_requirement(line: str, name: str, version: str | None, origin: Origin, hashes: int) -> None:
    found = requirement(line, "r.txt", 1)
    assert found is not None
    assert (found.name, found.version, found.origin, found.hashes) == (name, version, origin, hashes)
    assert "u:p@" not in found.asked


def test_options_are_facts_and_includes_are_told() -> None:
    read = Read()
    text = (
        "-i https://one.test/simple\n--extra-index-url https://user:pw@two.test/simple\n--trusted-host two.test\n"
        "-f http://three.test/\n-r base.txt\n--constraint=c.txt\na==1 # why\n-e .\nsome words here\n"
    )
    assert requirements(text, "r.txt", read) == ["base.txt", "c.txt"]
    assert facts(read) == {
        rule_for(f"dependency.{kind}").id for kind in ("extra-index", "plain-transport", "unreadable")
    }
    assert "pw" not in repr(read)
    assert [each.name for each in read.dependencies][:1] == ["a"]


def test_a_text_of_another_kind_is_no_list_of_requirements() -> None:
    read = Read()
    requirements("Some words.\n=====\n\nMore words here, and here.\n", "constraints.txt", read)
    assert not read.findings
    assert not read.dependencies


def test_includes_never_leave_the_tree_and_end(tmp_path: Path) -> None:
    planted(
        tmp_path,
        {
            "up.txt": "a==1\n",
            "t/requirements.txt": "-r x.txt\n-r ../up.txt\n-r https://h.test/r.txt\n",
            "t/x.txt": "-r requirements.txt\n-r x.txt\nb==1\n",
        },
    )
    report = scan_dependencies(tmp_path / "t")
    assert [each.name for each in report.dependencies] == ["b"]
    assert sum(finding.rule == rule_for("dependency.include").id for finding in report.findings) == 2


def test_locks_in_toml() -> None:
    read = Read()
    lock(
        f"""
[[package]]
name = "Registry.One"
version = "1.0"
files = [{{file = "a", hash = "sha256:{SHA}"}}]
[[package]]
name = "uv-git"
version = "2.0"
source = {{ git = "https://host.test/x.git?rev=1#{SHA[:40]}" }}
[[package]]
name = "poetry-git"
version = "2.0"
[package.source]
type = "git"
url = "http://host.test/x.git"
[[package]]
name = "uv-url"
version = "1"
source = {{ url = "https://host.test/a.whl" }}
[[package]]
name = "self"
version = "0"
source = {{ editable = "." }}
[[package]]
name = "pdm-path"
version = "1"
path = "./lib"
""",
        "uv.lock",
        read,
    )
    assert {each.name: (each.origin, each.hashes) for each in read.dependencies} == {
        "registry-one": (Origin.REGISTRY, 1),
        "uv-git": (Origin.VCS, 0),
        "poetry-git": (Origin.VCS, 0),
        "uv-url": (Origin.URL, 0),
        "pdm-path": (Origin.PATH, 0),
    }
    assert facts(read) == {rule_for("dependency.plain-transport").id}


def test_indexes_beside_one_another_are_confusion_and_explicit_ones_are_not() -> None:
    def found(text: str) -> int:
        read = Read()
        pyproject(text, "pyproject.toml", read)
        return len(read.findings)

    one, two = '[[tool.uv.index]]\nurl = "https://one.test"\n', '[[tool.uv.index]]\nurl = "https://two.test"\n'
    assert found(one) == 0
    assert found(one + two) == 2
    assert found(one + two + "explicit = true\n") == 0
    assert found('[[tool.poetry.source]]\nurl = "https://one.test"\npriority = "supplemental"\n') == 1


def test_declared_ranges_have_no_version() -> None:
    read = Read()
    pyproject(
        '[project]\ndependencies = ["a>=1", "b==2"]\n[tool.poetry.dependencies]\npython = "^3"\nc = "^1"\nd = "1.0"\ne = {git = "https://x.test"}',  # noqa: E501
        "p",
        read,
    )
    pipfile('[packages]\nf = "==1.5"\ng = "*"\n', "Pipfile", read)
    assert {each.name: each.version for each in read.dependencies} == {
        "a": None,
        "b": "2",
        "c": None,
        "d": "1.0",
        "e": None,
        "f": "1.5",
        "g": None,
    }


def test_setuptools() -> None:
    read = Read()
    setup_cfg(
        "[options]\ninstall_requires =\n    a==1\n    b>=2; x\n[options.extras_require]\nx = c==3\n[other]\ny=1\n",
        "setup.cfg",
        read,
    )
    setup_py(
        b"r = 1\nrequires = ['d==4']\nsetup(name='n', install_requires=requires + ['e'], extras_require={'x': ['f>=1']})",  # noqa: E501
        "setup.py",
        read,
    )
    assert {each.name: each.version for each in read.dependencies} == {
        "a": "1",
        "b": None,
        "c": "3",
        "d": "4",
        "e": None,
        "f": None,
    }
    with pytest.raises(ValueError, match="Error"):
        setup_cfg("no section = 1", "setup.cfg", read)


def test_npm() -> None:
    read = Read()
    package_lock(
        json.dumps(
            {
                "packages": {
                    "": {"name": "root"},
                    "node_modules/@a/b": {"version": "1.0.0", "integrity": "sha512-x"},
                    "node_modules/alias": {"name": "Real", "version": "2.0.0", "resolved": "http://h.test/r.tgz"},
                    "node_modules/git": {"version": "1.0.0", "resolved": "git+ssh://git@h.test/x.git#1"},
                    "node_modules/here": {"resolved": "lib", "link": True},
                }
            }
        ).encode(),
        "package-lock.json",
        read,
    )
    package_json(
        b'{"dependencies": {"x": "npm:real-x@1.2.3", "y": "^1.0.0", "z": "github:a/b", "w": "file:../w"}}',
        "package.json",
        read,
    )
    assert [(each.name, each.version, each.origin) for each in read.dependencies] == [
        ("@a/b", "1.0.0", Origin.REGISTRY),
        ("real", "2.0.0", Origin.REGISTRY),
        ("git", "1.0.0", Origin.VCS),
        ("real-x", "1.2.3", Origin.REGISTRY),
        ("y", None, Origin.REGISTRY),
        ("z", None, Origin.VCS),
        ("w", None, Origin.PATH),
    ]
    assert facts(read) == {rule_for("dependency.plain-transport").id}


def test_a_lock_file_nested_without_end_is_read_to_its_end() -> None:
    deep = '{"dependencies":{"a":' * 200 + '{"version":"1.0.0"}' + "}}" * 200
    read = Read()
    package_lock(deep.encode(), "package-lock.json", read)
    assert len(read.dependencies) == 200
    with pytest.raises(ValueError, match="JSON"):
        package_lock(b'{"a":' * 100_000, "package-lock.json", read)


def test_conda() -> None:
    read = Read()
    environment(
        "name: x\nchannels:\n  - conda-forge\ndependencies:\n- numpy=1.26.4=py311_0  # c\n- conda-forge::scipy\n- pip\n- pip:\n  - 'requests==2.0'\n  - a\n- last=1\nprefix: /x\n",  # noqa: E501
        "environment.yml",
        read,
    )
    assert [(each.ecosystem, each.name, each.version) for each in read.dependencies] == [
        ("conda", "numpy", "1.26.4"),
        ("conda", "scipy", None),
        ("PyPI", "requests", "2.0"),
        ("PyPI", "a", None),
        ("conda", "last", "1"),
    ]
    with pytest.raises(ValueError, match="plain list"):
        environment("dependencies: [a, b]\n", "environment.yml", read)


def test_a_lock_file_that_is_none_is_a_finding_and_never_clean(tmp_path: Path) -> None:
    names = (
        "poetry.lock",
        "uv.lock",
        "Pipfile.lock",
        "package-lock.json",
        "package.json",
        "pyproject.toml",
        "environment.yml",
    )
    for name in names:
        report = scan_dependencies(planted(tmp_path / name, {name: b"\xff{ not this [\n - x"}))
        assert report.verdict is Verdict.SUSPICIOUS, name
        assert list(report.unreadable) == [name]


def test_without_versions_hashes_and_a_database_the_report_says_so(tmp_path: Path) -> None:
    planted(tmp_path, {"requirements.txt": "aaa\nbbb==1\nccc @ https://h.test/c.whl\n"})
    report = scan_dependencies(tmp_path)
    found = {finding.rule for finding in report.findings}
    assert {rule_for(f"dependency.{kind}").id for kind in ("unpinned", "hashless", "direct", "unchecked")} <= found
    assert len(report.checked) == 3


REAL = [text for case in cases() if case.kind == "vulnerable pin" for text in case.files.values()]
TEXTS: list[Callable[[str, str, Read], object]] = [requirements, pyproject, pipfile, lock, environment, setup_cfg]
BYTES: list[Callable[[bytes, str, Read], None]] = [pipfile_lock, package_json, package_lock, setup_py]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(REAL),
    st.lists(st.tuples(st.integers(0, 10_000), st.text(max_size=4), st.integers(0, 6)), max_size=4),
    st.data(),
)
def test_mutations_of_real_files_are_read_or_refused(
    text: str, edits: list[tuple[int, str, int]], data: st.DataObject
) -> None:
    for at, new, gone in edits:
        place = at % (len(text) + 1)
        text = text[:place] + new + text[place + gone :]
    for reader in TEXTS:
        with contextlib.suppress(ValueError):
            reader(text, "f", Read())
    for raw in BYTES:
        with contextlib.suppress(ValueError):
            raw(text.encode("utf-8", "surrogatepass"), "f", Read())
