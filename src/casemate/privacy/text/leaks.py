"""What redaction left in a labeled sample: by type and language, of letters, mentions and things; and what it took.

A mention is protected if each of its letters and digits lies in a stretch that was replaced by something that does not
hold it. A thing (an entity) is protected only if all its mentions in a document are (Pilán et al. 2022, "The Text
Anonymization Benchmark", Computational Linguistics 48(4), section 4: entity-level recall). What was replaced although
nobody marked it costs words: the retention of public terms says how many stayed.

Letters and things of one document leak together, so intervals are over documents: Clopper and Pearson's where each
document has one, and its kin for clusters elsewhere (see `casemate.stats.clustered_proportion`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from casemate.core.measurement import Interval
from casemate.privacy.text.labeled import Labeled, Mention
from casemate.privacy.text.redactor import Redacted
from casemate.stats import Estimate, clopper_pearson, clustered_proportion

ALL: Final = "all"
"""In place of a type or a language: every one."""
_WORD: Final = re.compile(r"[^\W_]+")


@dataclass
class Count:
    """Successes and trials, by document.

    Example:
        >>> count = Count()
        >>> count.add(0, 1, 2), count.add(1, 0, 2), count.k, count.n
        (None, None, 1, 4)
    """

    by: dict[int, tuple[int, int]] = field(default_factory=dict)

    def add(self, document: int, k: int, n: int) -> None:
        """More of one document."""
        if n:
            before = self.by.get(document, (0, 0))
            self.by[document] = before[0] + k, before[1] + n

    @property
    def k(self) -> int:
        """Successes."""
        return sum(k for k, _ in self.by.values())

    @property
    def n(self) -> int:
        """Trials."""
        return sum(n for _, n in self.by.values())

    def others(self) -> Count:
        """Trials that failed as successes."""
        return Count({at: (n - k, n) for at, (k, n) in self.by.items()})

    @property
    def rate(self) -> Estimate:
        """With a two-sided interval of 95 %; of one document with many, no interval narrower than all there is."""
        if not self.by:
            return Estimate(0.0, Interval(0.0, 1.0, 0.95, "no trials"), n=0)
        if all(n == 1 for _, n in self.by.values()):
            return Estimate(self.k / self.n, clopper_pearson(self.k, self.n), n=self.n)
        if len(self.by) < 2:
            return Estimate(self.k / self.n, Interval(0.0, 1.0, 0.95, "one document"), n=self.n)
        return clustered_proportion([k for k, _ in self.by.values()], [n for _, n in self.by.values()])


@dataclass(frozen=True)
class Leak:
    """What is left of one type in texts of one language.

    Attributes:
        type, language: of what; ``ALL`` for all of them.
        letters, mentions, entities: those that can still be seen, of all that were marked.
    """

    type: str
    language: str
    letters: Count = field(default_factory=Count)
    mentions: Count = field(default_factory=Count)
    entities: Count = field(default_factory=Count)


@dataclass(frozen=True)
class Leaks:
    """What a sample tells of a redactor.

    Attributes:
        groups: by type and language; the first is of everything.
        clean: documents in which every mention is protected, of those that have one.
        kept: words that nobody marked and that stayed, of all of those.
        asked: types that were looked for; all if none. Others that are marked do not count.
    """

    groups: tuple[Leak, ...]
    clean: Count
    kept: Count
    asked: frozenset[str] = frozenset()


def leaks(sample: Sequence[Labeled], made: Sequence[Redacted], asked: Iterable[str] = ()) -> Leaks:
    """Count what is left.

    Args:
        sample: (n,) documents.
        made: (n,) what became of them.
        asked: types that were looked for; all if none.

    Example:
        >>> from casemate.privacy.text.spans import Span
        >>> one = Labeled(text="Ada, Ada", spans=(Mention(start=0, end=3, type="PERSON"),
        ...     Mention(start=5, end=8, type="PERSON")))
        >>> made = Redacted("[X], Ada", (Span(0, 3, "PERSON", 1.0, "names"),), ("[X]",))
        >>> found = leaks([one], [made]).groups[0]
        >>> found.mentions.k, found.mentions.n, found.entities.k, found.entities.n
        (1, 2, 1, 1)
    """
    wanted = frozenset(asked)
    groups: dict[tuple[str, str], Leak] = {(ALL, ALL): Leak(ALL, ALL)}
    several = len({each.language for each in sample}) > 1
    clean, kept = Count(), Count()
    for number, (each, done) in enumerate(zip(sample, made, strict=True)):
        hidden = _hidden(each.text, done)
        left = 0
        entities = {key: mentions for key, mentions in each.entities().items() if not wanted or key[0] in wanted}
        for (type, _), mentions in entities.items():
            seen = [_letters(each, one, hidden) for one in mentions]
            open = sum(k > 0 for k, _ in seen)
            left += open
            language = each.language if several and each.language else ALL
            for group in {(ALL, ALL), (type, ALL), (type, language), (ALL, language)}:
                leak = groups.setdefault(group, Leak(*group))
                leak.letters.add(number, sum(k for k, _ in seen), sum(n for _, n in seen))
                leak.mentions.add(number, open, len(seen))
                leak.entities.add(number, open > 0, 1)
        clean.add(number, not left, bool(entities))
        kept.add(number, *_kept(each, hidden))
    order = sorted(groups, key=lambda key: (key[0] != ALL, key[0], key[1] != ALL, key[1]))
    return Leaks(tuple(groups[key] for key in order), clean, kept, wanted)


def protected(each: Labeled, done: Redacted) -> dict[int, str]:
    """Mentions of a document that were hidden whole by one stretch that covers nothing else, and what stands there.

    By number of the mention: what an attacker has who is told where mentions were.
    """
    there = {(span.start, span.end): new for span, new in zip(done.spans, done.replacements, strict=True)}
    return {at: there[one.start, one.end] for at, one in enumerate(each.spans) if (one.start, one.end) in there}


def exposed(each: Labeled, done: Redacted) -> list[int]:
    """Numbers of the mentions of which something can be seen."""
    hidden = _hidden(each.text, done)
    return [at for at, one in enumerate(each.spans) if _letters(each, one, hidden)[0]]


def _hidden(text: str, done: Redacted) -> bytearray:
    """1 for each code point that was replaced by something that does not hold the stretch it is in."""
    made = bytearray(len(text))
    for span, new in zip(done.spans, done.replacements, strict=True):
        if not _holds(new.replace(span.type, ""), text[span.start : span.end]):
            made[span.start : span.end] = b"\1" * (span.end - span.start)
    return made


def _holds(new: str, old: str) -> bool:
    """Whether a replacement says what was there; of one or two letters, only if it says nothing else."""
    words = f" {' '.join(_WORD.findall(old.casefold()))} "
    return new == old if len(words) < 5 else words in f" {' '.join(_WORD.findall(new.casefold()))} "


def _letters(each: Labeled, one: Mention, hidden: bytearray) -> tuple[int, int]:
    """Letters and digits of a mention that are seen, and all of them; of one without any, its other characters."""
    places = [at for at in range(one.start, one.end) if each.text[at].isalnum()] or range(one.start, one.end)
    return sum(not hidden[at] for at in places), len(places)


def _kept(each: Labeled, hidden: bytearray) -> tuple[int, int]:
    """Words that stayed, and all of those that nobody marked."""
    marked = bytearray(len(each.text))
    for one in each.spans:
        marked[one.start : one.end] = b"\1" * (one.end - one.start)
    words = [match.span() for match in _WORD.finditer(each.text) if not any(marked[match.start() : match.end()])]
    return sum(not any(hidden[start:stop]) for start, stop in words), len(words)
