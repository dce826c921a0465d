"""What joblib before 0.10 wrote with ``compress``: "ZF", the content's length as text, and one zlib stream (RFC 1950).

The length takes up 19 characters behind the letters, as ``hex`` writes it, with blanks behind it; joblib up to 0.8.4
on Python 2 wrote one blank more. Source: joblib, ``numpy_pickle_compat.read_zfile``.
"""

from __future__ import annotations

import re
from typing import Final

from casemate.threats.supply_chain.containers.expand import Sink, Zlib, expand
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine
from casemate.threats.supply_chain.view import View

MAGIC: Final = b"ZF0x"
_HEADER: Final = 21
_LENGTH: Final = re.compile(rb"ZF0x([0-9a-f]{1,16}) {1,16}")


def parse(view: View, report: Report) -> None:
    """Decompress the stream into one member.

    Raises:
        NotMine: the letters or the length are missing.
        Malformed: the stream is damaged, cut short, or not as long as announced.
        Refused: the content is larger than the file's size allows.
    """
    head = _LENGTH.fullmatch(view.raw(0, min(_HEADER, len(view))))
    if head is None:
        raise NotMine
    start = _HEADER + view.begins(b" ", _HEADER)
    sink = Sink(report.budget)
    end = start + expand(view, start, len(view), Zlib(15), sink)
    if sink.size != int(head[1], 16):
        raise Malformed(f"{sink.size} bytes are compressed, {int(head[1], 16)} are announced", 2)
    report.cover(0, end)
    if end < len(view):
        report.fact("stream.trailing", f"{len(view) - end} bytes follow the end of the zlib data", end)
    if sink.size:
        report.member(view.inner(sink.buffer(), "content"))
