"""``casemate scan``."""

from __future__ import annotations

import datetime
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from casemate import __version__
from casemate.cli.lines import bars_if
from casemate.cli.scan_text import WIDTH, Summary, diff_text
from casemate.core.errors import UnreadableError, UsageError
from casemate.core.observer import Observer
from casemate.threats.supply_chain.artifact import SCHEMA, Artifact, failed
from casemate.threats.supply_chain.diff import diff as compare
from casemate.threats.supply_chain.files import scan_each
from casemate.threats.supply_chain.ignore import Ignored, read_ignored
from casemate.threats.supply_chain.options import Format, ScanSection, read_options
from casemate.threats.supply_chain.pickles.allowlist import extended
from casemate.threats.supply_chain.report import Settings
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.walk import printable_path

_LONG = 64 << 20
_EXIT = {Verdict.MALICIOUS: 1, Verdict.SUSPICIOUS: 1, Verdict.UNREADABLE: 3, Verdict.CLEAN: 0}


def scan(
    paths: list[str],
    /,
    *,
    format: Format | None = None,
    workers: int | None = None,
    allow: list[str] | None = None,
    hash: bool | None = None,
    diff: bool = False,
    ignore: Path | None = None,
    dependencies: bool | None = None,
    secrets: bool | None = None,
    osv: Path | None = None,
    convert: Path | None = None,
    config: Path | None = None,
) -> int:
    """What model files, archives and folders would do when loaded. Nothing in them is imported, made or run.

    Formats are told by content. A file is clean only if every byte of it, and of everything packed in it, is
    understood; a name that nobody has reviewed is never clean. Exit code 1 for suspicious or malicious files, 3 where
    something cannot be read.

    How to scan is also read from [scan] of a configuration that is named, and from variables such as CASEMATE_FORMAT;
    options win over variables, and those over the file.

    Examples:
      casemate scan model.pt
      casemate scan models/ --workers 2 --format sarif > scan.sarif
      casemate scan --diff model-1.0.joblib model-1.1.joblib
      casemate scan model.joblib --allow ourpackage.steps:Winsorizer
      casemate scan models/ --ignore .casemateignore
      casemate scan repository/ --dependencies --osv osv-dump/ --secrets
      casemate scan weights.pt --convert weights.safetensors
      casemate scan model.joblib --convert model.skops
      casemate scan models/ --config casemate.toml

    Args:
        paths: files and folders; of a folder, every file below it but those in .git.
        format: what goes to stdout; text unless said otherwise.
        workers: processes; as many as there are processors for folders, unless given.
        allow: a class of your own that pickles may hold, as package.module:Class (may be given several times).
        hash: compute SHA-256, for which every byte must be read; it is unless said otherwise.
        diff: compare two versions: findings that are new, gone and kept; exit code 1 only for new ones.
        ignore: list of accepted findings, each with a reason and a date. Never taken from the scanned folder.
        dependencies: also examine what each path depends on: lock files, look-alike names, install hooks.
        secrets: also look for credentials in each path.
        osv: OSV database, as a folder of records or of all.zip files. Without one, no vulnerability can be found.
        convert: if the one file given is clean, write it anew in a format that holds no code: a torch state dict as
            NAME.safetensors, a model of joblib or pickle as NAME.skops.
        config: a casemate.toml whose section [scan] says how to scan. Never taken from the scanned folder by itself.
    """
    if workers is not None and workers < 1:
        raise UsageError("--workers must be at least 1", next_step="leave it out to use every processor")
    told = {"format": format, "workers": workers, "allow": allow, "hash": hash, "ignore": ignore and str(ignore)}
    more = {"dependencies": dependencies, "secrets": secrets, "osv": osv and str(osv)}
    options = read_options(config, {**told, **more})
    form = options.format
    if convert is not None:
        _check_conversion(paths, convert, diff=diff, hashed=options.hash)
    if diff and len(paths) != 2:
        raise UsageError(
            "--diff compares two versions", cause=f"{len(paths)} paths were given", next_step="give OLD NEW"
        )
    if diff and form not in ("text", "json"):
        raise UsageError(f"--diff has no {form} report", next_step="use --format text or json")
    if options.osv and not options.dependencies:
        raise UsageError("--osv is a database of dependencies", next_step="give --dependencies too")
    settings = Settings(allow=extended(options.allow)[0])
    ignored = read_ignored(Path(options.ignore), today()) if options.ignore else Ignored()
    count = options.workers or _workers(paths)
    seen: list[Artifact] | None = None if convert is None else []
    with bars_if(_is_long(paths)) as observer:
        job = _Job(settings, ignored, count, observer, options, seen)
        code, report = _compared(paths, job, form) if diff else _scanned(paths, job, form)
    sys.stdout.buffer.write(report)  # behind the bars, which would break its lines
    sys.stdout.flush()
    if convert is not None and seen is not None:
        _convert(Path(paths[0]), convert, seen, options)
    return code


def _check_conversion(paths: list[str], goal: Path, *, diff: bool, hashed: bool) -> None:
    if diff or len(paths) != 1 or not Path(paths[0]).is_file():
        raise UsageError("--convert is about one file", next_step="give one file, and no --diff")
    if not hashed:
        raise UsageError(
            "--convert needs the digest of what was scanned",
            cause="without it, another file could be converted",
            next_step="leave out --no-hash",
        )
    importlib.import_module("casemate.custody.convert").check_goal(goal)


def _convert(path: Path, goal: Path, seen: list[Artifact], options: ScanSection) -> None:
    """Convert what was scanned, if its own verdict is clean: what is ignored is not converted."""
    if any(each.verdict is not Verdict.CLEAN for each in seen):
        sys.stderr.write(f"not converted: {printable_path(str(path))} is not clean\n")
        return
    made = importlib.import_module("casemate.custody.convert").convert
    said = made(path, goal, sha256=seen[0].sha256, allow=options.allow)
    sys.stderr.write(f"converted {said}\n")


class _Job(NamedTuple):
    """How to scan."""

    settings: Settings
    ignored: Ignored
    workers: int
    observer: Observer
    options: ScanSection
    seen: list[Artifact] | None = None

    def each(self, paths: list[str]) -> Iterator[Artifact]:
        """Every artifact with what is ignored marked, and the list itself if entries of it have expired."""
        options = self.options
        for artifact in scan_each(paths, self.settings, self.workers, self.observer, hashed=options.hash):
            if self.seen is not None:
                self.seen.append(artifact)
            yield self.ignored.apply(artifact)
        if options.dependencies or options.secrets:
            room = importlib.import_module("casemate.threats.supply_chain.repository")
            osv = Path(options.osv) if options.osv else None
            for path in paths:
                wanted = {"dependencies": options.dependencies, "secrets": options.secrets, "osv": osv}
                try:
                    yield from map(self.ignored.apply, room.examine(Path(path), **wanted))
                except UnreadableError as error:  # said in its place: half a report is none
                    why = ": ".join(part for part in (error.message, error.cause) if part)
                    yield self.ignored.apply(failed(printable_path(path), why).artifact)
        expired = self.ignored.findings()
        if expired is not None:
            yield expired


def today() -> datetime.date:
    """The day by which entries of an ignore list expire."""
    return datetime.datetime.now(tz=datetime.UTC).date()


def _is_long(paths: list[str]) -> bool:
    """Whether a bar is worth its time: folders, and many bytes."""
    try:
        return sum(_LONG if Path(path).is_dir() else Path(path).stat().st_size for path in paths) >= _LONG
    except (OSError, ValueError):
        return False


def _workers(paths: list[str]) -> int:
    if len(paths) == 1 and not Path(paths[0]).is_dir():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _scanned(paths: list[str], job: _Job, format: Format) -> tuple[int, bytes]:
    """The exit code and the report; JSON is written as it comes, so that it needs no memory."""
    summary, report = Summary(), b""
    artifacts = _noted(job.each(paths), summary)
    if format == "json":
        _write_json(artifacts)
    elif format == "text":
        for _ in artifacts:
            pass
        report = summary.text(color=sys.stdout.isatty(), width=_width()).encode("utf-8", "backslashreplace")
    else:
        writer = importlib.import_module(f"casemate.threats.supply_chain.output.{format}")
        report = writer.write(list(artifacts), __version__)
    if not summary.files:
        raise UsageError("there is no file to scan", cause="the folders are empty", next_step="give a file")
    return _EXIT[summary.worst], report


def _noted(artifacts: Iterator[Artifact], summary: Summary) -> Iterator[Artifact]:
    for artifact in artifacts:
        summary.add(artifact)
        yield artifact


def _write_json(artifacts: Iterator[Artifact]) -> None:
    """One artifact at a time: a million files need no more memory than one folder of them."""
    out = sys.stdout.buffer
    out.write(b'{"schema":"%s","artifacts":[' % SCHEMA.encode())
    for index, artifact in enumerate(artifacts):
        out.write((b",\n" if index else b"\n") + msgspec.json.encode(artifact))
    out.write(b"\n]}\n")


def _compared(paths: list[str], job: _Job, format: Format) -> tuple[int, bytes]:
    old, new = (list(job.each([path])) for path in paths)
    found = compare(old, new, (printable_path(paths[0]), printable_path(paths[1])))
    if format == "json":
        report = msgspec.json.encode(found) + b"\n"
    else:
        report = diff_text(found, color=sys.stdout.isatty(), width=_width()).encode("utf-8", "backslashreplace")
    if found.has_news:
        return 1, report
    return 3 if found.is_unreadable else 0, report


def _width() -> int:
    """Columns for text: the terminal's, within reason."""
    try:
        return max(60, min(os.get_terminal_size(sys.stdout.fileno()).columns, WIDTH))
    except (OSError, ValueError):
        return WIDTH
