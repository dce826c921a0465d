"""A synthetic table is of use, says what it rests on, keeps types, and bad input spends nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from casemate.core.errors import DataError, SpentError, UsageError
from casemate.keys.ed25519 import Ed25519Signer
from casemate.privacy.dp.accounting.book import Book
from casemate.privacy.dp.synthetic import Categories, Dates, Numbers, SyntheticTable, table
from casemate.privacy.dp.warning import PrivacyWarning


def people(rows: int = 5000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    ill = rng.random(rows) < age / 120
    return pd.DataFrame(
        {
            "age": age,
            "ill": ill,
            "ward": pd.Categorical(np.where(ill, "surgery", "hall"), ["hall", "surgery", "attic"]),
            "weight": np.where(rng.random(rows) < 0.1, np.nan, 50 + age / 4 + rng.normal(0, 5, rows)),
            "seen": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 300, rows), unit="D"),
            "city": pd.Series(rng.choice(["Bonn", "Ulm", "Trier"], rows, p=[0.7, 0.2, 0.1])),
        }
    )


DOMAINS = {
    "age": Numbers(18, 89, whole=True),
    "ward": Categories(["hall", "surgery", "attic"]),
    "weight": Numbers(20, 120, missing=True),
    "seen": Dates("2026-01-01", "2026-12-31"),
    "city": Categories(["Bonn", "Ulm", "Trier"]),
}


@pytest.mark.parametrize("method", ["mst", "aim"])
def test_dependences_are_kept_and_so_are_types(method: str) -> None:
    private = people()
    made = SyntheticTable(2.0, delta=1e-6, domains=DOMAINS, method=method).fit(private)
    drawn = made.sample(5000, random_state=1)
    assert drawn.dtypes.to_dict() == private.dtypes.to_dict()
    assert drawn["age"].between(18, 89).all()
    assert drawn["weight"].dropna().between(20, 120).all()
    assert drawn["weight"].isna().mean() == pytest.approx(0.1, abs=0.03)
    assert (drawn["city"] == "Bonn").mean() == pytest.approx(0.7, abs=0.03)
    gap = [each.groupby("ill")["age"].mean().diff().iloc[-1] for each in (private, drawn)]
    assert gap[1] == pytest.approx(gap[0], rel=0.3)
    assert ((drawn["ward"] == "surgery") == drawn["ill"]).mean() > 0.97
    assert made.rows_ == pytest.approx(5000, abs=200)
    assert made.certificate_.trusted
    assert made.certificate_.assumed == ()
    assert made.certificate_.relation == "add_remove"


def test_pure_epsilon_serves_too() -> None:
    made = SyntheticTable(8.0, domains=DOMAINS, method="mst").fit(people(20_000))
    assert made.certificate_.delta == 0
    assert made.certificate_.curve == ()
    drawn = made.sample(random_state=0)
    assert ((drawn["ward"] == "surgery") == drawn["ill"]).mean() > 0.9


def test_a_classifier_learns_from_it_what_it_would_from_the_real_one() -> None:
    """Breast cancer of scikit-learn, ten columns; tested on real records that were not in."""
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    whole = x.iloc[:, :10].assign(benign=y == 1)
    domains = {name: Numbers(0, 2 * float(whole[name].quantile(0.9)), bins=20) for name in whole.columns[:10]}
    train, test = whole.iloc[:400], whole.iloc[400:]
    made = SyntheticTable(10.0, delta=1e-5, domains=domains, method="mst", random_state=1)
    with pytest.warns(PrivacyWarning, match="seed"):
        made.fit(train)
    drawn = made.sample(2000, random_state=0)
    scale = np.array([each.high for each in domains.values()])
    model = LogisticRegression(C=10, max_iter=500).fit(drawn.iloc[:, :10] / scale, drawn["benign"])
    assert model.score(test.iloc[:, :10] / scale, test["benign"]) > 0.80  # the larger class: 0.74


def test_what_is_taken_from_the_data_is_recorded_and_warned_about() -> None:
    domains = {name: each for name, each in DOMAINS.items() if name != "city"}
    with pytest.warns(PrivacyWarning, match="categories of city"):
        made = SyntheticTable(1.0, delta=1e-6, domains=domains, method="mst").fit(people(500))
    assert made.certificate_.assumed == ("categories of city",)
    with pytest.warns(PrivacyWarning, match="next to nothing"):
        SyntheticTable(30.0, delta=1e-6, domains=DOMAINS, method="mst").fit(people(500))


@pytest.mark.filterwarnings("ignore::casemate.privacy.dp.warning.PrivacyWarning")
def test_a_seed_repeats_the_table_and_the_certificate_says_so() -> None:
    one = SyntheticTable(1.0, delta=1e-6, domains=DOMAINS, method="mst", random_state=3)
    two = clone(one)
    first, second = (each.fit(people(500)).sample(100, random_state=0) for each in (one, two))
    pd.testing.assert_frame_equal(first, second)
    assert "NOT PRIVATE" in str(one.certificate_)
    assert len(one.sample(0)) == 0


def test_bad_input_spends_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(table, "Meter", lambda *_: pytest.fail("the records were asked"))
    book = Book(tmp_path / "budgets", Ed25519Signer("example.org/privacy", bytes(32)))
    book.grant("people", epsilon=1.0, delta=1e-6)
    frame = people(200)
    wrong = [
        ({"epsilon": 0.0}, frame, UsageError),
        ({"epsilon": float("nan")}, frame, UsageError),
        ({"delta": 0.01}, frame, UsageError),
        ({"delta": 1.0}, frame, UsageError),
        ({"method": "gan"}, frame, UsageError),
        ({"domains": {**DOMAINS, "salary": Numbers(0, 1)}}, frame, UsageError),
        ({}, frame[:0], DataError),
        ({}, frame.rename(columns={"age": "ward"}), DataError),
        ({"domains": {**DOMAINS, "city": Categories(["Bonn"])}}, frame, DataError),
        ({}, [[1, 2]], UsageError),
    ]
    for settings, given, error in wrong:
        synthetic = SyntheticTable(**{"epsilon": 1.0, "delta": 1e-6, "domains": DOMAINS, **settings})
        with pytest.raises(error):
            synthetic.fit(given, book=book, data="people")
    assert book.account("people").used == 0


def test_the_budget_of_a_book_is_charged_beforehand_and_refused_when_spent(tmp_path: Path) -> None:
    book = Book(tmp_path / "budgets", Ed25519Signer("example.org/privacy", bytes(32)))
    book.grant("people", epsilon=1.3, delta=1e-6)  # two releases of 1 together spend 1.44
    synthetic = SyntheticTable(1.0, delta=1e-6, domains=DOMAINS, method="mst")
    synthetic.fit(people(300), book=book, data="people")
    assert book.account("people").used == pytest.approx(1.0, rel=1e-6)
    with pytest.raises(SpentError):
        synthetic.fit(people(300), book=book, data="people")
    with pytest.raises(UsageError, match="whose"):
        synthetic.fit(people(300), book=book)


def test_one_column_and_one_row_are_tables_too() -> None:
    made = SyntheticTable(1.0, domains={"city": DOMAINS["city"]}).fit(people(1)[["city"]])
    assert set(made.sample(50)["city"]) <= {"Bonn", "Ulm", "Trier"}


def test_polars_in_and_out() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.from_pandas(people(500)[["age", "city"]])
    made = SyntheticTable(1.0, delta=1e-6, domains={name: DOMAINS[name] for name in ("age", "city")}).fit(frame)
    assert made.sample(10).schema == frame.schema
