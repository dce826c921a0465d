"""Data sets: what is measured, what the metadata say, and where the two differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.core.digests import Digest
from casemate.threats.supply_chain.datasets.croissant import (
    Croissant,
    Field,
    FileObject,
    RecordSet,
    read_croissant,
    write_croissant,
)
from casemate.threats.supply_chain.datasets.describe import describe_dataset
from casemate.threats.supply_chain.datasets.licenses import terms
from casemate.threats.supply_chain.datasets.repeats import Repeats, repeats
from casemate.threats.supply_chain.rules import rule_for
from casemate.threats.supply_chain.verdict import Verdict

LONG = "the patient was seen in the clinic on monday and was sent home with new tablets for the heart"


def rule(kind: str) -> str:
    return rule_for(f"dataset.{kind}").id


def rules(folder: Path) -> set[str]:
    return {finding.rule for finding in describe_dataset(folder).findings}


def counts(found: Repeats) -> tuple[int, int]:
    return found.exact, found.near


def table(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({f"c{n}": rng.integers(0, 1000, rows) for n in range(6)} | {"x": rng.normal(size=rows)})


def test_files_are_hashed_and_tables_described(tmp_path: Path) -> None:
    table(30, 0).to_csv(tmp_path / "train.csv", index=False)
    (tmp_path / "notes.txt").write_text("n")
    report = describe_dataset(tmp_path)
    assert [(each.name, each.rows, each.split) for each in report.files] == [
        ("notes.txt", None, ""),
        ("train.csv", 30, "train"),
    ]
    assert report.files[1].digest == Digest.of_file(tmp_path / "train.csv")
    assert report.files[1].schema is not None
    assert report.files[1].schema.names == (*(f"c{n}" for n in range(6)), "x")


def test_repeats_within_and_across_exact_and_near(tmp_path: Path) -> None:
    train, test = table(50, 1), table(40, 2)
    test.iloc[0] = train.iloc[3]
    test.iloc[1] = train.iloc[4]
    test.loc[1, "c2"] = 5000
    found = repeats("train", train, "test", test)
    assert (found.exact, found.near, found.rows) == (1, 1, 40)
    assert counts(repeats("a", train, "a", train)) == (0, 0)
    twice = pd.concat([train, train.head(7)])
    assert repeats("a", twice, "a", twice).exact == 7
    train.to_csv(tmp_path / "x_train.csv", index=False)
    test.to_csv(tmp_path / "x_test.csv", index=False)
    assert rule("leak") in rules(tmp_path)
    assert describe_dataset(tmp_path).verdict is Verdict.SUSPICIOUS


def test_values_in_other_columns_are_another_row() -> None:
    one, two = pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"a": [2], "b": [1]})
    assert repeats("1", one, "2", two).exact == 0


def test_texts_that_differ_in_a_word_are_near() -> None:
    one = pd.DataFrame({"text": [LONG, "short text"]})
    changed = LONG.replace("heart", "hands")
    two = pd.DataFrame({"text": [changed, "short words", " ".join(reversed(LONG.split()))]})
    assert counts(repeats("1", one, "2", two)) == (0, 1)


def test_the_same_file_twice(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        table(5, 3).to_csv(tmp_path / name, index=False)
    assert rule("repeated-file") in rules(tmp_path)


def test_metadata_written_from_what_was_measured_are_read_back(tmp_path: Path) -> None:
    table(10, 4).to_csv(tmp_path / "train.csv", index=False)
    about = describe_dataset(tmp_path).describe()
    raw = write_croissant(about)
    assert read_croissant(raw) == about
    assert b"license" not in raw
    (tmp_path / "croissant.json").write_bytes(raw)
    report = describe_dataset(tmp_path)
    assert report.croissant == about
    assert not {rule("digest"), rule("missing"), rule("schema"), rule("metadata")} & rules(tmp_path)
    assert rule("license-none") in rules(tmp_path)
    (tmp_path / "train.csv").write_text("c0\n1\n2\n")
    assert {rule("digest"), rule("schema")} <= rules(tmp_path)


def metadata(folder: Path, files: list[dict[str, Any]], **more: Any) -> None:
    whole = {
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "n",
        "distribution": files,
        **more,
    }
    (folder / "croissant.json").write_text(json.dumps(whole))


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("../../etc/passwd", "escape"),
        ("/etc/passwd", "escape"),
        ("..\\x", "escape"),
        ("C:\\x.csv", "escape"),
        ("a/../../x", "escape"),
        ("gone.csv", "missing"),
        ("https://h.test/x.csv", "remote"),
        ("http://h.test/x.csv", "remote-unchecked"),
    ],
)
def test_where_files_lie(tmp_path: Path, url: str, kind: str) -> None:
    metadata(tmp_path, [{"@type": "cr:FileObject", "@id": "f", "contentUrl": url}])
    assert rule(kind) in rules(tmp_path)


def test_patterns_that_leave_the_data_set_and_archives_that_are_not_there(tmp_path: Path) -> None:
    metadata(tmp_path, [{"@type": "cr:FileSet", "@id": "s", "includes": "../*.csv", "containedIn": {"@id": "nothing"}}])
    assert {rule("escape"), rule("metadata")} <= rules(tmp_path)


def test_licenses(tmp_path: Path) -> None:
    for declared, kind in (
        (None, "license-none"),
        ("see the paper", "license-unknown"),
        ("https://creativecommons.org/licenses/by-nc-nd/4.0/", "license-limits"),
    ):
        metadata(tmp_path, [], **({"license": declared} if declared else {}))
        assert rule(kind) in rules(tmp_path)
    metadata(tmp_path, [], license={"@id": "https://spdx.org/licenses/CC-BY-4.0.html"})
    assert not {rule("license-none"), rule("license-limits")} & rules(tmp_path)
    assert terms("CC0 1.0") is not None


def test_other_spellings_of_the_format() -> None:
    raw = {
        "@type": ["http://schema.org/Dataset"],
        "dct:conformsTo": ["http://mlcommons.org/croissant/1.1"],
        "name": [{"@value": "n"}],
        "creator": {"name": "somebody"},
        "distribution": {
            "@type": "http://mlcommons.org/croissant/FileObject",
            "@id": "f",
            "contentUrl": "a.csv",
            "sha256": "AB",
        },
        "cr:recordSet": [
            {
                "@id": "r",
                "field": {
                    "@id": "r/x",
                    "dataType": ["sc:Text", "x"],
                    "source": {"fileObject": {"@id": "f"}, "extract": {"column": "x"}},
                },
            }
        ],
    }
    assert read_croissant(json.dumps(raw).encode()) == Croissant(
        name="n",
        version="1.1",
        creators=("somebody",),
        files=(FileObject(id="f", url="a.csv", sha256="ab"),),
        records=(RecordSet(id="r", fields=(Field(id="r/x", type="sc:Text", file="f", column="x"),)),),
    )


def test_what_is_no_metadata(tmp_path: Path) -> None:
    for raw in (b"", b"[]", b'{"@type": "Person"}', b'{"@type": "sc:Dataset", "name": "x"}', b"{" * 100_000):
        with pytest.raises(ValueError, match="it "):
            read_croissant(raw)
    (tmp_path / "a.json").write_text('{"x": "http://mlcommons.org/croissant/1.0"}')
    assert rule("metadata") in rules(tmp_path)


def test_a_table_that_cannot_be_read_is_not_clean(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nothing")
    assert rule("unreadable") in rules(tmp_path)
    assert describe_dataset(tmp_path).verdict is Verdict.SUSPICIOUS


KEYS = [
    "@type",
    "@id",
    "name",
    "license",
    "distribution",
    "recordSet",
    "field",
    "source",
    "extract",
    "column",
    "dataType",
    "containedIn",
    "includes",
    "contentUrl",
    "creator",
]
JSON = st.recursive(
    st.none() | st.text(max_size=8) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS[2:]), JSON, max_size=6))
def test_any_object_is_read_or_refused_and_what_is_read_is_stable(raw: dict[str, Any]) -> None:
    try:
        about = read_croissant(json.dumps({**raw, "@type": "sc:Dataset"}).encode())
    except ValueError:
        return
    written = read_croissant(write_croissant(about))
    assert write_croissant(written) == write_croissant(read_croissant(write_croissant(written)))
