"""Roles: the cautious guess, with a reason, and what is said wins."""

from __future__ import annotations

import pandas as pd
import pytest

from casemate.core.errors import UsageError
from casemate.privacy.tables.roles import infer_roles, shown

COUNT = 60
TABLE = pd.DataFrame(
    {
        "PatientId": range(COUNT),
        "contact": [f"p{at}@example.org" for at in range(COUNT)],
        "token": [f"{at:064x}" for at in range(COUNT)],
        "remarks": [f"came in at {at} o'clock with a cough" for at in range(COUNT)],
        "birth": pd.date_range("1950-01-01", periods=COUNT).astype(str),
        "zip": [f"{80000 + at % 7}" for at in range(COUNT)],
        "age": [20 + at % 40 for at in range(COUNT)],
        "bmi": [18 + at / 7 for at in range(COUNT)],
        "diagnosis": ["flu", "cold"] * (COUNT // 2),
        "workclass": ["private", "state"] * (COUNT // 2),
        "clinic": "north",
    }
)


def test_roles_are_guessed_with_care():
    found = {each.name: each.role for each in infer_roles(TABLE)}
    assert found == {
        "PatientId": "drop",
        "contact": "drop",
        "token": "drop",
        "remarks": "drop",
        "birth": "quasi",
        "zip": "quasi",
        "age": "quasi",
        "bmi": "quasi",  # unique numbers are generalized, not given up
        "diagnosis": "sensitive",
        "workclass": "quasi",
        "clinic": "keep",
    }
    told = shown(infer_roles(TABLE))
    assert "looks like e-mail addresses" in told
    assert "looks like hashes; plain hashes of identifiers can be turned back" in told
    assert "somebody may know it" in told


def test_what_is_said_wins():
    found = {each.name: each for each in infer_roles(TABLE, {"PatientId": "pseudonym", "bmi": "noise"})}
    assert (found["PatientId"].role, found["bmi"].role) == ("pseudonym", "noise")
    assert found["bmi"].reason == "given"


def test_what_is_no_column_or_no_role_is_refused():
    with pytest.raises(UsageError, match="no column 'height'"):
        infer_roles(TABLE, {"height": "drop"})
    with pytest.raises(UsageError, match="no role"):
        infer_roles(TABLE, {"age": "secret"})  # type: ignore[dict-item]
