"""The query language of the control map: which evidence a control asks for, and what has to be true of it.

    query     = kinds '|' atom ('and' atom)* '|' condition*
    kinds     = kind (',' kind)*
    atom      = metric['@'param]['.'(est|lo95|hi95|delta.lo95|delta.hi95)] op (number | 'policy'[':'name])
    param     = axis[number['%']]
    condition = 'every' | 'pair' | 'live' | 'n>='(N | 'policy:'name) | 'age<='N'd'

"tpr@fpr0.1%.hi95 <= policy" speaks of measurements with the metric "tpr" at {"fpr": 0.001}. The parser always stops:
it cuts the text at fixed separators into finitely many pieces and matches each piece once, against expressions that
contain no nested repetition and are therefore linear in its length; it neither loops nor recurses on what it finds.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Literal, cast

import msgspec

Field = Literal["", "est", "lo95", "hi95", "delta.lo95", "delta.hi95"]
Op = Literal["<=", ">=", "==", "<", ">"]

LONGEST = 2_000
"""No query is longer; longer text is refused unread."""

_KIND = re.compile(r"[a-z][a-z0-9-]{0,63}(?:/[a-z0-9][a-z0-9-]{0,63}){0,7}(?:/\*)?", re.ASCII)
_NUMBER = r"[+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?%?"
_ATOM = re.compile(
    rf"(?P<metric>[a-z][a-z0-9_]{{0,63}})(?:@(?P<axis>[a-z][a-z_]{{0,31}})(?P<value>{_NUMBER})?)?"
    r"(?:\.(?P<field>est|lo95|hi95|delta\.lo95|delta\.hi95))?"
    rf"[ \t]{{0,8}}(?P<op><=|>=|==|<|>)[ \t]{{0,8}}"
    rf"(?:(?P<number>{_NUMBER})|policy(?::(?P<policy>[a-z][a-z0-9_]{{0,63}}))?)",
    re.ASCII,
)
_SIZE = re.compile(r"n>=(?:(?P<count>[0-9]{1,9})|policy:(?P<policy>[a-z][a-z0-9_]{0,63}))", re.ASCII)
_AGE = re.compile(r"age<=(?P<days>[0-9]{1,5})d", re.ASCII)


class GrammarError(ValueError):
    """A query that the grammar does not know; only a person can judge it."""


class PolicyRef(msgspec.Struct, frozen=True):
    """A number the user's policy gives; the empty name means the tolerance of that kind and metric."""

    name: str = ""

    def __str__(self) -> str:
        return f"policy:{self.name}" if self.name else "policy"


class Atom(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison. ``at`` holds the coordinates asked for; None as a value means any point on that axis."""

    metric: str
    op: Op
    limit: float | PolicyRef
    at: tuple[tuple[str, float | None], ...] = ()
    field: Field = ""

    def __str__(self) -> str:
        at = "".join(f"@{axis}{'' if value is None else repr(value)}" for axis, value in self.at)
        limit = repr(self.limit) if isinstance(self.limit, float) else str(self.limit)
        return f"{self.metric}{at}{'.' if self.field else ''}{self.field} {self.op} {limit}"


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """What else has to hold of the evidence."""

    every: bool = False
    pair: bool = False
    live: bool = False
    least_n: int | PolicyRef | None = None
    age_days: int | None = None

    def __str__(self) -> str:
        words = [word for word, on in (("every", self.every), ("pair", self.pair), ("live", self.live)) if on]
        if self.least_n is not None:
            words.append(f"n>={self.least_n}")
        if self.age_days is not None:
            words.append(f"age<={self.age_days}d")
        return " ".join(words)


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed query. ``str`` gives text that parses to the same query."""

    kinds: tuple[str, ...]
    atoms: tuple[Atom, ...]
    conditions: Conditions

    def __str__(self) -> str:
        return f"{' , '.join(self.kinds)} | {' and '.join(map(str, self.atoms))} | {self.conditions}"


def parse(text: str) -> Query:
    """Parse a query.

    Raises:
        GrammarError: the text is not in the grammar; the message says which piece.

    Example:
        >>> query = parse("attack/membership/* | tpr@fpr0.1%.hi95 <= policy | pair n>=3000")
        >>> query.atoms[0].at, query.conditions.least_n
        ((('fpr', 0.001),), 3000)
    """
    if len(text) > LONGEST:
        raise GrammarError(f"a query of {len(text)} characters")
    parts = text.split("|")
    if len(parts) != 3:
        raise GrammarError("a query has three parts divided by '|'")
    return Query(
        kinds=parse_kinds(parts[0]),
        atoms=tuple(_atom(piece) for piece in re.split(r"[ \t]and[ \t]", parts[1])),
        conditions=_conditions(parts[2]),
    )


def parse_kinds(text: str) -> tuple[str, ...]:
    """The kinds of a query's first part, even where the rest is outside the grammar.

    Raises:
        GrammarError: a kind is malformed.
    """
    kinds = tuple(piece.strip() for piece in text.split(","))
    for kind in kinds:
        if not _KIND.fullmatch(kind):
            raise GrammarError(f"no evidence kind: {kind[:80]!r}")
    return kinds


def _atom(piece: str) -> Atom:
    found = _ATOM.fullmatch(piece.strip())
    if found is None:
        raise GrammarError(f"no comparison of a metric with a number: {piece.strip()[:80]!r}")
    number = found["number"]
    value = None if found["value"] is None else _number(found["value"])
    return Atom(
        metric=found["metric"],
        at=() if found["axis"] is None else ((found["axis"], value),),
        field=cast(Field, found["field"] or ""),
        op=cast(Op, found["op"]),
        limit=PolicyRef(found["policy"] or "") if number is None else _number(number),
    )


def _conditions(text: str) -> Conditions:
    flags: dict[str, bool] = {}
    least_n: int | PolicyRef | None = None
    age: int | None = None
    for word in text.split():
        if word in ("every", "pair", "live") and word not in flags:
            flags[word] = True
        elif (size := _SIZE.fullmatch(word)) and least_n is None:
            least_n = int(size["count"]) if size["count"] else PolicyRef(size["policy"])
        elif (days := _AGE.fullmatch(word)) and age is None:
            age = int(days["days"])
        else:
            raise GrammarError(f"no condition: {word[:80]!r}")
    return Conditions(**flags, least_n=least_n, age_days=age)


def _number(text: str) -> float:
    """Exact decimal first, so that 0.1 % is the same double as 0.001."""
    value = float(Decimal(text[:-1]) / 100) if text.endswith("%") else float(Decimal(text))
    if not math.isfinite(value):
        raise GrammarError(f"no finite number: {text[:80]!r}")
    return value
