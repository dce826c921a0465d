"""Parquet: the names and the order of columns stay; a column of numbers that are somebody's becomes text."""

from __future__ import annotations

from typing import Any, BinaryIO

from casemate.core.errors import UnreadableError
from casemate.core.optional import require
from casemate.privacy.text.editor import Editor
from casemate.privacy.text.frames import redact_frame


def rewrite(source: BinaryIO, goal: BinaryIO, editor: Editor) -> None:
    """Redact a table.

    Raises:
        UnreadableError: it is none.
        MissingPartError: pyarrow is not installed.
    """
    parquet: Any = require("pyarrow.parquet", extra="parquet")
    arrow: Any = require("pyarrow", extra="parquet")
    try:
        table = parquet.ParquetFile(source).read()
    except (arrow.ArrowException, OSError) as error:
        raise UnreadableError("this is no parquet file", cause=str(error)[:200], next_step="check the file") from error
    made = redact_frame(table, editor=editor)
    meta = {key: each for key, each in (table.schema.metadata or {}).items() if key != b"pandas"}  # it holds statistics
    parquet.write_table(made.replace_schema_metadata(meta or None), goal, compression="zstd")
