"""Keyed pseudonyms: by the written format, the same in every table, and only with the key."""

from __future__ import annotations

import base64
import hashlib
import hmac

import numpy as np
import pandas as pd
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sklearn.datasets import load_diabetes

from casemate.core.errors import UnreadableError, UsageError
from casemate.keys.kek_file import create_kek, renew_kek
from casemate.keys.services import WrongKeyError
from casemate.privacy.tables import PseudonymKey, Pseudonyms

KEY = PseudonymKey("test", bytes(range(32)))


def test_a_pseudonym_is_what_the_format_says():
    secret = HKDF(SHA256(), 32, None, b"casemate/pseudonyms/1\0pseudonym\0patient").derive(bytes(range(32)))
    mac = hmac.digest(secret, "Zoë".encode(), hashlib.sha256)
    wanted = base64.b32encode(mac[:16]).decode().rstrip("=").lower()
    made = Pseudonyms(KEY, "patient").apply(pd.Series(["Zoë", "Zoe\u0308", None]))
    assert made.tolist()[:2] == [wanted, wanted]  # however it is composed
    assert made.isna().tolist() == [False, False, True]


def test_tables_join_by_pseudonyms_of_one_context_and_not_of_two():
    visits, bills = pd.Series([7, 8, 7]), pd.Series([8.0, np.nan, 7.0])
    one, two = Pseudonyms(KEY, "patient").apply(visits), Pseudonyms(KEY, "patient").apply(bills)
    assert one[0] == one[2] == two[2]
    assert one[1] == two[0]
    other = Pseudonyms(KEY, "bill").apply(bills)
    assert not set(other.dropna()) & set(one)
    another = Pseudonyms(PseudonymKey("other", bytes(32)), "patient").apply(visits)
    assert not set(another) & set(one)


def test_the_lookup_turns_them_back_and_nothing_else_does():
    pseudonyms = Pseudonyms(KEY, "patient")
    column = pd.Series(["ada", "bob", None])
    table = pseudonyms.lookup(column)
    assert [table[each] for each in pseudonyms.apply(column)[:2]] == ["ada", "bob"]
    assert len(table) == 2
    assert "ada" not in repr(pseudonyms)
    assert bytes(range(32)).hex() not in repr(pseudonyms)


def test_of_real_patients_none_share_one_and_the_chance_is_stated():
    records = load_diabetes(scaled=False)["data"]
    names = pd.Series([",".join(map(str, row)) for row in records])
    made = Pseudonyms(KEY, "patient").apply(names)
    assert made.nunique() == names.nunique() == 442
    assert made.str.fullmatch("[a-z2-7]{26}").all()
    assert Pseudonyms(KEY, "p").collision(1_000_000) == pytest.approx(1.47e-27, rel=0.01)
    assert Pseudonyms(KEY, "p", bits=80).collision(1_000_000) == pytest.approx(4.1e-13, rel=0.02)


def test_bits_look_like_coins():
    made = Pseudonyms(KEY, "n").apply(pd.Series(range(4000)))
    raw = np.array([list(base64.b32decode(each.upper() + "=" * 6)) for each in made], dtype=np.uint8)
    ones = np.unpackbits(raw, axis=1).mean(axis=0)
    assert np.abs(ones - 0.5).max() < 5 * 0.5 / np.sqrt(4000)


def test_a_key_is_kept_by_a_key_service(tmp_path):
    service, other = create_kek(tmp_path / "a.kek"), create_kek(tmp_path / "b.kek")
    made = PseudonymKey.create(tmp_path / "pseudonyms.json", [service, other])
    for each in (service, other):
        assert PseudonymKey.open(tmp_path / "pseudonyms.json", [each]).derive("a", "b") == made.derive("a", "b")
    assert made.derive("a", "b") not in (made.derive("ab", ""), made.derive("a", "c"))
    renewed = renew_kek(tmp_path / "a.kek")
    assert PseudonymKey.open(tmp_path / "pseudonyms.json", [renewed]).identity == made.identity
    with pytest.raises(WrongKeyError):
        PseudonymKey.open(tmp_path / "pseudonyms.json", [create_kek(tmp_path / "c.kek")])
    with pytest.raises(UsageError, match="exists already"):
        PseudonymKey.create(tmp_path / "pseudonyms.json", [service])
    assert (tmp_path / "pseudonyms.json").stat().st_mode & 0o077 == 0


def test_what_holds_no_key_is_refused(tmp_path):
    path = tmp_path / "pseudonyms.json"
    path.write_bytes(b"{}")
    path.chmod(0o600)
    with pytest.raises(UnreadableError, match="holds no pseudonym key"):
        PseudonymKey.open(path, [])
    with pytest.raises(UsageError, match="nothing would keep"):
        PseudonymKey.create(tmp_path / "new.json", [])
    with pytest.raises(UsageError, match="bytes"):
        PseudonymKey("short", b"abc")
    for bits in (64, 100, 512):
        with pytest.raises(UsageError, match="no length of a pseudonym"):
            Pseudonyms(KEY, "p", bits=bits)
