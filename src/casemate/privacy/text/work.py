"""Many documents, by several processes; the results do not depend on how many."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import msgspec

from casemate.core.errors import CasemateError
from casemate.privacy.text.editor import Editor, Passage
from casemate.privacy.text.formats import format_of, rewriter
from casemate.privacy.text.options import RedactSection

Open = Callable[[Path], AbstractContextManager[BinaryIO]]
"""Where to write: a file that appears when all is well."""

PASSAGES = 500
"""Of each document, as many are kept for views."""


class Document(msgspec.Struct, frozen=True):
    """A file, and what becomes of it.

    Attributes:
        path: to read.
        goal: to write, or None to only count.
        name: for people.
    """

    path: Path
    goal: Path | None
    name: str


class Outcome(msgspec.Struct, frozen=True):
    """What became of a document.

    Attributes:
        name: its.
        counts: spans by type.
        notes: what people should know.
        error: why it could not be read, or "".
        passages: the first of them, if they were asked for.
    """

    name: str
    counts: dict[str, int] = {}
    notes: tuple[str, ...] = ()
    error: str = ""
    passages: tuple[Passage, ...] = ()


class _Job(msgspec.Struct, frozen=True):
    section: RedactSection
    write: Open
    watched: bool


def redact_document(document: Document, job: _Job) -> Outcome:
    """One document, wherever it runs; whatever is wrong with it is said in the outcome."""
    passages: list[Passage] = []
    redactor = job.section.redactor()

    def watch(passage: Passage) -> None:
        if len(passages) < PASSAGES:
            passages.append(passage)

    editor = Editor(redactor, watch if job.watched else None)
    format = format_of(document.name) if job.section.format == "auto" else job.section.format
    try:
        with document.path.open("rb") as source, job.write(document.goal or Path()) as goal:
            rewriter(format)(source, goal, editor)
    except (CasemateError, OSError, OverflowError, RecursionError) as error:
        said = (error.strerror or "") if isinstance(error, OSError) else str(error)
        return Outcome(document.name, error=said or type(error).__name__)
    return Outcome(document.name, dict(editor.counts), tuple(dict.fromkeys(editor.notes)), "", tuple(passages))


def redact_documents(
    documents: Iterable[Document], section: RedactSection, write: Open, *, workers: int = 1, watched: bool = False
) -> Iterator[Outcome]:
    """Each document, in order.

    Args:
        documents: to redact.
        section: how.
        write: opens what is written, from a path; a function of a module where there are several workers.
        workers: processes.
        watched: whether passages are kept for views.

    Raises:
        CasemateError: the section asks for something that is not there.
    """
    job, todo = _Job(section, write, watched), list(documents)
    if workers <= 1 or len(todo) <= 1:
        yield from (redact_document(each, job) for each in todo)
        return
    section.redactor()  # what is wrong with it is said once
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(todo)), mp_context=context, initializer=_quiet) as pool:
        waiting = [pool.submit(redact_document, each, job) for each in todo]
        for document, future in zip(todo, waiting, strict=True):
            try:
                yield future.result()
            except BrokenProcessPool:
                yield Outcome(document.name, error="the process that read it died: it needs more memory than there is")


def _quiet() -> None:
    warnings.simplefilter("ignore")  # the first process has said it
