"""The vault: what was taken out comes back exactly, to those who may, on record, and not once it is forgotten."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.core.errors import CasemateError, StorageError, TamperedError, UnreadableError, UsageError
from casemate.keys.ed25519 import Ed25519Signer
from casemate.keys.kek_file import FileKey, create_kek
from casemate.keys.services import WrongKeyError
from casemate.ledger.statement import Record, open_record
from casemate.ledger.turns import turn
from casemate.privacy.text import placeholders
from casemate.privacy.text import vault as room
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.redactor import Redactor
from casemate.privacy.text.spans import Span
from casemate.privacy.text.vault import ANY, RefusedError, Session, Vault

SIGNER = Ed25519Signer("example.org/vault", bytes(32))
ROLES = {"clerk": ["answer"], "auditor": [ANY]}
TEXT = "Write to jane@acme.org or bob@acme.org; jane@acme.org is quicker."


@pytest.fixture(scope="module")
def fast() -> Analyzer:
    return Analyzer("fast", types=("EMAIL_ADDRESS", "PHONE_NUMBER"))


@pytest.fixture
def kek(tmp_path: Path) -> FileKey:
    return create_kek(tmp_path / "kek")


@pytest.fixture
def vault(tmp_path: Path, kek: FileKey) -> Vault:
    return Vault.create(tmp_path / "vault", [kek], SIGNER, ROLES)


def back(vault: Vault, text: str, session: str = "") -> str:
    return vault.restore(text, role="clerk", purpose="answer", session=session)


def records(vault: Vault) -> list[Record]:
    with turn(vault.folder / "ledger", [SIGNER], 1) as ledger:
        return [open_record(at, each, [SIGNER.verifier]) for at, each in enumerate(ledger.entries())]


def taken(session: Session, text: str, *parts: str, type: str = "PERSON") -> str:
    """The text without each of its parts."""
    places = [(text.index(each), each) for each in parts]
    spans = [Span(at, at + len(each), type, 0.9, "test") for at, each in sorted(places)]
    return Redactor(Analyzer("fast", types=("IMEI",)), default=session).replace(text, spans).text


def test_equal_values_share_a_placeholder_and_all_come_back(vault: Vault, fast: Analyzer) -> None:
    session = vault.session()
    done = Redactor(fast, default=session).redact(TEXT)
    assert done.replacements == tuple(f"[EMAIL_ADDRESS_{session.nonce}_{each}]" for each in (1, 2, 1))
    assert "acme" not in done.text
    assert back(vault, done.text) == TEXT


FRAGMENTS = st.sampled_from([
    "jane@acme.org", "Jane@Acme.org", "bob@acme.org", "+1 415 555 2671", "Jane Doe", " ", "\n",
    "\\", "[", "]", "\\[", "\\]",
    "&#91;", "&#93;", "&lbrack;", "_", "**", "`", "<b>", "</b>", "【", "］", "PERSON",
    "EMAIL_ADDRESS", "_1", "_2]", "1", "7",
    "[PERSON_", "[EMAIL_ADDRESS_1]", "[PERSON_k7f3m2xq_1]", "NONCE", "NON", "CE", "[PERSON_NONCE_1]", "PERSON_NONCE_1",
    "&#91;EMAIL_ADDRESS NONCE 1&#93;", "\\[EMAIL\\_ADDRESS\\_NONCE\\_2\\]", "[PERSON_NO**NCE_",
    "\u200b", "\r\n", "ü", "😀",
])  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.tuples(FRAGMENTS, st.booleans()), max_size=14), min_size=1, max_size=3))
def test_whatever_is_written_comes_back(vault: Vault, fast: Analyzer, turns: list[list[tuple[str, bool]]]) -> None:
    # In later turns the author knows the nonce: NONCE stands for it, whole or in two halves.
    session = vault.session()
    named = {"NONCE": session.nonce, "NON": session.nonce[:4], "CE": session.nonce[4:]}
    redactor = Redactor(fast, default=session)
    for fragments in turns:
        text, spans = "", []
        for fragment, hide in fragments:
            for word, nonce in named.items():
                fragment = fragment.replace(word, nonce)  # noqa: PLW2901
            if hide:
                spans.append(Span(len(text), len(text) + len(fragment), "PERSON", 0.9, "test"))
            text += fragment
        assert back(vault, redactor.replace(text, spans).text) == text
        assert back(vault, redactor.redact(text).text) == text


def test_of_any_characters_too(vault: Vault) -> None:
    session = vault.session()
    for value in ("", " ", "\x00", "a\ud800b", "[PERSON_x_1]", f"[PERSON_{session.nonce}_1]", "é" * 5000):
        sent = session(value, Span(0, len(value), "PERSON", 0.9, "test"))
        session.commit()
        assert back(vault, f"<{sent}>") == f"<{value}>"


CHANGES: list[Callable[[str], str]] = [
    str.lower, str.upper, str.title,
    lambda said: said.replace("_", " "),
    lambda said: said.replace("_", "\n"),
    lambda said: said.replace("_", " _\r\n  "),
    lambda said: said.replace("_", "\\_"),
    lambda said: said.replace("_", "&#95;"),
    lambda said: said.replace("_", "-"),
    lambda said: said.replace("[", "[ ").replace("]", " ]"),
    lambda said: said.replace("[", "\\[").replace("]", "\\]").replace("_", "\\_"),
    lambda said: said.replace("[", "&#91;").replace("]", "&#93;"),
    lambda said: said.replace("[", "&#x5B;").replace("]", "&rsqb;"),
    lambda said: said.replace("[", "［").replace("]", "］"),
    lambda said: said.replace("[", "[**").replace("]", "**]"),
    lambda said: said.replace("[", "[<em>").replace("]", "</em>]"),
    lambda said: said.replace("_", "_\u200b"),
    lambda said: said.strip("[]"),
    lambda said: said.strip("[]").replace("_", "\\_"),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_models_do_to_placeholders_is_read(vault: Vault, change: Callable[[str], str]) -> None:
    session = vault.session()
    one = session("Jane Doe", Span(0, 8, "PERSON", 0.9, "test"))
    two = session("j@acme.org", Span(0, 10, "EMAIL_ADDRESS", 0.9, "test"))
    session.commit()
    for around in ("{}", "**{}**", "_{}_", "`{}`", "({}),", "<p>{}</p>", "> {}\n", '"{}"', "[{}](https://x.example)"):
        if around.startswith("[") and not change(one).startswith(("[", "&", "\\", "［")):
            continue  # a link around a bare placeholder is a placeholder before a parenthesis
        said = around.format(change(one)) + " & " + around.format(change(two))
        goal = around.format("Jane Doe") + " & " + around.format("j@acme.org")
        assert back(vault, said) == goal


def test_forged_and_foreign_placeholders_stay(tmp_path: Path, vault: Vault, kek: FileKey) -> None:
    other = Vault.create(tmp_path / "other", [kek], SIGNER, ROLES)
    mine, theirs = vault.session(), other.session()
    sent, foreign = taken(mine, "I am Jane", "Jane"), taken(theirs, "I am Bob", "Bob")
    nonce = mine.nonce
    wrong = ("2" if nonce[0] != "2" else "3") + nonce[1:]
    forged = [
        f"[PERSON_{wrong}_1]", f"[PERSON_{nonce}_2]", f"[PERSON_{nonce}_0]", f"[PERSON_{nonce}_01]",
        f"[LOCATION_{nonce}_1]",
        f"[{nonce}_1]", f"[PERSON_{nonce[:-1]}_1]", f"[PERSON_{nonce}_]", "[PERSON_1]", f"[PERSON_{nonce}_1", foreign,
        f"x{nonce}_1", f"[PERSON_{nonce}_999999999999999999999]",
    ]  # fmt: skip
    for each in forged[:9] + forged[10:]:
        assert back(vault, each) == each
    assert back(vault, sent) == "I am Jane"
    assert back(other, foreign) == "I am Bob"


def test_a_look_alike_by_the_author_is_never_read_as_somebody(vault: Vault) -> None:
    session = vault.session()
    first = taken(session, "I am Jane", "Jane")
    forged = f"Who is [PERSON_{session.nonce}_1], and [person {session.nonce.upper()} 2]?"
    sent = taken(session, forged + " Bob", "Bob")
    assert f"[PERSON_{session.nonce}_1]" not in sent
    assert back(vault, sent) == forged + " Bob"
    assert back(vault, first) == "I am Jane"


def test_a_session_can_be_the_only_one(vault: Vault) -> None:
    one, two = vault.session(), vault.session()
    said = taken(one, "Jane", "Jane") + " " + taken(two, "Bob", "Bob")
    assert back(vault, said) == "Jane Bob"
    assert back(vault, said, one.nonce) == "Jane " + said.split()[1]


@pytest.mark.parametrize(
    ("role", "purpose"),
    [("clerk", "curiosity"), ("nobody", "answer"), ("", ""), ("clerk", ""), ("auditor", " "), ("Clerk", "answer")],
)
def test_who_may_not_gets_nothing_and_is_on_record(vault: Vault, role: str, purpose: str) -> None:
    sent = taken(vault.session(), "I am Jane", "Jane")
    with pytest.raises(RefusedError) as raised:
        vault.restore(sent, role=role, purpose=purpose)
    assert "Jane" not in str(raised.value)
    (record,) = records(vault)
    assert record.kind == room.REFUSAL
    assert record.predicate["role"] == role


def test_records_say_who_what_and_why_and_no_value(vault: Vault) -> None:
    session = vault.session("patient 17")
    sent = taken(session, "I am Jane", "Jane")
    assert vault.restore(sent, role="auditor", purpose="complaint 4") == "I am Jane"
    assert vault.forget("Patient  17") == 1
    restored, forgotten = records(vault)
    assert (restored.kind, forgotten.kind) == (room.RESTORE, room.FORGET)
    assert restored.predicate == {
        "vault": vault.identity, "role": "auditor", "purpose": "complaint 4",
        "placeholders": [f"[PERSON_{session.nonce}_1]"],
    }  # fmt: skip
    for each in (restored, forgotten):
        assert b"Jane" not in each.payload
        assert b"atient" not in each.payload


def test_a_text_of_any_length_comes_back_and_is_on_record_whole(vault: Vault) -> None:
    session = vault.session("ada")
    names = [f"name {each}" for each in range(2500)]
    sent = " ".join(session(each, Span(0, len(each), "PERSON", 0.9, "test")) for each in names)
    session.commit()
    assert back(vault, sent) == " ".join(names)
    listed = [each for record in records(vault) for each in record.predicate["placeholders"]]
    assert sorted(listed) == sorted(sent.split())
    with pytest.raises(UsageError, match="too long"):
        vault.restore(sent, role="auditor", purpose="x" * 501)


def test_nothing_comes_back_before_it_is_on_record(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = taken(vault.session(), "I am Jane", "Jane")
    opened: list[object] = []
    monkeypatch.setattr(FileKey, "unwrap", lambda *given: opened.append(given))
    (vault.folder / "ledger").write_text("no folder")
    with pytest.raises(CasemateError) as raised:
        back(vault, sent)
    assert not opened  # not even a key
    assert "Jane" not in str(raised.value)


def test_nothing_is_given_away_that_was_not_kept(vault: Vault, fast: Analyzer) -> None:
    session = vault.session()
    path = vault.folder / "vault.sqlite"
    kept = path.read_bytes()
    path.write_bytes(b"broken" * 1000)
    with pytest.raises(StorageError):
        Redactor(fast, default=session).redact(TEXT)
    path.write_bytes(kept)
    assert back(vault, Redactor(fast, default=session).redact(TEXT).text) == TEXT


def test_a_subject_is_forgotten_in_every_session_and_others_are_not(tmp_path: Path, vault: Vault, kek: FileKey) -> None:
    one, two, other = vault.session("ada"), vault.session("ada"), vault.session("bob")
    sent = [taken(one, "I am Ada", "Ada"), taken(two, "Ada Byron", "Byron"), taken(other, "I am Bob", "Bob")]
    before = (vault.folder / "vault.sqlite").read_bytes()
    assert vault.forget("ada") == 2
    after = (vault.folder / "vault.sqlite").read_bytes()
    assert [back(vault, each) for each in sent] == [*sent[:2], "I am Bob"]
    assert Vault.open(vault.folder, [kek], SIGNER, ROLES).forget("ada") == 0
    again = taken(one, "I am Ada", "Ada")  # the session is still open: a new placeholder, under a new key
    assert again != sent[0]
    assert back(vault, again) == "I am Ada"
    assert back(vault, sent[0]) == sent[0]
    with sqlite3.connect(":memory:") as rows:
        rows.deserialize(before)
        sealed = [each for (each,) in rows.execute("SELECT sealed FROM entries WHERE number = 1")]
        keys = [each for (each,) in rows.execute("SELECT wraps FROM subjects")]
    assert sum(each in after for each in sealed) == 1  # overwritten, and not just unlinked
    assert sum(each in after for each in keys) == 1


def test_a_value_without_a_subject_is_forgotten_by_name(vault: Vault, fast: Analyzer) -> None:
    sent = Redactor(fast, default=vault.session()).redact(TEXT).text
    assert vault.forget("JANE@acme.org") == 1
    left = back(vault, sent)
    assert "bob@acme.org" in left
    assert "jane" not in left


def test_a_vault_is_opened_by_its_keys_and_read_by_nobody_else(tmp_path: Path, vault: Vault, kek: FileKey) -> None:
    sent = taken(vault.session(), "I am Jane", "Jane")
    assert back(Vault.open(vault.folder, [kek], SIGNER, ROLES), sent) == "I am Jane"
    with pytest.raises(WrongKeyError):
        Vault.open(vault.folder, [create_kek(tmp_path / "other")], SIGNER, ROLES)
    path = vault.folder / "vault.sqlite"
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"Jane" not in path.read_bytes()
    with pytest.raises(UsageError, match="exists"):
        Vault.create(vault.folder, [kek], SIGNER, ROLES)
    with pytest.raises(UsageError, match="key service"):
        Vault.create(tmp_path / "third", [], SIGNER, ROLES)
    with pytest.raises(UsageError, match="list"):
        Vault.open(vault.folder, [kek], SIGNER, {"clerk": "answer"})
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(UnreadableError):
        Vault.open(vault.folder, [kek], SIGNER, ROLES)


@pytest.mark.parametrize("change", ["UPDATE entries SET number = 3 - number", "UPDATE entries SET sealed = x'00'"])
def test_changed_and_exchanged_values_are_refused(vault: Vault, change: str) -> None:
    sent = taken(vault.session("ada"), "Jane and Bob", "Jane", "Bob")
    with sqlite3.connect(vault.folder / "vault.sqlite") as rows:
        if "3 -" in change:
            rows.execute("UPDATE entries SET number = number + 10")
            change = "UPDATE entries SET number = 13 - number"
        rows.execute(change)
    with pytest.raises(TamperedError):
        back(vault, sent)


def test_nonces_are_random_and_no_words() -> None:
    drawn = [placeholders.nonce() for _ in range(2000)]
    assert len(set(drawn)) == 2000
    assert not set("".join(drawn)) & set("aeiou01l")


def test_hostile_texts_are_read_in_linear_time(vault: Vault) -> None:
    own = placeholders.pattern("k7f3m2xq")
    hostile = [
        "[",
        "\\[",
        "&#91;",
        "a_",
        "A\\_",
        "k&#;",
        "[k_",
        "_k7f3m2xq_1",
        "9",
        "<b",
        "&#;",
        "k7f3m2x" + "&#;" * 30,
    ]
    for each, read in itertools.product(hostile, (lambda said: list(placeholders.found(said)), own.findall)):
        costs = []
        for size in (20_000, 80_000):
            text = each * (size // len(each))
            started = time.process_time()
            read(text)
            costs.append(time.process_time() - started)
        assert costs[1] < 12 * costs[0] + 0.1, each
