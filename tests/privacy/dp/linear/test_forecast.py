"""What is said before a budget is spent: that rows are few, and what they would teach."""

from __future__ import annotations

import numpy as np
import pytest

from casemate.core.errors import UsageError
from casemate.privacy.dp import GaussianNB, LogisticRegression, PrivacyWarning, forecast


@pytest.mark.parametrize("model", [LogisticRegression(1.0), LogisticRegression(1.0, delta=1e-5), GaussianNB(1.0)])
def test_few_rows_are_said_before_anything_is_spent(model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(model), "_entropy", lambda _: pytest.fail("noise was asked for"))
    rows = np.random.default_rng(0).random((40, 3))
    said = pytest.warns(PrivacyWarning, match="40 rows are few for epsilon 1: .* nothing has been spent yet")
    with said, pytest.raises(pytest.fail.Exception):
        model.set_params(classes=(0, 1)).fit(rows, np.arange(40) % 2)


def test_enough_rows_are_not_spoken_of(recwarn: pytest.WarningsRecorder) -> None:
    rows = np.random.default_rng(0).random((1000, 3))
    LogisticRegression(1.0, classes=(0, 1)).fit(rows, np.arange(1000) % 2)
    assert not [each for each in recwarn if "few" in str(each.message)]


def test_a_forecast_grows_with_rows_and_budget_and_is_what_a_real_table_of_that_task_gives() -> None:
    found = [forecast(LogisticRegression(*said), rows, 10) for said, rows in (((1.0,), 100), ((1.0,), 5000))]
    assert found[0].private < found[1].private - 0.05
    assert found[1].private <= found[1].plain + 0.01
    assert forecast(LogisticRegression(0.1), 2000, 10).private < forecast(LogisticRegression(5.0), 2000, 10).private
    assert "of an imagined task's 90%" in str(found[0])


def test_a_forecast_changes_neither_the_model_nor_repeats_its_noise() -> None:
    model = LogisticRegression(1.0, classes=("no", "yes"))
    assert forecast(model, 300, 4) == forecast(model, 300, 4)
    assert model.classes == ("no", "yes")
    assert model.random_state is None
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize(("rows", "columns"), [(3, 2), (10, 0)])
def test_what_teaches_nothing_is_refused(rows: int, columns: int) -> None:
    with pytest.raises(UsageError, match="teach nothing"):
        forecast(LogisticRegression(), rows, columns)
