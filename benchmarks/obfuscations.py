"""Row 11 of the text room: recall of values as they are and hidden in thirteen ways, beside Presidio (spaCy small).

Values are drawn, not taken from a list: e-mail addresses, payment cards, IBANs, social security numbers and telephone
numbers that exist by their plans and check digits. Each stands in a sentence that does not say what it is. It counts as
found where one span of its type covers all of it; "by any" where the spans of any types together do, whatever their
score, which is what a redactor would take out. Both sides read the same sentences; the fall is paired, value by value.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from tests.privacy.text.hidings import HIDINGS

from benchmarks._text_peers import Peer, present
from casemate.patterns.validators import iban, luhn
from casemate.privacy.text.analyzer import Analyzer
from casemate.stats.paired import paired_difference
from casemate.stats.proportions import clopper_pearson

SEED, EACH = 20260601, 60
SENTENCES = ("Please use {} from now on.", "It was changed to {} yesterday.", "What they sent was {}, as agreed.")
WORDS = ("jane", "omar", "li", "sofia", "noah", "amara", "ivan", "chen", "ruth", "pavel", "green", "miller", "rossi")
Spans = Sequence[tuple[int, int, str]]


def email(draw: random.Random) -> str:
    """With a top-level domain that everybody has."""
    name = draw.choice([".", "_", ""]).join(draw.sample(WORDS, 2)) + draw.choice(["", str(draw.randrange(100))])
    return f"{name}@{draw.choice(WORDS)}-{draw.choice(WORDS)}.{draw.choice(['com', 'org', 'net', 'de', 'co.uk'])}"


def card(draw: random.Random) -> str:
    """Of three networks; solid, or in groups of four."""
    while True:
        start, size = draw.choice([("4", 16), ("53", 16), ("37", 15)])
        number = start + "".join(draw.choice("0123456789") for _ in range(size - len(start)))
        if luhn(number):
            return (
                number if size == 15 or draw.random() < 0.5 else " ".join(number[at : at + 4] for at in (0, 4, 8, 12))
            )


def account(draw: random.Random) -> str:
    """Of three countries; solid, or in groups of four."""
    while True:
        country, letters, size = draw.choice([("DE", "", 18), ("GB", "WEST", 14), ("ES", "", 20)])
        body = letters + "".join(draw.choice("0123456789") for _ in range(size))
        number = next(each for check in range(2, 99) if iban(each := f"{country}{check:02}{body}"))
        return number if draw.random() < 0.5 else " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def social(draw: random.Random) -> str:
    """Of the USA, in areas that were issued."""
    return f"{draw.randrange(100, 650):03}-{draw.randrange(10, 99):02}-{draw.randrange(1000, 9999)}"


def phone(draw: random.Random) -> str:
    """Of the USA and of London."""
    area, exchange, line = draw.choice([212, 415, 617, 305]), draw.randrange(220, 999), draw.randrange(10_000)
    made = [f"({area}) {exchange}-{line:04}", f"+1 {area}-{exchange}-{line:04}", f"+44 20 7946 {line:04}"]
    return draw.choice(made)


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "EMAIL_ADDRESS": email, "CREDIT_CARD": card, "IBAN_CODE": account, "US_SSN": social, "PHONE_NUMBER": phone,
}  # fmt: skip


def covered(spans: Spans, start: int, end: int, kind: str = "") -> bool:
    """Whether one span of a type covers a stretch; without a type, whether all spans together do."""
    if kind:
        return any(first <= start and end <= last and each == kind for first, last, each in spans)
    held = set().union(*(range(first, last) for first, last, _ in spans))
    return held.issuperset(range(start, end))


def row(name: str, who: str, plain: list[bool], hidden: list[bool], anyhow: list[bool]) -> str:
    """One line of the table."""
    n = len(hidden)
    share = clopper_pearson(sum(hidden), n)
    lost = sum(before and not after for before, after in zip(plain, hidden, strict=True))
    won = sum(after and not before for before, after in zip(plain, hidden, strict=True))
    fall = paired_difference(lost, won, n)
    cells = [
        name, who, f"**{sum(hidden) / n:.1%}** [{share.low:.1%}, {share.high:.1%}]",
        "" if plain is hidden
        else f"{0 - 100 * fall.value:.1f} [{0 - 100 * fall.high:.1f}, {0 - 100 * fall.low:.1f}]",
        f"{sum(anyhow) / n:.1%}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the section."""
    print("## Values that are hidden from expressions\n")
    draw = random.Random(SEED)
    values = [(kind, make(draw), draw.choice(SENTENCES)) for kind, make in MAKERS.items() for _ in range(EACH)]
    ways: dict[str, Callable[[str], str]] = {"as they are": str, **HIDINGS}
    sides: dict[str, Callable[[list[str]], list[Spans]]] = {}
    analyzer = Analyzer("fast")
    sides["casemate fast"] = lambda texts: [
        [(each.start, each.end, each.type) for each in analyzer.find(text)] for text in texts
    ]
    peer = Peer("presidio") if present("presidio") else None
    if peer is not None:
        sides["Presidio"] = lambda texts: peer.ask(texts)[1]
    lines = ["| hidden | who | recall [95 %] | points lost [95 %] | covered by any |", "|---|---|---|---|---|"]
    plain: dict[str, list[bool]] = {}
    for name, hide in ways.items():
        texts = [sentence.format(hide(value)) for _, value, sentence in values]
        places = [(sentence.index("{"), sentence.index("{") + len(hide(value))) for _, value, sentence in values]
        for who, find in sides.items():
            found = find(texts)
            told = [(spans, *place, kind) for spans, place, (kind, *_) in zip(found, places, values, strict=True)]
            hits = [covered(spans, start, end, kind) for spans, start, end, kind in told]
            anyhow = [covered(spans, start, end) for spans, start, end, _ in told]
            lines.append(row(name, who, plain.setdefault(who, hits), hits, anyhow))
    if peer is not None:
        peer.close()
    print("\n".join(lines))
    print(f"\n{len(values)} values, {EACH} of each of {', '.join(MAKERS)}; seed {SEED}. Goal: at most 5 points lost.")
    if peer is None:
        print("\nSKIPPED: Presidio's environment is not installed.")


if __name__ == "__main__":
    main()
