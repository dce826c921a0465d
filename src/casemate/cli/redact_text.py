"""What ``casemate redact`` says, and where it writes."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from casemate.core.errors import StorageError, UsageError
from casemate.custody.envelope.publish import Draft
from casemate.privacy.text.redactor import Redacted
from casemate.privacy.text.spans import Span
from casemate.privacy.text.work import Outcome


@contextmanager
def nowhere(goal: Path) -> Iterator[BinaryIO]:
    """What only counts."""
    del goal
    with Path(os.devnull).open("wb") as stream:
        yield stream


@contextmanager
def output(goal: Path) -> Iterator[BinaryIO]:
    """Standard output."""
    del goal
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


@contextmanager
def replacing(goal: Path) -> Iterator[BinaryIO]:
    """A file that appears, or is replaced, when all of it is written; its permissions stay."""
    mode = stat.S_IMODE(goal.stat().st_mode) if goal.exists() else None
    with Draft(goal, overwrite=True) as draft:
        try:
            with os.fdopen(os.dup(draft.descriptor), "wb") as stream:
                yield stream
                stream.flush()
                if mode is not None:
                    os.fchmod(stream.fileno(), mode)
                os.fsync(stream.fileno())
        except OSError as error:
            raise StorageError(f"{goal.name} cannot be written", cause=error.strerror or str(error)) from error
        draft.publish()


@contextmanager
def creating(goal: Path) -> Iterator[BinaryIO]:
    """Like `replacing`, with the folders above it."""
    goal.parent.mkdir(parents=True, exist_ok=True)
    with replacing(goal) as stream:
        yield stream


def lines(source: BinaryIO) -> Iterator[str]:
    """The texts of JSON lines.

    Raises:
        UsageError: a line is not of the form that the contract asks for.
    """
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        try:
            text = json.loads(line.decode("utf-8", "surrogateescape"))["text"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise _no_line(number, type(error).__name__) from error
        if not isinstance(text, str):
            raise _no_line(number, f"its text is a {type(text).__name__}")
        yield text


def _no_line(number: int, why: str) -> UsageError:
    return UsageError(f'line {number} is not {{"text": ...}}', cause=why, next_step="leave --jsonl out for other files")


def as_line(made: Redacted, *, spans: bool, why: bool) -> bytes:
    """One line of the contract."""
    found: dict[str, Any] = {"text": made.text}
    if spans or why:
        found["spans"] = [_span(each, why) for each in made.spans]
    try:
        return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except UnicodeEncodeError:  # lone surrogates
        return json.dumps(found, separators=(",", ":")).encode() + b"\n"


def _span(span: Span, why: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"start": span.start, "end": span.end, "type": span.type, "score": round(span.score, 4)}
    return {**told, "source": span.source, "why": list(span.why)} if why else told


ALLOWED: Final = "casemate:allow"
"""What is on its line is meant to be there."""


def places(outcome: Outcome) -> str:
    """A line a span for editors and hooks: where, of what type, by what; never the value.

    What stands on a line with ``ALLOWED`` is left out.
    """
    parts = []
    for each in outcome.passages:
        for span in each.made.spans:
            start, end = each.text.rfind("\n", 0, span.start) + 1, each.text.find("\n", span.start)
            if ALLOWED in each.text[start : end if end >= 0 else len(each.text)]:
                continue
            line = each.line + each.text.count("\n", 0, span.start) if each.line else 0
            where = f"{line}:{span.start - start + 1}" if line else each.where or "text"
            parts.append(f"{outcome.name}:{where}: {span.type} ({span.source})\n")
    kept = sum(len(each.made.spans) for each in outcome.passages)
    more = sum(outcome.counts.values()) - kept
    return "".join(parts) + (f"{outcome.name}: and {more} more\n" if more > 0 else "")


def reasons(outcome: Outcome) -> str:
    """A line a span: what, where, how surely, why; never the value."""
    parts = [
        f"{outcome.name}: {each.where or 'text'}: {span.start}-{span.end} {span.type} {span.score:.2f} by {span.source}"
        + (f" ({', '.join(span.why)})" if span.why else "")
        for each in outcome.passages
        for span in each.made.spans
    ]
    return "".join(f"{each}\n" for each in parts)


def summary(outcomes: Sequence[Outcome]) -> str:
    """What was done, for stderr."""
    counts: Counter[str] = Counter()
    for each in outcomes:
        counts.update(each.counts)
    text = io.StringIO()
    for each in outcomes:
        for note in each.notes:
            text.write(f"note: {each.name}: {note}\n")
        if each.error:
            text.write(f"not redacted: {each.name}: {each.error}\n")
    kinds = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    text.write(f"{len(outcomes)} {'file' if len(outcomes) == 1 else 'files'}: {kinds or 'nothing found'}\n")
    return text.getvalue()
