"""An OSV database that the user points to: a folder of JSON files, an ecosystem's ``all.zip``, or a folder of those.

It is read once and kept as an index in the user's cache, under the digest of the names, sizes and times of its files: a
database that changes is read again. Nothing is fetched. Reading is bounded: members and bytes are counted, and a record
that cannot be read is counted too, because a database with holes cannot say that something is not vulnerable.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from casemate.core.errors import UnreadableError
from casemate.threats.supply_chain.dependencies.advisories import Advisory, advisories
from casemate.threats.supply_chain.tree import Walk, read

MOST_RECORD = 8 << 20
MOST_RECORDS = 2_000_000
FORMAT = "casemate.osv/1"


class Database(msgspec.Struct, frozen=True):
    """Advisories by ecosystem and package.

    Attributes:
        packages: "ecosystem/name" -> advisories.
        ecosystems: those it has any record of.
        newest: the latest ``modified`` of any record, "" if none has one: the date up to which it knows anything.
        records, broken: how many records were read, and how many could not be.
        digest: of the files it was made from.
    """

    packages: dict[str, tuple[Advisory, ...]]
    ecosystems: tuple[str, ...]
    newest: str
    records: int
    broken: int
    digest: str
    format: str = FORMAT

    def of(self, ecosystem: str, name: str) -> tuple[Advisory, ...]:
        """The advisories of a package, its name normalized."""
        return self.packages.get(f"{ecosystem}/{name}", ())


def open_database(path: Path | str, cache: Path | None = None) -> Database:
    """Read a database, or the index made of it before.

    Args:
        path: a folder, or a zip archive, of OSV records.
        cache: where indexes are kept; ``CASEMATE_CACHE``, ``XDG_CACHE_HOME`` or ``~/.cache`` unless given.

    Raises:
        UnreadableError: there is nothing there, or no record in it.
    """
    path = Path(path)
    walk = Walk(path)
    entries = [entry for entry in walk if entry.name.lower().endswith((".json", ".zip"))]
    state = hashlib.sha256(FORMAT.encode())
    for entry in entries:
        state.update(
            f"{entry.name}\0{entry.size}\0{entry.path.stat().st_mtime_ns}\n".encode("utf-8", "surrogateescape")
        )
    folder = cache or _cache_folder()
    kept = folder / f"osv-{state.hexdigest()[:32]}.msgpack"
    found = _kept(kept, state.hexdigest())
    if found is None:
        found = _build(path, [(entry.name, entry.path) for entry in entries], state.hexdigest())
        _keep(kept, found)
    return found


def _build(path: Path, files: list[tuple[str, Path]], digest: str) -> Database:
    packages: dict[str, list[Advisory]] = {}
    newest, records, broken = "", 0, 0
    for raw in _records(files):
        if records + broken >= MOST_RECORDS:
            raise UnreadableError(
                f"{path.name} has more than {MOST_RECORDS} records", next_step="give one ecosystem at a time"
            )
        try:
            value = msgspec.json.decode(raw or b"")
            for ecosystem, name, advisory in advisories(value):
                packages.setdefault(f"{ecosystem}/{name}", []).append(advisory)
            newest = max(newest, _stamp(str(value.get("modified", ""))))
            records += 1
        except (msgspec.DecodeError, ValueError, TypeError, AttributeError, RecursionError):
            broken += 1
    if not records:
        raise UnreadableError(
            f"{path.name} holds no advisory in the OSV format",
            cause=f"{broken} records could not be read" if broken else "it has no .json and no .zip file",
            next_step="download all.zip of the ecosystem from the OSV project, and give that file or its folder",
        )
    named = {name: tuple(found) for name, found in packages.items()}
    return Database(named, tuple(sorted({name.partition("/")[0] for name in named})), newest, records, broken, digest)


def _stamp(text: str) -> str:
    try:
        return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC).date().isoformat()
    except (ValueError, OverflowError):
        return ""


def _records(files: list[tuple[str, Path]]) -> Iterator[bytes | None]:
    """The bytes of each record, None for one that cannot be read."""
    for name, path in files:
        if name.lower().endswith(".zip"):
            yield from _archived(path)
        else:
            try:
                raw = read_file(path)
            except OSError:
                raw = None
            yield raw


def read_file(path: Path) -> bytes | None:
    """At most ``MOST_RECORD`` bytes of a regular file; None if it has more."""
    from_walk = next(iter(Walk(path)), None)
    if from_walk is None or from_walk.size > MOST_RECORD:
        return None
    return read(from_walk, MOST_RECORD)


def _archived(path: Path) -> Iterator[bytes | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if not member.filename.lower().endswith(".json"):
                    continue
                try:
                    with archive.open(member) as stream:
                        raw = stream.read(MOST_RECORD + 1)
                except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError):
                    raw = None
                yield raw if raw is None or len(raw) <= MOST_RECORD else None
    except (zipfile.BadZipFile, OSError):
        yield None


def _cache_folder() -> Path:
    named = os.environ.get("CASEMATE_CACHE")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "casemate"


def _kept(path: Path, digest: str) -> Database | None:
    """The index in the cache if it is ours, whole, and of this database."""
    try:
        raw = path.read_bytes()
        if hashlib.sha256(raw[32:]).digest() != raw[:32]:
            return None
        found = msgspec.msgpack.decode(raw[32:], type=Database)
    except (OSError, msgspec.DecodeError, RecursionError):
        return None
    return found if found.digest == digest and found.format == FORMAT else None


def _keep(path: Path, database: Database) -> None:
    """Publish by rename; a cache that cannot be written is no error."""
    raw = msgspec.msgpack.encode(database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".osv-", delete=False) as stream:
            stream.write(hashlib.sha256(raw).digest() + raw)
        Path(stream.name).replace(path)
    except OSError:
        return
