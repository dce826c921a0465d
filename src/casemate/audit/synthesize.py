"""A synthetic table to hand out instead of a private one: made, signed for, and attacked.

What attackers achieve on people is only seen where it is known who was in and who was not. So the game of membership
is played, and descriptions are tried, on tables made the same way of a part of the people, and the rest are strangers.
Those tables are thrown away. The figures are made from the private rows, for their owner: they are not covered by the
guarantee.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from casemate.audit import statements
from casemate.core.digests import Digest
from casemate.core.errors import DataError, UsageError
from casemate.core.measurement import Measurement
from casemate.core.observer import Observer, Silent
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.privacy.dp.audit.synthetic import Membership, Singling, attack, single_out
from casemate.privacy.dp.certificate import Certificate, code
from casemate.privacy.dp.synthetic import Categories, Dates, Numbers, SyntheticTable
from casemate.privacy.dp.synthetic.attributes import Attribute
from casemate.privacy.dp.warning import PrivacyWarning
from casemate.privacy.tables.hierarchies import Hierarchy
from casemate.privacy.tables.inference import as_text
from casemate.privacy.tables.options import AnonymizeSection
from casemate.privacy.tables.roles import ColumnRole, infer_roles
from casemate.stats import Estimate, clopper_pearson, replicates, t_interval

PREDICATE: Final = "urn:casemate:privacy/dp-synthetic:1"
POOL: Final = 1000
REFERENCE: Final = 2000
WORLDS: Final = 6
DRAWS: Final = 5
MOST_CLASSES: Final = 20
LIMITS: Final = (
    "groups: what many people share is told, and that is what a synthetic table is for",
    "people who have several rows, or rows that depend on each other: the guarantee is for one row",
    "attacks achieved no more than is said here; the guarantee, not the attacks, is what holds against others",
    "figures of privacy and use were made with the private rows: they are for their owner, not covered by epsilon",
)
NOBODY: Final = ThreatModel(goal="none: this is about use", knowledge=(), access=Access.LABELS, queries=0)
Step = Callable[[], None]


@dataclass(frozen=True, eq=False)
class Synthesized:
    """A synthetic table and what is known of it.

    Attributes:
        table: the rows to hand out.
        roles: of the columns; those that name people are left out.
        certificate: what the guarantee rests on.
        membership: the game; None without attacks, or with too few people.
        singling: descriptions that point at one person; None likewise.
        utility: how near marginals are, and what a classifier learns.
        left_out: attacks that could not be tried, and why.
    """

    table: pd.DataFrame
    roles: tuple[ColumnRole, ...]
    certificate: Certificate
    membership: Membership | None
    singling: Singling | None
    utility: tuple[Measurement, ...]
    left_out: tuple[str, ...]

    @property
    def verdict(self) -> tuple[Literal["PASS", "FAIL", "NOT_EVIDENCED"], str]:
        """Whether attacks refute the certificate."""
        if not self.certificate.trusted:
            return "FAIL", "its noise can be repeated: nothing is private"
        if self.membership is None:
            return "NOT_EVIDENCED", "no attack was run"
        if self.membership.refuted:
            return "FAIL", f"attacks refute the guarantee: {'; '.join(self.membership.reasons)}"
        least = max(each.lower for each in self.membership.outcomes)
        return "PASS", f"attacks show an epsilon of at least {least:.2g}, claimed {self.certificate.epsilon:g}"

    def measurements(self, subject: str, seed: int) -> tuple[Measurement, ...]:
        """All figures as records."""
        found = [] if self.membership is None else self.membership.measurements(subject, seed)
        if self.singling is not None:
            gain = self.singling.gain
            inside, outside, n = self.singling.inside.value, self.singling.outside.value, self.singling.predicates
            note = f"{inside:.1%} of the descriptions point at one person, {outside:.1%} at one stranger"
            found.append(_figure("attack/linkage", "singled_out", gain, n, subject, seed, "lower", note=note))
        return (*found, *(msgspec.structs.replace(each, subject=subject) for each in self.utility))


def synthesize(table: pd.DataFrame, section: AnonymizeSection, observer: Observer | None = None) -> Synthesized:
    """Make a synthetic table, and attack what is made the same way.

    Args:
        table: (n, columns) one row a person.
        section: epsilon, delta, roles, domains, seed, and whether to attack.
        observer: hears about progress.

    Raises:
        UsageError: the budget is none, a column or a domain is unknown; nothing was spent.
        DataError: a column holds what its domain does not, or nothing is left; nothing was spent.
    """
    heard = observer or Silent()
    people = table.rename(columns=str).reset_index(drop=True)
    roles = infer_roles(people, section.columns)
    kept = [each.name for each in roles if each.role in ("quasi", "sensitive", "keep")]
    if not kept:
        raise DataError("no column is left", next_step="give a column the role keep: --keep NAME")
    people = people[kept]
    domains, target = _domains(people, section), _target(people, section)
    for name, domain in domains.items():
        if isinstance(domain, Dates):
            people = people.assign(**{name: pd.to_datetime(people[name])})

    def maker() -> SyntheticTable:
        return SyntheticTable(section.epsilon, delta=section.delta or None, domains=domains)

    steps = "synthetic table" + (", attacked" if section.attack else "")
    heard.begin(steps, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)  # the certificate says what is assumed, and it is printed
        made = maker().fit(people)
        drawn = made.sample()
        heard.advance(steps)
        near = _figure("data/utility", "total_variation", _apart(people, made), DRAWS, "", section.seed, "lower",
                       note="mean over pairs of columns; interval over draws")  # fmt: skip
        heard.advance(steps)
        membership, singling, learned, left_out = (
            _attacked(people, maker, target, section, lambda: heard.advance(steps))
            if section.attack
            else (None, None, (), ())
        )
    heard.end(steps)
    return Synthesized(drawn, roles, made.certificate_, membership, singling, (near, *learned), left_out)


def signed(made: Synthesized, name: str, content: bytes, source: Mapping[str, str], home: Path | None = None) -> bytes:
    """The certificate of a synthetic table in a signed envelope.

    Args:
        made: the table.
        name: of the file.
        content: of the file.
        source: SHA-256 of the private table, by name.
        home: where keys lie, instead of the user's key home.
    """
    predicate = {
        "certificate": msgspec.to_builtins(made.certificate),
        "data": [{"name": each, "sha256": sha256} for each, sha256 in source.items()],
        "rows": len(made.table),
        "code": msgspec.to_builtins(code()),
    }
    return statements.signed(name, Digest.of(content), PREDICATE, predicate, home)


def _attacked(
    people: pd.DataFrame, maker: Callable[[], SyntheticTable], target: str, section: AnonymizeSection, step: Step
) -> tuple[Membership | None, Singling | None, tuple[Measurement, ...], tuple[str, ...]]:
    order = np.random.default_rng(derive(section.seed, "synthetic.halves")).permutation(len(people))
    shuffled = people.iloc[order].reset_index(drop=True)
    half, left_out = len(people) // 2, list[str]()
    membership, singling = None, None
    pool = min(POOL, len(people) // 3)
    if pool >= 100:
        rest = shuffled.iloc[pool : pool + REFERENCE].reset_index(drop=True)
        membership = attack(maker(), shuffled.iloc[:pool], rest, worlds=WORLDS, seed=section.seed)
    else:
        left_out.append(f"membership: {len(people)} people are too few, 300 would do")
    step()
    mine, others = (shuffled.iloc[part].reset_index(drop=True) for part in (slice(half), slice(half, 2 * half)))
    try:
        drawn = maker().fit(mine).sample(len(mine), random_state=section.seed)
        singling = single_out(mine, drawn, others, seed=section.seed)
    except (DataError, UsageError) as error:
        left_out.append(f"singling out: {error.message}")
        drawn = None
    step()
    learned = () if drawn is None or not target else _learned(mine, drawn, others, target, section.seed)
    return membership, singling, learned, tuple(left_out)


def _apart(people: pd.DataFrame, made: SyntheticTable) -> Estimate:
    """Mean total variation distance of all pairs of columns (of the one column there is), over draws."""
    names = list(people.columns)
    pairs = list(combinations(range(len(names)), 2)) or [(0, 0)]
    found = []
    for draw in range(DRAWS):
        drawn = made.sample(len(people), random_state=draw)
        codes = [_cells(people[name], drawn[name]) for name in names]
        found.append(float(np.mean([_variation(codes[a], codes[b], len(people)) for a, b in pairs])))
    return t_interval(found) if len(set(found)) > 1 else replicates(found)


def _cells(one: pd.Series, other: pd.Series) -> tuple[np.ndarray[Any, Any], int]:
    """Both columns as numbers of values; numbers of many values by twentieths of the first."""
    whole = pd.concat([one, other], ignore_index=True)
    if pd.api.types.is_numeric_dtype(one) and one.nunique() > MOST_CLASSES:
        edges = np.unique(np.nanquantile(one.astype("float64"), np.linspace(0, 1, MOST_CLASSES + 1)[1:-1]))
        codes = np.searchsorted(edges, whole.astype("float64"), side="right")
        return codes, len(edges) + 1
    codes, values = pd.factorize(whole, use_na_sentinel=False)
    return codes, len(values)


def _variation(one: tuple[Any, int], other: tuple[Any, int], rows: int) -> float:
    keys, size = one[0] * other[1] + other[0], one[1] * other[1]
    first, second = (np.bincount(each, minlength=size) / len(each) for each in (keys[:rows], keys[rows:]))
    return float(np.abs(first - second).sum() / 2)


def _target(people: pd.DataFrame, section: AnonymizeSection) -> str:
    """The column that a classifier learns: as named, else a sensitive one of few values."""
    if section.target and section.target not in people:
        raise UsageError(f"there is no column {section.target!r}", next_step="name one that is released: --target NAME")
    sensitive = [each.name for each in infer_roles(people, {k: v for k, v in section.columns.items() if k in people})
                 if each.role == "sensitive"]  # fmt: skip
    few = [name for name in sensitive if 2 <= people[name].nunique() <= MOST_CLASSES]
    return section.target or (few[0] if few else "")


def _learned(
    mine: pd.DataFrame, drawn: pd.DataFrame, others: pd.DataFrame, target: str, seed: int
) -> tuple[Measurement, ...]:
    """What a logistic regression learns from synthetic and from real rows, on people of neither."""
    found = []
    for name, rows in (("synthetic", drawn), ("real", mine)):
        if rows[target].nunique() < 2:
            continue
        model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(max_iter=300))
        model.fit(_words(rows, target), rows[target].map(as_text))
        right = int((model.predict(_words(others, target)) == others[target].map(as_text)).sum())
        exact = Estimate(right / len(others), clopper_pearson(right, len(others)), n=len(others))
        note = f"of {target}, by logistic regression on {name} rows of half of the people, judged by the other half"
        found.append(_figure("data/utility", "accuracy", exact, len(others), "", seed, "higher", {"rows": name}, note))
    return tuple(found)


def _words(rows: pd.DataFrame, target: str) -> pd.DataFrame:
    made = {}
    for name in rows.columns:
        if name == target:
            continue
        column = rows[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            width = 5.0 if column.abs().max() < 1000 else float(column.abs().max()) / 20
            made[name] = (column.astype("float64") // width).map(as_text)
        else:
            made[name] = column.map(as_text)
    return pd.DataFrame(made)


def _domains(people: pd.DataFrame, section: AnonymizeSection) -> dict[str, Attribute]:
    """What was said that columns can hold: public inputs."""
    unknown = sorted((set(section.domains) | set(section.hierarchies)) - set(people.columns))
    if unknown:
        raise UsageError(
            f"{unknown[0]!r} has a domain and is no column that is released", next_step="check its name and its role"
        )
    found: dict[str, Attribute] = {}
    for name, told in section.hierarchies.items():
        if told.endswith(".csv"):
            found[name] = _listed(people[name], Hierarchy.read(Path(told)).values)
    for name, told in section.domains.items():
        low, dots, high = told.partition("..")
        found[name] = _between(people[name], low, high) if dots else _listed(people[name], told.split("|"))
    return found


def _listed(column: pd.Series, values: Any) -> Attribute:
    missing = bool(column.isna().any())
    if pd.api.types.is_numeric_dtype(column):
        try:
            return Categories([column.dtype.type(each) for each in values if each], missing)
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"a domain of {column.name!r} lists what is no number", next_step="give numbers, or LOW..HIGH"
            ) from error
    return Categories([each for each in values if each], missing)


def _between(column: pd.Series, low: str, high: str) -> Attribute:
    missing = bool(column.isna().any())
    try:
        return Numbers(float(low), float(high), whole=pd.api.types.is_integer_dtype(column), missing=missing)
    except ValueError:
        return Dates(low, high, missing=missing)


def _figure(
    kind: str, metric: str, found: Estimate, n: int, subject: str, seed: int, direction: Literal["lower", "higher"],
    at: dict[str, float | str] | None = None, note: str = "",
) -> Measurement:  # fmt: skip
    threat = NOBODY
    if kind == "attack/linkage":
        threat = ThreatModel(
            goal="describe exactly one person of the private table",
            knowledge=("the synthetic table",),
            access=Access.LABELS,
            queries=0,
        )
    return Measurement(
        assessment=f"synthetic.{metric}", kind=kind, metric=metric, subject=subject, estimate=found.value,
        low=found.low, high=found.high, n=n, k=None, method=found.method, threat_model=threat, seed=seed,
        at=at or {}, direction=direction, note=note,
    )  # fmt: skip
