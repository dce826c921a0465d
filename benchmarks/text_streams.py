"""What a stream costs (row 7): CPU time a token, what is held back, and what a token waits for.

Tokens are of 4 code points. Prose is wikigold's articles as one text, dense text presidio-research's synthetic
documents, one after another. Beside each stands what the same text costs at once. Waiting is counted in code points,
which does not depend on the machine: how far the text has gone on when a code point is given away. The restorer reads
prose in which every hundredth word is a placeholder.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from benchmarks._texts import folder, people, synthetic
from casemate.keys.ed25519 import Ed25519Signer
from casemate.keys.kek_file import create_kek
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.redactor import Redactor
from casemate.privacy.text.spans import Span
from casemate.privacy.text.streams import Stream, StreamRedactor, StreamRestorer
from casemate.privacy.text.vault import Vault

TOKEN, ROUNDS = 4, 3
LENGTH = {"fast": 100_000, "balanced": 40_000}
GOAL = {"fast": "< 20", "balanced": ""}


def tokens(text: str) -> list[str]:
    """Of ``TOKEN`` code points."""
    return [text[at : at + TOKEN] for at in range(0, len(text), TOKEN)]


def cost(chunks: list[str], begin: Callable[[], Stream]) -> float:
    """Microseconds of CPU time a token; the least of some rounds."""
    took = []
    for _ in range(ROUNDS):
        start, stream = time.process_time(), begin()
        for each in chunks:
            stream.feed(each)
        stream.finish()
        took.append(time.process_time() - start)
    return 1e6 * min(took) / len(chunks)


def waits(chunks: Iterable[str], stream: Stream) -> tuple[list[int], int, int]:
    """Of each code point given away: how many arrived after it; of all: the most held, and when the first came."""
    waited, most, arrived, given, first = list[int](), 0, 0, 0, 0
    for each in chunks:
        arrived += len(each)
        stream.feed(each)
        free = arrived - stream.held
        waited += range(arrived - given, arrived - free, -1)
        first = first or (arrived if free else 0)
        given, most = free, max(most, stream.held)
    return waited, most, first


def restored(text: str) -> tuple[list[str], StreamRestorer, int]:
    """Tokens of a text in which every hundredth word is a placeholder, its restorer, and how many there are."""
    place = Path(tempfile.mkdtemp())
    vault = Vault.create(
        place / "vault", [create_kek(place / "kek")], Ed25519Signer("example.org/v", bytes(32)), {"a": ["b"]}
    )
    session, words = vault.session("x"), text.split(" ")
    for at in range(0, len(words), 100):
        words[at] = session(words[at] or "x", Span(0, 1, "PERSON", 1.0, "benchmark"))
    session.commit()
    restoration = vault.restoration(role="a", purpose="b", session=session.nonce)
    return tokens(" ".join(words)), StreamRestorer(restoration), len(range(0, len(words), 100))


def main() -> None:
    """Print the section."""
    print("## Streams\n")
    place = folder()
    if place is None:
        print("SKIPPED: CASEMATE_BENCH_DATA/text is absent.")
        return
    prose = " ".join(each.text for each in people(place / "wikigold.conll"))
    texts = {"prose": prose, "dense": "\n".join(each.text for each in synthetic(place))}
    print("| mode | text | CPU us a token | goal | at once, us a token | held (median, 99 %, most) | first | bound |")
    print("|---|---|---|---|---|---|---|---|")
    for mode in ("fast", "balanced"):
        analyzer = Analyzer(mode)  # type: ignore[arg-type]
        redactor = Redactor(analyzer)
        analyzer.find("Warm up in London.")
        for name, text in texts.items():
            part = text[: LENGTH[mode]]
            chunks = tokens(part)
            once = []
            for _ in range(ROUNDS):
                start = time.process_time()
                analyzer.find(part)
                once.append(time.process_time() - start)
            took = cost(chunks, lambda: StreamRedactor(redactor))  # noqa: B023  # called at once
            stream = StreamRedactor(redactor)
            waited, most, first = waits(chunks, stream)
            print(
                f"| {mode} | {name} | {took:.1f} | {GOAL[mode]} | {1e6 * min(once) / len(chunks):.1f} | "
                f"{statistics.median(waited):.0f}, {np.quantile(waited, 0.99):.0f}, {most} | "
                f"{first} | {stream.bound:,} |"
            )
    chunks, stream, count = restored(prose[:100_000])
    start, most = time.process_time(), 0
    for each in chunks:
        stream.feed(each)
        most = max(most, stream.held)
    took = time.process_time() - start
    print(
        f"\nRestoring: {1e6 * took / len(chunks):.1f} us of CPU a token with {count} placeholders in {len(chunks):,} "
        f"tokens, each on record before its value; at most {most} code points held (bound {stream.bound})."
    )


if __name__ == "__main__":
    main()
