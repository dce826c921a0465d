"""``frame.casemate`` and ``column.casemate``: frames of pandas and polars that redact themselves.

Importing this module registers them, with polars only where polars was imported before, or later by ``register``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import pandas as pd

from casemate.core.errors import UsageError
from casemate.privacy.text.editor import Editor, Passage
from casemate.privacy.text.frames import columns_of, redact_frame, text_of
from casemate.privacy.text.options import read_options
from casemate.privacy.text.redactor import Redactor
from casemate.privacy.text.roles import role

NAME = "casemate"


class FrameAccessor:
    """What ``frame.casemate`` can do.

    Options are those of ``[redact]`` (see `casemate.privacy.text.options`): ``mode="fast"``, ``type=["PERSON"]``,
    ``operator=["number"]`` and so on. Numbers and the like are consistent within a frame.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"id": [1, 2], "note": ["mail jane@example.com", "nothing"]})
        >>> table.casemate.redact(mode="fast")["note"].tolist()
        ['mail [EMAIL_ADDRESS]', 'nothing']
    """

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def redact(
        self, redactor: Redactor | None = None, *, columns: Mapping[str, str] | None = None, **options: Any
    ) -> Any:
        """A frame without what was found in it; the one that was given stays.

        Args:
            redactor: how; made of the options if not given.
            columns: type of a column ("PERSON": every cell is one), or "keep", where a sample would not tell.
            options: as above.

        Raises:
            UsageError: there is no such column or option.
        """
        return redact_frame(self._frame, _redactor(redactor, options), columns=columns)

    def roles(self, redactor: Redactor | None = None, **options: Any) -> dict[str, str]:
        """Type of each column all of which is of one type, "" of the others; told by a sample, for you to mend."""
        pen = Editor(_redactor(redactor, options))
        return {name: role(map(text_of, values), name, pen) for name, values in columns_of(self._frame)}

    def find(
        self, redactor: Redactor | None = None, *, columns: Mapping[str, str] | None = None, **options: Any
    ) -> Any:
        """What ``redact`` would replace, as a frame of the same library: where, start, end, type, score, source, why.

        Offsets are code points of the cell. The value itself is not in it.
        """
        seen: list[Passage] = []
        redact_frame(self._frame, columns=columns, editor=Editor(_redactor(redactor, options), seen.append))
        rows = [
            (each.where, span.start, span.end, span.type, span.score, span.source, ", ".join(span.why))
            for each in seen
            for span in each.made.spans
        ]
        names = ("where", "start", "end", "type", "score", "source", "why")
        table = {name: [row[at] for row in rows] for at, name in enumerate(names)}
        return sys.modules["polars"].DataFrame(table) if _library(self._frame) == "polars" else pd.DataFrame(table)


class ColumnAccessor:
    """What ``column.casemate`` can do; see ``FrameAccessor``.

    Example:
        >>> pd.Series(["call 212-555-0143"]).casemate.redact(mode="fast").tolist()
        ['call [PHONE_NUMBER]']
    """

    def __init__(self, column: Any) -> None:
        self._column = column

    def redact(self, redactor: Redactor | None = None, *, type: str = "", **options: Any) -> Any:
        """A column without what was found in it.

        Args:
            redactor: how; made of the options if not given.
            type: of every cell, where a sample would not tell.
            options: as above; ``types`` narrows down what is looked for.
        """
        name = self._column.name
        frame = self._column.to_frame("text")
        if "types" in options:
            options["type"] = options.pop("types")
        made = FrameAccessor(frame).redact(redactor, columns={"text": type} if type else None, **options)
        made = made["text"]
        return made.rename(name) if _library(self._column) == "pandas" else made.alias(name)


def register() -> None:
    """Register the accessors with the libraries that are there; twice does no harm."""
    if not hasattr(pd.DataFrame, NAME):
        pd.api.extensions.register_dataframe_accessor(NAME)(FrameAccessor)
        pd.api.extensions.register_series_accessor(NAME)(ColumnAccessor)
    polars: Any = sys.modules.get("polars")
    if polars is not None and not hasattr(polars.DataFrame, NAME):
        polars.api.register_dataframe_namespace(NAME)(FrameAccessor)
        polars.api.register_series_namespace(NAME)(ColumnAccessor)


def _redactor(redactor: Redactor | None, options: Mapping[str, Any]) -> Redactor:
    if redactor is None:
        return read_options(None, options).redactor()
    if options:
        raise UsageError("a redactor and options", cause=f"{next(iter(options))} is in the redactor already",
                         next_step="give one of them")  # fmt: skip
    return redactor


def _library(what: Any) -> str:
    return type(what).__module__.partition(".")[0]


register()
