"""Synthetic tables: records of nobody, drawn from a model of noisy marginals."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Final, Literal, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from casemate.core.errors import DataError, UsageError
from casemate.core.optional import require
from casemate.privacy.dp.accounting.book import Book
from casemate.privacy.dp.accounting.events import Approximate, Gaussian
from casemate.privacy.dp.checks import ABSURD, check_delta, check_epsilon
from casemate.privacy.dp.curves import mu_of
from casemate.privacy.dp.noise import SeededEntropy, SystemEntropy
from casemate.privacy.dp.synthetic.attributes import Attribute, taken_from
from casemate.privacy.dp.synthetic.choosing import Coded, aim, mst
from casemate.privacy.dp.synthetic.grouping import Groups, grouped
from casemate.privacy.dp.synthetic.meter import Meter, Whole
from casemate.privacy.dp.synthetic.sampling import draw
from casemate.privacy.dp.warning import PrivacyWarning

MANY: Final = 16
"""Columns up to which AIM is the method when none is named; it takes a minute there, and longer with more."""
SINGLES: Final = {"mst": 1 / 3, "aim": 1 / 10}
"""Share of the budget that goes into marginals of single columns."""


class SyntheticTable(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A table of records that nobody has, with the marginals of a private one as far as the budget goes.

    Neighbors are tables that differ in one row (``add_remove``); so nothing is assumed about how many rows there are.
    Without ``delta`` the guarantee is pure. The names and types of columns are public.

    Args:
        epsilon: the budget.
        delta: for (epsilon, delta) with Gaussian noise; far below 1 / rows. None: pure epsilon, Laplace noise, which
            serves far worse here: a table takes many marginals.
        domains: of each column, what it can hold: ``Categories``, ``Numbers`` or ``Dates``, public inputs. What is left
            out is taken from the data, and recorded as assumed public.
        method: ``mst``: a tree of pairs, in seconds. ``aim``: what the model is worst at, again and again; closer, and
            slower. None: ``aim`` up to 16 columns.
        cells: of the model's cliques, at most, for ``aim``: more follow the records closer and take longer.
        random_state: seed of noise that can be repeated, for tests only; then nothing is private, and the certificate
            says so.

    Attributes:
        columns_: names.
        rows_: how many records there seem to be; noisy.
        model_: the distribution, of groups of codes.
        certificate_: what the guarantee rests on.

    Example:
        >>> from casemate.privacy.dp.synthetic import Categories, Numbers
        >>> table = pd.DataFrame({"age": [21, 34, 55, 62] * 500, "ward": ["A", "A", "B", "B"] * 500})
        >>> domains = {"age": Numbers(0, 119, whole=True), "ward": Categories(["A", "B"])}
        >>> synthetic = SyntheticTable(epsilon=2.0, delta=1e-6, domains=domains, method="mst").fit(table)
        >>> drawn = synthetic.sample(1000, random_state=0)
        >>> bool((drawn["age"][drawn["ward"] == "B"].mean() > drawn["age"][drawn["ward"] == "A"].mean()))
        True

    Reference:
        See `casemate.privacy.dp.synthetic.choosing`; inference: `casemate.privacy.dp.synthetic.model`.
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        *,
        delta: float | None = None,
        domains: Mapping[str, Attribute] | None = None,
        method: Literal["mst", "aim"] | None = None,
        cells: int = 1 << 18,
        random_state: int | None = None,
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.domains = domains
        self.method = method
        self.cells = cells
        self.random_state = random_state

    def fit(self, frame: Any, *, book: Book | None = None, data: str = "") -> Self:
        """Spend the budget on a table.

        Args:
            frame: pandas or polars, one row a person.
            book: of budgets; the whole budget is charged to ``data`` there beforehand.
            data: name of the data set in the book.

        Raises:
            UsageError: a budget or a method that is none, or domains that do not fit the columns; nothing was spent.
            DataError: a column holds what its domain does not; nothing was spent.
            SpentError: the book refused.
        """
        self._polars = type(frame).__module__.partition(".")[0] == "polars"
        table = _pandas(frame)
        delta, method = self._checked(table, book, data)
        domains, assumed = self._domains(table)
        codes = [each.encode(table[name], name) for name, each in domains.items()]
        if self.random_state is not None:
            warnings.warn("noise of a seed can be repeated: nothing is private", PrivacyWarning, stacklevel=2)
        entropy = SystemEntropy() if self.random_state is None else SeededEntropy(self.random_state)
        meter = Meter(self.epsilon, delta, entropy)
        if book is not None:
            event = Gaussian(1 / mu_of(self.epsilon, delta)) if delta else Approximate(self.epsilon)
            book.charge(data, event, purpose=f"synthetic table by {method}")
        self.groups_ = self._grouped(meter, codes, list(domains.values()), SINGLES[method])
        records = Coded(
            [groups.group[each] for groups, each in zip(self.groups_, codes, strict=True)],
            [groups.size for groups in self.groups_],
            [groups.measured for groups in self.groups_],
        )
        self.model_ = mst(meter, records) if method == "mst" else aim(meter, records, self.cells)
        self.columns_, self.domains_ = list(domains), domains
        self.types_ = {name: table[name].dtype for name in domains}
        self.rows_ = max(round(self.model_.total), 1)
        self.certificate_ = meter.certificate(
            f"{method.upper()}: marginals and choices of them",
            assumed,
            [str(each) for each in self.columns_],
            {"method": method, "cells": self.cells},
        )
        self.asked_ = tuple(meter.asked)
        return self

    def sample(self, n: int | None = None, *, random_state: int | None = None) -> Any:
        """Draw a table; this spends nothing, however often.

        Args:
            n: rows; as many as the private table seems to have if left out.
            random_state: seed of the draw.

        Returns:
            A frame of the kind and with the column types of the one that was given.
        """
        check_is_fitted(self)
        rows = self.rows_ if n is None else n
        if rows < 0:
            raise UsageError(f"{rows} rows cannot be drawn", next_step="give 0 or more")
        random = np.random.default_rng(random_state)
        drawn = draw(self.model_, rows, random)
        columns = {}
        for (name, domain), groups, each in zip(self.domains_.items(), self.groups_, drawn, strict=True):
            values = domain.decode(groups.draw(each, random), random)
            columns[name] = _typed(values, self.types_[name])
        table = pd.DataFrame(columns, index=pd.RangeIndex(rows))
        return require("polars", extra="polars").from_pandas(table) if self._polars else table

    def _checked(self, table: pd.DataFrame, book: Book | None, data: str) -> tuple[float, Literal["mst", "aim"]]:
        """Delta, and the method."""
        check_epsilon(self.epsilon)
        if self.delta is not None:
            check_delta(self.delta)
        if not len(table) or not len(table.columns) or len(set(table.columns)) < len(table.columns):
            raise DataError(
                "the table is empty, or two columns have one name", next_step="give rows and distinct names"
            )
        if self.delta is not None and self.delta * len(table) >= 1:
            raise UsageError(
                f"delta {self.delta:g} is too large for so few rows",
                cause="with delta 1 / rows a mechanism may publish a whole record",
                next_step="give a delta far below, 1e-6 for example, or none; no budget was spent",
            )
        if self.method not in (None, "mst", "aim"):
            raise UsageError(f"there is no method {self.method!r}", next_step="use 'mst' or 'aim'")
        if book is not None and not data:
            raise UsageError("whose budget pays?", next_step="name the data set as in the book: data=...")
        if self.epsilon > ABSURD:
            warnings.warn(f"epsilon {self.epsilon:g} promises next to nothing", PrivacyWarning, stacklevel=3)
        return self.delta or 0.0, self.method or ("aim" if len(table.columns) <= MANY else "mst")

    def _domains(self, table: pd.DataFrame) -> tuple[dict[str, Attribute], tuple[str, ...]]:
        """What each column can hold, and what of that is assumed to be public."""
        given = dict(self.domains or {})
        strange = sorted(set(given) - set(table.columns))
        if strange:
            raise UsageError(f"the table has no column {strange[0]!r}", next_step="name columns that are there")
        found, assumed = dict[str, Attribute](), list[str]()
        for name in table.columns:
            if name in given:
                found[name] = given[name]
                continue
            found[name], said = taken_from(table[name], name)
            assumed += [said] if said else []
        if assumed:
            warnings.warn(
                f"{len(assumed)} domains were taken from the data and are assumed to be public: {', '.join(assumed)}; "
                "say what columns can hold: domains=",
                PrivacyWarning,
                stacklevel=3,
            )
        return found, tuple(assumed)

    def _grouped(self, meter: Meter, codes: list[Whole], domains: list[Attribute], share: float) -> list[Groups]:
        """Marginals of single columns, few records joined."""
        sizes = [each.size for each in domains]
        each_gets = share / len(codes)
        singles = [meter.marginal(codes, sizes, (at,), each_gets) for at in range(len(codes))]
        return [
            grouped(single, domain.ordered, getattr(domain, "missing", False))
            for single, domain in zip(singles, domains, strict=True)
        ]


def _pandas(frame: Any) -> pd.DataFrame:
    """The frame as pandas has it."""
    if isinstance(frame, pd.DataFrame):
        return frame
    if type(frame).__module__.partition(".")[0] == "polars" and hasattr(frame, "to_dict"):
        return pd.DataFrame(frame.to_dict(as_series=False))
    raise UsageError("this is no table", next_step="give a pandas or polars DataFrame; no budget was spent")


def _typed(values: Any, kind: Any) -> pd.Series:
    """As the column had it; whole numbers where some are missing stay floating point."""
    if pd.api.types.is_datetime64_any_dtype(kind) and getattr(kind, "tz", None) is not None:
        return pd.Series(values).dt.tz_localize(kind.tz).astype(kind)
    if isinstance(kind, pd.CategoricalDtype) or not pd.api.types.is_integer_dtype(kind):
        return pd.Series(values).astype(kind)
    made = pd.Series(values)
    return made if made.isna().any() else made.astype(kind)
