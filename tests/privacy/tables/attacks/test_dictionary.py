"""Plain hashes of identifiers are turned back by trying all; keyed pseudonyms are not."""

from __future__ import annotations

import base64
import hashlib

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes

from casemate.privacy.tables import PseudonymKey, Pseudonyms
from casemate.privacy.tables.attacks import reverse

PLATES = [f"{at:05}" for at in range(0, 30_000, 8)]
ISSUED = pd.Series(np.random.default_rng(0).choice(PLATES, 300, replace=False))


def hashed(algorithm: str, written, salt: str = "", cut: int | None = None) -> pd.Series:
    return ISSUED.map(lambda text: written(hashlib.new(algorithm, (salt + text).encode()).digest())[:cut])


@pytest.mark.parametrize(
    ("column", "how"),
    [
        (hashed("md5", bytes.hex), "md5, hex"),
        (hashed("sha256", bytes.hex), "sha256, hex"),
        (hashed("sha256", lambda digest: digest.hex().upper(), cut=16), "sha256, hex"),
        (hashed("sha1", lambda digest: base64.b64encode(digest).decode()), "sha1, base64"),
        (hashed("sha512", bytes.hex, salt="2026-"), "sha512, hex, salted"),
    ],
    ids=["md5", "sha256", "cut", "base64", "salted"],
)
def test_plain_hashes_of_few_identifiers_are_all_turned_back(column, how):
    found = reverse(column, PLATES, salts=("", "2026-"))
    assert (found.found, found.total, found.how) == (300, 300, how)
    assert found.tried <= len(PLATES)


def test_keyed_pseudonyms_are_not():
    made = Pseudonyms(PseudonymKey("k", bytes(32)), "plate").apply(ISSUED)
    found = reverse(made, PLATES[:2500])
    assert (found.share, found.how) == (0.0, "")


def test_ages_of_real_patients_hashed_are_known_at_once():
    ages = load_diabetes(scaled=False)["data"][:, 0].astype(int)
    column = pd.Series([hashlib.sha256(str(age).encode()).hexdigest() for age in ages])
    assert reverse(column, map(str, range(120))).share == 1.0


def test_what_is_no_column_of_hashes_ends_at_once():
    assert reverse(pd.Series(["a", "bb"]), PLATES).tried == 0
    assert reverse(pd.Series([], dtype=object), PLATES).share == 0.0
    assert reverse(pd.Series(["ab", "cd"]), PLATES).how == ""  # too short to prove anything
