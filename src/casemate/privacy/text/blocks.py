"""Long texts in pieces, with the spans that the whole would have: memory does not grow with the text.

What a detector finds depends on nothing farther away than its reach. So a piece is read with so much of what stands
before and after it, and ends where no span is. For files; who waits for a text while it comes reads it by
`casemate.privacy.text.windows`, which says why both are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.spans import Span
from casemate.privacy.text.windows import reach

BLOCK: Final = 1 << 18
"""Code points of a piece, about."""


def pieces(chunks: Iterable[str], analyzer: Analyzer, block: int = BLOCK) -> Iterator[tuple[str, list[Span]]]:
    """Pieces of a text, and the spans in each, counted from its start.

    Args:
        chunks: the text, cut anywhere.
        analyzer: what finds.
        block: code points that are read at once.

    Example:
        >>> list(pieces(["mail: jane@exam", "ple.com"], Analyzer("fast")))[0][1][0].start
        6
    """
    far = reach(analyzer)
    left, right = far.before + far.most, far.most + far.after
    more, ended = iter(chunks), False
    buffer, done, wanted = "", 0, block
    while not ended:
        parts, length = [buffer], len(buffer)
        while length - done < wanted + right:
            chunk = next(more, None)
            if chunk is None:
                ended = True
                break
            parts.append(chunk)
            length += len(chunk)
        buffer = "".join(parts)
        spans = analyzer.find(buffer)
        end = len(buffer) if ended else _free(spans, len(buffer) - right)
        if end <= done and not ended:
            wanted *= 2  # one span is longer than a block
            continue
        yield buffer[done:end], [each.moved(-done) for each in spans if done <= each.start and each.end <= end]
        kept = max(end - left, 0)
        buffer, done, wanted = buffer[kept:], end - kept, block


def _free(spans: Sequence[Span], at: int) -> int:
    """The last place up to ``at`` where one piece can end: in no span, and not between two that touch."""
    for each in reversed(spans):
        if each.start < at <= each.end:
            at = each.start
    return at
