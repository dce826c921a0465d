"""The door: a folder of data in; hashes, schema, repeats, provenance and findings out."""

from __future__ import annotations

import itertools
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from casemate.core.digests import Digest
from casemate.core.errors import CasemateError
from casemate.core.findings import Finding
from casemate.data.infer import infer_schema
from casemate.data.read import read_frame
from casemate.data.schema import Schema
from casemate.threats.supply_chain.datasets.croissant import (
    MOST,
    Croissant,
    Field,
    FileObject,
    RecordSet,
    read_croissant,
)
from casemate.threats.supply_chain.datasets.licenses import terms
from casemate.threats.supply_chain.datasets.repeats import Repeats, repeats
from casemate.threats.supply_chain.found import found, judged
from casemate.threats.supply_chain.tree import Entry, Skipped, Walk, read
from casemate.threats.supply_chain.tree import digest as digest_of
from casemate.threats.supply_chain.verdict import Verdict

TABLES = (".csv", ".parquet", ".npz")
MOST_TABLE = 2 << 30
_SPLIT = re.compile(
    r"(?:^|[^a-z])(train(?:ing)?|test(?:ing)?|val(?:id(?:ation)?)?|dev|holdout|eval)(?:[^a-z]|$)", re.IGNORECASE
)
_TYPES = {
    "number": "sc:Float",
    "integer": "sc:Integer",
    "boolean": "sc:Boolean",
    "category": "sc:Text",
    "date": "sc:Date",
}
_MEDIA = {
    ".csv": "text/csv",
    ".parquet": "application/x-parquet",
    ".npz": "application/zip",
    ".json": "application/json",
}


@dataclass(frozen=True)
class DataFile:
    """A file of the data set.

    Attributes:
        name: relative to the folder.
        size: bytes.
        digest: SHA-256.
        rows: of a table; None for other files and tables that cannot be read.
        schema: what its columns seem to hold; None where ``rows`` is.
        split: "train", "test", ... by its name, or "".
    """

    name: str
    size: int
    digest: Digest
    rows: int | None = None
    schema: Schema | None = None
    split: str = ""


@dataclass(frozen=True)
class DatasetReport:
    """What a data set is made of, and what is wrong with it.

    Attributes:
        name: of the folder or file.
        files: every file, in order.
        repeats: within each table, and across tables of different splits.
        croissant: its metadata, or None.
        license: as declared in the metadata, "" if nobody declared one: that is a finding, never a guess.
        findings, skipped: as of every door.
    """

    name: str
    files: tuple[DataFile, ...]
    repeats: tuple[Repeats, ...]
    croissant: Croissant | None
    license: str
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]

    @property
    def verdict(self) -> Verdict:
        """``unreadable`` where a table was not understood."""
        lost = any(each.rows is None and each.name.lower().endswith(TABLES) for each in self.files)
        return judged(self.findings, readable=not lost)

    def describe(self) -> Croissant:
        """Metadata from what was measured and what was declared, nothing else."""
        given = self.croissant or Croissant(name=self.name)
        names = {each.name: f"file-{at}" for at, each in enumerate(self.files, 1)}
        files = tuple(
            FileObject(
                id=names[each.name],
                name=each.name,
                url=each.name,
                format=_MEDIA.get(posixpath.splitext(each.name)[1].lower(), "application/octet-stream"),
                sha256=each.digest.hex,
                size=f"{each.size} B",
            )
            for each in self.files
        )
        records = tuple(_records(each, names[each.name]) for each in self.files if each.schema is not None)
        return Croissant(
            name=given.name,
            description=given.description,
            url=given.url,
            license=given.license,
            citation=given.citation,
            creators=given.creators,
            published=given.published,
            files=files,
            records=records,
        )


@dataclass
class _Work:
    findings: list[Finding] = field(default_factory=list)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    def fact(self, kind: str, message: str, place: str, logical: str = "") -> None:
        self.findings.append(found(kind, message, place, logical or place))


def describe_dataset(path: Path | str) -> DatasetReport:
    r"""Hash, read and compare the files of a data set.

    Args:
        path: a folder, or one table. Tables are ``.csv``, ``.parquet`` and ``.npz``; other files are hashed. A JSON
            file that is Croissant metadata is read, and its hashes and columns are compared with the files.

    Raises:
        UnreadableError: there is nothing at ``path``.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     size = (Path(folder) / "train.csv").write_text("a,b\n1,2\n1,2\n")
        ...     report = describe_dataset(folder)
        >>> report.files[0].rows, report.repeats[0].exact, report.license
        (2, 1, '')
    """
    path = Path(path)
    walk, work = Walk(path), _Work()
    files: list[DataFile] = []
    croissants: list[tuple[str, Croissant]] = []
    for entry in walk:
        try:
            about = _croissant(entry, work)
            if about is not None:
                croissants.append((entry.name, about))
                continue
            files.append(_described(entry, work))
        except OSError as error:
            walk.skipped.append(Skipped(entry.name, type(error).__name__))
            work.fact("dataset.unreadable", f"cannot be read: {type(error).__name__}", entry.name)
    for place, each in croissants:
        _compare(place, each, {file.name: file for file in files}, work)
    about = croissants[0][1] if croissants else None
    license_ = _license(about, path.name, work)
    return DatasetReport(
        name=path.name,
        files=tuple(files),
        repeats=_repeats(files, work),
        croissant=about,
        license=license_,
        findings=tuple(dict.fromkeys(work.findings)),
        skipped=tuple(walk.skipped),
    )


def _described(entry: Entry, work: _Work) -> DataFile:
    digest = Digest(digest_of(entry, "sha256").hex())
    split = _SPLIT.search(entry.name)
    about = DataFile(entry.name, entry.size, digest, split=split[1].lower() if split else "")
    if not entry.name.lower().endswith(TABLES):
        return about
    try:
        if entry.size > MOST_TABLE:
            raise CasemateError(f"it has more than {MOST_TABLE >> 30} GiB")
        frame = read_frame(entry.path)
        work.tables[entry.name] = frame
        return DataFile(entry.name, entry.size, digest, len(frame), infer_schema(frame), about.split)
    except CasemateError as error:
        work.fact("dataset.unreadable", f"is no table that can be read: {error.cause or error.message}", entry.name)
        return about


def _croissant(entry: Entry, work: _Work) -> Croissant | None:
    """The metadata in a JSON file; None for other JSON."""
    if not entry.name.lower().endswith((".json", ".jsonld")) or entry.size > MOST:
        return None
    raw = read(entry, MOST)
    if b"croissant" not in raw and b"recordSet" not in raw:
        return None
    try:
        return read_croissant(raw)
    except ValueError as error:
        if b"mlcommons.org/croissant" in raw:
            work.fact("dataset.metadata", f"is meant as Croissant metadata, but {error}", entry.name)
        return None


def _compare(place: str, about: Croissant, files: dict[str, DataFile], work: _Work) -> None:
    if about.version not in {"1.0", "1.1"}:
        work.fact("dataset.metadata", "does not say which version of Croissant it conforms to", place)
    known = {each.id: each for each in about.files}
    base = posixpath.dirname(place)
    for each in about.files:
        logical = f"{place}:{each.id}"
        if any(name not in known for name in each.inside):
            work.fact("dataset.metadata", f"{each.id} is contained in something that is not described", place, logical)
        if each.includes or each.inside:
            if any(_escapes("", pattern) for pattern in each.includes):
                work.fact("dataset.escape", f"{each.id} includes files outside of the data set", place, logical)
            continue
        if "://" in each.url:
            kind = (
                "dataset.remote"
                if each.sha256 or not each.url.lower().startswith(("http://", "ftp://"))
                else "dataset.remote-unchecked"
            )
            work.fact(
                kind,
                f"{each.id} lies elsewhere and was not fetched{'' if each.sha256 else '; it has no sha256'}",
                place,
                logical,
            )
            continue
        if _escapes(base, each.url):
            work.fact("dataset.escape", f"{each.id} points outside of the data set", place, logical)
            continue
        file = files.get(posixpath.normpath(posixpath.join(base, each.url)))
        if file is None:
            work.fact("dataset.missing", f"{each.id} is described but not there", place, logical)
        elif not each.sha256:
            work.fact("dataset.missing", f"{each.id} is described without a sha256", place, logical)
        elif each.sha256 != file.digest.hex:
            work.fact("dataset.digest", f"{each.id} is not the file that its sha256 names", place, logical)
        if file is not None and file.schema is not None:
            asked = {
                inner.column
                for record in about.records
                for inner in record.fields
                if inner.file == each.id and inner.column
            }
            gone = sorted(asked - set(file.schema.names))
            if gone:
                work.fact("dataset.schema", f"{each.id} has no column {', '.join(gone[:5])}", place, logical)
    for gap, value in (("citation", about.citation), ("creator", "".join(about.creators))):
        if not value:
            work.fact("dataset.provenance", f"no {gap} is declared", place, f"{place}:{gap}")


def _escapes(base: str, path: str) -> bool:
    plain = path.replace("\\", "/")
    joined = posixpath.normpath(posixpath.join(base, plain))
    return (
        plain.startswith("/")
        or bool(re.match(r"[A-Za-z]:", plain))
        or joined == ".."
        or joined.startswith("../")
        or "\0" in path
    )


def _license(about: Croissant | None, name: str, work: _Work) -> str:
    declared = about.license if about else ""
    if not declared:
        work.fact("dataset.license-none", "no license is declared: what may be done with the data is not known", name)
        return ""
    known = terms(declared)
    if known is None:
        work.fact("dataset.license-unknown", "the declared license is none that is known here; read it", name)
    elif not known.commercial or not known.derivatives or known.share_alike:
        limits = ["no commercial use"] * (not known.commercial) + ["no adapted copies"] * (not known.derivatives)
        limits += ["adapted copies under the same license"] * known.share_alike
        work.fact("dataset.license-limits", f"{known.id}: {', '.join(limits)}", name)
    return declared


def _repeats(files: list[DataFile], work: _Work) -> tuple[Repeats, ...]:
    made: list[Repeats] = []
    same: dict[str, list[str]] = {}
    for file in files:
        same.setdefault(file.digest.hex, []).append(file.name)
    for names in same.values():
        if len(names) > 1:
            work.fact("dataset.repeated-file", f"is the same file as {', '.join(names[1:4])}", names[0])
    for name, frame in work.tables.items():
        each = repeats(name, frame, name, frame)
        made.append(each)
        if each.exact or each.near:
            work.fact(
                "dataset.repeated", f"{each.exact} of {each.rows} rows repeat an earlier row, {each.near} nearly", name
            )
    split = {file.name: file.split for file in files if file.name in work.tables}
    for one, two in itertools.combinations(split, 2):
        if split[one] and split[two] and split[one] != split[two]:
            first, second = (
                (one, two) if split[one].startswith("train") or not split[two].startswith("train") else (two, one)
            )
            each = repeats(first, work.tables[first], second, work.tables[second])
            made.append(each)
            if each.exact or each.near:
                message = f"{each.exact} of {each.rows} rows stand in {first} as well, {each.near} nearly"
                work.fact("dataset.leak", message, second, f"{first}:{second}")
    return tuple(made)


def _records(each: DataFile, file: str) -> RecordSet:
    stem = f"{file}-rows"
    columns = each.schema.columns if each.schema is not None else ()
    fields = tuple(
        Field(id=f"{stem}/{column.name}", name=column.name, type=_TYPES[column.type], file=file, column=column.name)
        for column in columns
    )
    return RecordSet(id=stem, name=f"rows of {each.name}", fields=fields)
