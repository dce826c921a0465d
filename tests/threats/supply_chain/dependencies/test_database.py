"""The OSV database: evaluation, archives, holes, the cache, and that not found is not the same as not vulnerable."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import UnreadableError
from casemate.threats.supply_chain.dependencies import database as module
from casemate.threats.supply_chain.dependencies.advisories import advisories
from casemate.threats.supply_chain.dependencies.check import NoneKnown, NotCheckable, Vulnerable, check
from casemate.threats.supply_chain.dependencies.database import Database, open_database
from casemate.threats.supply_chain.dependencies.model import NPM, PYPI, Dependency, Origin
from tests.threats.supply_chain.dependencies.trees import planted


def record(*events: dict[str, str], kind: str = "ECOSYSTEM", **more: Any) -> dict[str, Any]:
    affected = {
        "package": {"ecosystem": "PyPI", "name": "Some.Thing"},
        "ranges": [{"type": kind, "events": list(events)}],
    }
    return {"id": "X-1", "modified": "2026-11-01T10:00:00Z", "affected": [affected], **more}


def affects(raw: dict[str, Any], version: str) -> bool | None:
    return advisories(raw)[0][2].affects("PyPI", version)


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        (({"introduced": "0"}, {"fixed": "2.0"}), ["0", "1.9", "2.0rc1", "1.9.post1"], ["2.0", "2.0.0", "3"]),
        (({"introduced": "1.0"}, {"last_affected": "1.5"}), ["1.0", "1.5", "1.5.0"], ["0.9", "1.5.1", "1.0rc1"]),
        (({"introduced": "0"},), ["0.1", "99!1"], []),
        (
            ({"fixed": "3.1"}, {"introduced": "3.0"}, {"introduced": "0"}, {"fixed": "2.0"}),
            ["1", "3.0.5"],
            ["2.5", "3.1"],
        ),
        (({"introduced": "1", "fixed": "2"},), ["1.5"], ["2", "0.5"]),
    ],
)
def test_ranges(events: tuple[dict[str, str], ...], inside: list[str], outside: list[str]) -> None:
    assert all(affects(record(*events), version) for version in inside)
    assert not any(affects(record(*events), version) for version in outside)


def test_ranges_of_commits_and_strange_versions_are_no_answer() -> None:
    assert affects(record({"introduced": "0"}, kind="GIT"), "1.0") is None
    assert affects(record({"introduced": "0"}, {"fixed": "unknown"}), "1.0") is None
    assert affects(record({"introduced": "0"}), "latest") is None
    listed = record({"introduced": "0"}, kind="GIT")
    listed["affected"][0]["versions"] = ["1.0"]
    assert affects(listed, "1.0.0") is True
    assert affects(listed, "1.1") is False


def test_a_local_version_is_the_public_one() -> None:
    listed = record({"introduced": "1.0"}, {"last_affected": "2.0"})
    listed["affected"][0]["versions"] = ["2.0.0"]
    assert affects(listed, "2.0+cpu") is True
    assert affects(record({"introduced": "1.0"}, {"last_affected": "2.0"}), "2.0+cu118") is True
    assert affects(record({"introduced": "0"}, {"fixed": "2.0"}), "2.0+cpu") is False


def test_commits_beside_versions_leave_no_doubt() -> None:
    both = record({"introduced": "0"}, {"fixed": "2.0"})
    both["affected"][0]["ranges"].append({"type": "GIT", "events": [{"introduced": "0"}]})
    assert affects(both, "2.1") is False
    assert affects(both, "1.9") is True


def test_withdrawn_records_say_nothing() -> None:
    assert advisories(record({"introduced": "0"}, withdrawn="2026-01-01T00:00:00Z")) == []


def database(folder: Path, *records: dict[str, Any]) -> Database:
    files = {f"{at}.json": json.dumps(each) for at, each in enumerate(records)}
    return open_database(planted(folder / "osv", files), folder / "cache")


def test_each_answer_is_a_type(tmp_path: Path) -> None:
    known = database(
        tmp_path,
        record(
            {"introduced": "0"},
            {"fixed": "2"},
            aliases=["CVE-1"],
            severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}],
        ),
    )

    def answer(**fields: Any) -> object:
        return check(
            [Dependency(**{"name": "some-thing", "version": "1", "ecosystem": PYPI, "file": "f", **fields})], known
        )[0]

    hit = answer()
    assert isinstance(hit, Vulnerable)
    assert hit.advisories[0].fixed() == ("2",)
    assert hit.advisories[0].severity == ("CVSS:3.1/AV:N",)
    clear = answer(version="2")
    assert isinstance(clear, NoneKnown)
    assert clear.as_of == "2026-11-01"
    for fields in (
        {"version": None},
        {"origin": Origin.VCS},
        {"ecosystem": NPM},
        {"ecosystem": "conda"},
        {"version": "what"},
    ):
        assert isinstance(answer(**fields), NotCheckable), fields
    assert isinstance(check([Dependency("a", "1", PYPI, "f")], None)[0], NotCheckable)


def test_two_names_of_one_vulnerability_are_one(tmp_path: Path) -> None:
    first = record({"introduced": "0"}, aliases=["CVE-1"])
    second = {**record({"introduced": "0"}), "id": "CVE-1"}
    found = check([Dependency("some-thing", "1", PYPI, "f")], database(tmp_path, first, second))[0]
    assert isinstance(found, Vulnerable)
    assert [each.id for each in found.advisories] == ["X-1"]


def test_archives_and_holes(tmp_path: Path) -> None:
    path = tmp_path / "PyPI" / "all.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X-1.json", json.dumps(record({"introduced": "0"})))
        archive.writestr("X-2.json", "{")
        archive.writestr("X-3.json", "[]")
        archive.writestr("readme.txt", "no record")
    found = open_database(tmp_path, tmp_path / "cache")
    assert (found.records, found.broken, found.ecosystems) == (1, 2, ("PyPI",))
    (tmp_path / "PyPI" / "all.zip").write_bytes(b"PK no archive")
    with pytest.raises(UnreadableError, match="no advisory"):
        open_database(tmp_path, tmp_path / "cache")
    with pytest.raises(UnreadableError):
        open_database(tmp_path / "nothing", tmp_path / "cache")


def test_the_index_is_built_once_and_trusted_only_if_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = database(tmp_path, record({"introduced": "0"}))
    kept = next((tmp_path / "cache").iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(module, "_build", None)  # calling it would fail
        assert open_database(tmp_path / "osv", tmp_path / "cache") == first
    raw = bytearray(kept.read_bytes())
    raw[-1] ^= 1
    kept.write_bytes(raw)
    assert open_database(tmp_path / "osv", tmp_path / "cache") == first
    (tmp_path / "osv" / "1.json").write_text(json.dumps({**record({"introduced": "0"}), "id": "X-9"}))
    assert open_database(tmp_path / "osv", tmp_path / "cache").records == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "affected",
                    "package",
                    "ranges",
                    "events",
                    "versions",
                    "introduced",
                    "name",
                    "ecosystem",
                    "severity",
                    "aliases",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_record_breaks_the_reader(raw: Any) -> None:
    try:
        for ecosystem, _, advisory in advisories(raw):
            advisory.affects(ecosystem, "1.0")
    except (ValueError, TypeError, AttributeError):
        pass  # what the database counts as broken
