"""Scanning files: one, or all below folders, by several processes; the results do not depend on how many."""

from __future__ import annotations

import importlib
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import msgspec

from casemate.core.errors import UnreadableError
from casemate.core.findings import Finding
from casemate.core.observer import Observer, Silent
from casemate.threats.supply_chain.artifact import Artifact, Scanned, failed, judged, made, with_findings
from casemate.threats.supply_chain.claims import Siblings
from casemate.threats.supply_chain.engine import scan_view
from casemate.threats.supply_chain.report import Settings
from casemate.threats.supply_chain.rules import rule_for
from casemate.threats.supply_chain.source import SMALL, Hashing, Source
from casemate.threats.supply_chain.view import View, printable
from casemate.threats.supply_chain.walk import Entry, listed, walk

if TYPE_CHECKING:
    from casemate.threats.supply_chain.children import Children

TASK: Final = "scanning (MiB)"
CAN_FORK: Final = hasattr(os, "fork")
"""Whether this system can make children that share what their parent has read; without, all is done in this process."""

HELD: Final = 50_000
"""Files of one folder that are held back for their siblings; in a larger one, later files cannot account for them."""

_MIB: Final = 1 << 20
_DIED: Final = "the process that read it died: the file became shorter meanwhile, or needs more memory than there is"


def scan_bytes(data: bytes, settings: Settings, name: str = "bytes") -> Artifact:
    """Scan bytes that are in memory."""
    source = View(data, where=name.replace("!", "?"))
    from_view = scan_view(source, settings)
    return made(name, from_view, len(data), "").artifact


def scan_file(path: str | os.PathLike[str], settings: Settings, *, hashed: bool = True) -> Artifact:
    """Scan one file, in a child process if it is too large to be read into memory.

    Whatever is wrong with the file is said in the artifact; nothing is raised.
    """
    (artifact,) = scan_paths([path], settings, hashed=hashed)
    return artifact


def scan_paths(
    paths: Iterable[str | os.PathLike[str]],
    settings: Settings,
    workers: int = 1,
    observer: Observer | None = None,
    *,
    hashed: bool = True,
) -> list[Artifact]:
    """Scan files and folders; one artifact for each file given or found, in the order of ``walk``.

    Args:
        paths: files and folders; a path that cannot be read is an artifact too.
        settings: what the scan may do, and whose names it trusts.
        workers: processes.
        observer: hears about progress.
        hashed: whether to compute SHA-256, for which every byte must be read.

    Example:
        >>> import tempfile, pathlib
        >>> from casemate.threats.supply_chain.pickles.allowlist import reviewed
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = pathlib.Path(folder, "empty.pkl").write_bytes(b"")
        ...     [str(found.verdict) for found in scan_paths([folder], Settings(allow=reviewed()))]
        ['unreadable']
    """
    return list(scan_each(paths, settings, workers, observer, hashed=hashed))


def scan_each(
    paths: Iterable[str | os.PathLike[str]],
    settings: Settings,
    workers: int = 1,
    observer: Observer | None = None,
    *,
    hashed: bool = True,
) -> Iterator[Artifact]:
    """As ``scan_paths``, one artifact at a time: only the files of one folder are held back, for their siblings."""
    given = [os.fspath(path) for path in paths]
    yield from _each(lambda: walk(given), settings, workers, observer or Silent(), hashed=hashed)


def scan_names(
    root: str | os.PathLike[str],
    names: Iterable[str],
    settings: Settings,
    workers: int = 1,
    observer: Observer | None = None,
) -> Iterator[Artifact]:
    """As ``scan_each``, of these files below a folder and no others; their paths are the names. Links are not followed.

    Args:
        root: the folder.
        names: paths below it, with "/".
        settings: what the scan may do, and whose names it trusts.
        workers: processes.
        observer: hears about progress.

    Returns:
        The files of a folder before those of its subfolders, both sorted by name.
    """
    folder = os.fspath(root)
    entries = [listed(folder, name) for name in sorted(names, key=lambda each: (each.split("/")[:-1], each))]
    yield from _each(lambda: iter(entries), settings, workers, observer or Silent(), hashed=True)


def _each(
    entries: Callable[[], Iterator[Entry]], settings: Settings, workers: int, observer: Observer, *, hashed: bool
) -> Iterator[Artifact]:
    bar = _Bar(observer, entries)

    def work(entry: Entry, progress: Callable[[int], None]) -> bytes:
        return msgspec.json.encode(_examine(entry, settings, hashed=hashed, progress=progress))

    children = _Late(lambda: _children(work, workers, bar.advance))
    roots: dict[str, Siblings] = {}
    held: list[tuple[Entry, Scanned]] = []
    try:
        for entry, scanned in _scanned(entries(), children, settings, workers, bar, hashed=hashed):
            if held and (len(held) >= HELD or _folder(held[0][0]) != _folder(entry)):
                yield from _settle(held, roots)
                held = []
            held.append((entry, scanned))
        yield from _settle(held, roots)
    finally:
        children.close()
    bar.end()


class _Late:
    """Children that are made when the first job for them comes: most scans are of one small file and need none."""

    def __init__(self, make: Callable[[], Children[Entry]]) -> None:
        self._make = make
        self._made: Children[Entry] | None = None

    def get(self) -> Children[Entry]:
        self._made = self._made or self._make()
        return self._made

    def close(self) -> None:
        if self._made is not None:
            self._made.close()


def _children(
    work: Callable[[Entry, Callable[[int], None]], bytes], count: int, heard: Callable[[int], None]
) -> Children[Entry]:
    module = importlib.import_module("casemate.threats.supply_chain.children")
    return cast("Children[Entry]", module.Children(work, count, heard))


def _scanned(
    entries: Iterator[Entry],
    children: _Late,
    settings: Settings,
    workers: int,
    bar: _Bar,
    *,
    hashed: bool,
) -> Iterator[tuple[Entry, Scanned]]:
    """Each entry with its result, in order: small files of a lone worker here, all others in children."""
    if workers > 1 and CAN_FORK:
        for entry, answer in children.get().each(entries):
            yield entry, _read(entry, answer)
        return
    for entry in entries:
        if entry.size > SMALL and not entry.trouble and CAN_FORK:
            for same, answer in children.get().each([entry]):
                yield same, _read(same, answer)
        else:
            yield entry, _examine(entry, settings, hashed=hashed, progress=bar.advance)


def _read(entry: Entry, answer: bytes | None) -> Scanned:
    if answer is None:
        return failed(entry.shown, _DIED, entry.size)
    return msgspec.json.decode(answer, type=Scanned)


def _examine(entry: Entry, settings: Settings, *, hashed: bool, progress: Callable[[int], None]) -> Scanned:
    """Scan one file in this process, whatever happens."""
    if entry.trouble:
        return failed(entry.shown, entry.trouble)
    try:
        with Source(entry.path, follow=entry.follow) as source:
            view = source.view(printable(posixpath.basename(entry.shown)).replace("!", "?"))
            hashing = Hashing(source, view, progress) if hashed else None
            outcome = scan_view(view, settings)
            digest = hashing.result() if hashing else ""
            trouble = "it changed while it was read" if source.changed() else ""
            return made(entry.shown, outcome, source.size, digest, trouble)
    except UnreadableError as error:
        return failed(entry.shown, error.cause, entry.size)
    except Exception as error:
        return failed(
            entry.shown, f"the scan of it failed ({type(error).__name__}); please report this file", entry.size
        )


def _folder(entry: Entry) -> tuple[str, str]:
    return entry.root, posixpath.dirname(entry.name)


def _settle(held: list[tuple[Entry, Scanned]], roots: dict[str, Siblings]) -> Iterator[Artifact]:
    """The files of one folder, after each has heard what its siblings, and those above, say of it."""
    if not held:
        return
    root = held[0][0].root
    above = roots.setdefault(root, Siblings())
    artifacts = {entry.name: scanned.artifact for entry, scanned in held}
    for entry, scanned in held:
        own = Siblings()
        own.hear(entry.name, scanned.claims)
        for complaint in own.complaints + own.missing(_Disk(root)):
            rule = rule_for(complaint.fact)
            finding = Finding(
                rule=rule.id,
                severity=rule.severity,
                message=printable(complaint.message, 500),
                location=printable(posixpath.basename(entry.shown)).replace("!", "?"),
                logical=printable(complaint.target),
            )
            artifacts[entry.name] = with_findings(artifacts[entry.name], [finding], finding.message)
        for path, claims in own.made.items():
            above.made.setdefault(path, []).extend(claims)
    for entry, scanned in held:
        artifact = artifacts[entry.name]
        if above.made and scanned.unknown:
            artifact = _accounted(artifact, *above.account(entry.name, artifact.bytes))
        yield artifact


def _accounted(artifact: Artifact, what: str, lost: str) -> Artifact:
    if not what:
        return artifact
    if lost:
        return judged(msgspec.structs.replace(artifact, format=what, reason=lost))
    return judged(msgspec.structs.replace(artifact, format=what, formats=(what,), reason="", coverage=1.0))


class _Disk(Mapping[str, int]):
    """Sizes of the files below a folder, asked for one by one."""

    def __init__(self, root: str) -> None:
        self._root = root

    def __getitem__(self, name: str) -> int:
        try:
            return Path(self._root, name).stat().st_size
        except (OSError, ValueError) as error:
            raise KeyError(name) from error

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class _Bar:
    """Bytes done, told to an observer in whole MiB; the total is only looked up where somebody watches."""

    def __init__(self, observer: Observer, entries: Callable[[], Iterator[Entry]]) -> None:
        self._observer = observer
        self._done = 0
        self._told = 0
        if not isinstance(observer, Silent):
            observer.begin(TASK, sum(entry.size for entry in entries()) // _MIB + 1)

    def advance(self, count: int) -> None:
        self._done += count
        steps = self._done // _MIB - self._told
        if steps:
            self._told += steps
            self._observer.advance(TASK, steps)

    def end(self) -> None:
        self._observer.end(TASK)
