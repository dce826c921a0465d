"""A redactor on a labeled sample: what leaks, what it costs, and what attacks on the result achieve; as evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from casemate.core.measurement import Measurement, Pair
from casemate.core.schemas import written_schema
from casemate.core.threat import Access, ThreatModel
from casemate.privacy.text.attacks import Attacked, dictionary, frequency, readable, remaining
from casemate.privacy.text.declared import LEAKS, LINKED, SCANNED
from casemate.privacy.text.labeled import Labeled
from casemate.privacy.text.leaks import Count, Leaks, leaks
from casemate.privacy.text.redactor import Redacted, Redactor
from casemate.stats import Estimate, mover

SCHEMA: Final = "casemate.leaks/1"
READER: Final = ThreatModel(
    goal="read what was marked", knowledge=("the redacted texts",), access=Access.LABELS, queries=0
)


@dataclass(frozen=True)
class Assessed:
    """What a sample tells of a redactor.

    Attributes:
        leaks: what is left, by type and language.
        attacks: on the result, and on the texts as they are.
        made: (n,) the redacted documents.
        seed: of the attacks.
    """

    leaks: Leaks
    attacks: tuple[Attacked, ...]
    made: tuple[Redacted, ...]
    seed: int

    def measurements(self, subject: str) -> list[Measurement]:
        """Everything as records of evidence.

        Args:
            subject: what the sample is called.
        """
        metrics = {each.name: each for each in LEAKS.metrics}

        def made(metric: str, count: Count, at: dict[str, float | str], kind: str, threat: ThreatModel) -> Measurement:
            rate = count.rate
            return Measurement(
                assessment=LEAKS.id, kind=kind, metric=metric, subject=subject, at=at, unit=metrics[metric].unit,
                direction=metrics[metric].direction, estimate=rate.value, low=rate.low, high=rate.high, n=rate.n,
                k=count.k if rate.clusters is None else None, clusters=rate.clusters, method=rate.method,
                threat_model=threat, seed=self.seed,
            )  # fmt: skip

        found = []
        for each in self.leaks.groups:
            at: dict[str, float | str] = {"type": each.type, "language": each.language}
            found.append(made("recall", each.entities.others(), at, SCANNED, READER))
            found.append(made("character_recall", each.letters.others(), at, SCANNED, READER))
        if self.leaks.kept.n:
            found.append(made("retention", self.leaks.kept, {}, SCANNED, READER))
        found.append(made("clean", self.leaks.clean, {}, SCANNED, READER))
        for attack in self.attacks:
            if attack.attack == "search" and not attack.skipped:
                found.append(_found(attack, subject, self.seed))
            found += [pair.after for pair in self.pairs(subject, [attack])]
        return found

    def pairs(self, subject: str, attacks: Iterable[Attacked] | None = None) -> Iterator[Pair]:
        """Attacks before and after; those that could not be tried are left out."""
        for each in self.attacks if attacks is None else attacks:
            if each.skipped:
                continue
            (before, old), (after, new) = (
                _rate(each, count, texts, subject, self.seed)
                for count, texts in ((each.before, each.against), (each.after, "redacted"))
            )
            low, high = mover((old.value, old.low, old.high), (new.value, new.low, new.high))
            yield Pair(
                defense="text.redact", adaptive=True, before=before, after=after, difference=new.value - old.value,
                low=max(float(low), -1.0), high=min(float(high), 1.0), p=None, method="mover",
                conclusion=f"{each.attack}: from {old.value:.1%} to {new.value:.1%}",
            )  # fmt: skip


def assess(
    sample: Sequence[Labeled], redactor: Redactor, *, candidates: Iterable[str] = (), salts: Sequence[str] = ("",),
    seed: int = 0,
) -> Assessed:  # fmt: skip
    """Redact a labeled sample, count what leaks, and attack the result.

    Args:
        sample: (n,) documents, see `casemate.privacy.text.labeled`.
        redactor: that is assessed.
        candidates: further values that a dictionary holds.
        salts: texts that may stand before the value in a hash.
        seed: of the attacks.

    Example:
        >>> from casemate.privacy.text.analyzer import Analyzer
        >>> from casemate.privacy.text.labeled import Mention
        >>> one = Labeled(text="mail jane@example.com", spans=(Mention(start=5, end=21, type="EMAIL_ADDRESS"),))
        >>> assess([one] * 30, Redactor(Analyzer("fast"))).leaks.clean.k
        30
    """
    made = [redactor.redact(each.text) for each in sample]
    asked = redactor.analyzer.types
    attacks = (
        readable(sample, made, asked),
        dictionary(sample, made, candidates, salts),
        frequency(sample, made, seed=seed),
        remaining(sample, made, asked),
    )
    return Assessed(leaks(sample, made, asked), attacks, tuple(made), seed)


def _rate(each: Attacked, count: Count, texts: str, subject: str, seed: int) -> tuple[Measurement, Estimate]:
    rate = count.rate
    return Measurement(
        assessment=LEAKS.id, kind=LINKED, metric="reidentification", subject=subject,
        at={"attacker": each.attack}, estimate=rate.value, low=rate.low, high=rate.high, n=rate.n,
        k=count.k if rate.clusters is None else None, clusters=rate.clusters, method=rate.method,
        threat_model=each.threat_model, seed=seed, note=f"{texts}; {each.note}",
    ), rate  # fmt: skip


def _found(each: Attacked, subject: str, seed: int) -> Measurement:
    return Measurement(
        assessment=LEAKS.id, kind=SCANNED, metric="found", subject=subject, unit="things", n=each.after.n,
        k=each.after.k, estimate=float(each.after.k), low=None, high=None, method="counted", seed=seed,
        threat_model=each.threat_model,
        note=each.note,
    )  # fmt: skip


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """k of n, with a two-sided interval of 95 %."""

    k: int
    n: int
    estimate: float
    low: float
    high: float
    method: str


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a type in texts of a language: letters, mentions and things that can still be seen."""

    type: str
    language: str
    letters: Rate
    mentions: Rate
    entities: Rate


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """An attack; ``skipped`` says why it was not tried, and its rates are null then."""

    attack: str
    goal: str
    knows: tuple[str, ...]
    against: str
    before: Rate | None
    after: Rate | None
    note: str
    skipped: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What ``casemate redact --assess --format json`` writes."""

    schema: Literal["casemate.leaks/1"]
    sample: str
    documents: int
    leaks: tuple[Group, ...]
    clean: Rate
    retention: Rate
    attacks: tuple[Tried, ...]
    seed: int


def document(made: Assessed, sample: str) -> Document:
    """All figures as data; nothing from the texts."""
    return Document(
        schema=SCHEMA, sample=sample, documents=len(made.made),
        leaks=tuple(
            Group(type=each.type, language=each.language, letters=_told(each.letters), mentions=_told(each.mentions),
                  entities=_told(each.entities)) for each in made.leaks.groups
        ),
        clean=_told(made.leaks.clean), retention=_told(made.leaks.kept), seed=made.seed,
        attacks=tuple(
            Tried(
                attack=each.attack, goal=each.goal, knows=each.knows, against=each.against, note=each.note,
                skipped=each.skipped, before=None if each.skipped else _told(each.before),
                after=None if each.skipped else _told(each.after),
            )
            for each in made.attacks
        ),
    )  # fmt: skip


def _told(count: Count) -> Rate:
    rate = count.rate
    return Rate(k=count.k, n=count.n, estimate=rate.value, low=rate.low, high=rate.high, method=rate.method)


def leaks_schema() -> bytes:
    """The JSON Schema of `Document`."""
    share: dict[str, Any] = {"minimum": 0, "maximum": 1}
    return written_schema(
        Document, {"k": {"minimum": 0}, "n": {"minimum": 0}, "estimate": share, "low": share, "high": share}
    )
