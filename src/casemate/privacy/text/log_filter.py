"""Logs without personal data: a filter for the standard library's ``logging``."""

from __future__ import annotations

import logging
import traceback

from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.redactor import Redactor


class RedactingFilter(logging.Filter):
    """Redacts records: message with its arguments, exception with its traceback, and stack.

    Put it on handlers, so that records of every logger pass it. A record that cannot be redacted is not lost: its text
    is replaced by a note (a log must not break what it watches, nor tell what it should not).

    Args:
        redactor: how; the fast one if not given.

    Example:
        >>> record = logging.makeLogRecord({"msg": "to %s", "args": ("jane@example.com",)})
        >>> RedactingFilter().filter(record), record.getMessage()
        (True, 'to [EMAIL_ADDRESS]')
    """

    def __init__(self, redactor: Redactor | None = None) -> None:
        super().__init__()
        self._redactor = redactor or Redactor(Analyzer("fast"))

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record where it is."""
        try:
            record.msg = self._clean(record.getMessage())
            if record.exc_info and record.exc_info[0] is not None and not record.exc_text:
                record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
            record.exc_text = self._clean(record.exc_text) if record.exc_text else record.exc_text
            record.stack_info = self._clean(record.stack_info) if record.stack_info else record.stack_info
        except Exception as error:  # whatever a caller's __str__ raises
            record.msg = f"[a record that could not be redacted: {type(error).__name__}]"
            record.exc_text = record.stack_info = None
        record.args = None
        record.exc_info = None  # formatters would write it anew
        return True

    def _clean(self, text: str) -> str:
        return self._redactor.redact(text).text
