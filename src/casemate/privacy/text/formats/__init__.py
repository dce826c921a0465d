"""Documents by format: what is markup stays, what is text is redacted.

Each module has one function ``rewrite(source, goal, editor)``, which reads bytes and writes bytes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import PurePath
from typing import BinaryIO, Final, cast

from casemate.privacy.text.editor import Editor

Rewrite = Callable[[BinaryIO, BinaryIO, Editor], None]

FORMATS: Final = {
    "json": (".json", ".ipynb", ".geojson", ".har"),
    "jsonl": (".jsonl", ".ndjson"),
    "csv": (".csv", ".tsv", ".tab"),
    "parquet": (".parquet",),
    "html": (".html", ".htm", ".xhtml", ".xml", ".svg"),
    "mail": (".eml",),
    "pdf": (".pdf",),
    "docx": (".docx",),
}
"""Endings by format; everything else is text, markdown, logs and source code too."""
HOMES: Final = {
    "text": "plain", "json": "tree", "jsonl": "tree", "csv": "rows", "parquet": "columns", "html": "markup",
    "mail": "mail", "pdf": "documents", "docx": "documents",
}  # fmt: skip


def format_of(name: str) -> str:
    """The format that a file's name tells.

    Example:
        >>> format_of("people.CSV"), format_of("notes")
        ('csv', 'text')
    """
    ending = PurePath(name).suffix.lower()
    return next((each for each, endings in FORMATS.items() if ending in endings), "text")


def written_as(name: str) -> str:
    """The name of what is written: of PDF and Word only the text can be."""
    return f"{name}.txt" if format_of(name) in ("pdf", "docx") else name


def rewriter(format: str) -> Rewrite:
    """What redacts a format."""
    module = importlib.import_module(f"casemate.privacy.text.formats.{HOMES[format]}")
    name = format if HOMES[format] in ("tree", "documents") else "rewrite"
    return cast("Rewrite", getattr(module, f"rewrite_{name}" if name != "rewrite" else name))
