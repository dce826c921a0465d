"""Restoring while a model writes: what the whole would give, on record first, and nothing held that need not be."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from casemate.core.errors import CasemateError, UsageError
from casemate.keys.ed25519 import Ed25519Signer
from casemate.keys.kek_file import FileKey, create_kek
from casemate.ledger.statement import Record, open_record
from casemate.ledger.turns import turn
from casemate.privacy.text import placeholders
from casemate.privacy.text.placeholders import LONGEST, Unfinished
from casemate.privacy.text.spans import Span
from casemate.privacy.text.streams import StreamRestorer
from casemate.privacy.text.vault import REFUSAL, RESTORE, RefusedError, Session, Vault

SIGNER = Ed25519Signer("example.org/vault", bytes(32))
NONCE, TYPES = "k7f3m2xq", ("PERSON", "EMAIL_ADDRESS")
PARTS = [
    "[PERSON_k7f3m2xq_1]", "[EMAIL_ADDRESS_k7f3m2xq_2]", "PERSON_k7f3m2xq_3", "\\[PERSON\\_k7f3m2xq\\_1\\]",
    "&#91;EMAIL&#95;ADDRESS k7f3m2xq 2&#93;", "&#x5B;person_k7f3m2xq_1&rsqb;", "[**Person** K7F3 M2XQ\n 4]",
    "【PERSON k7f3m2xq 5】",
    "[<em>PERSON</em>_k7f3m2xq_1]", "[PERSON_", "k7f3m2xq", "_1]", "_12", "PERSON", "person", "EMAIL_ADDRESS",
    "[", "]", "\\[", "\\]", "\\", "&",
    "&#91;", "&#93;", "&#9", "&lbrack;", "&lsq", "<b>", "</b>", "<", ">", "_", "*", "`", " ", "\n", "a", "x_",
    "9", "0", "word ", "［", "］",
    "[see page 3]", "[PERSON_k7f3m2xz_1]", "[LOCATION_k7f3m2xq_1]", "k7f3", "m2xq_7", "per", "&amp;", "é",
    "\u200b", "-" * 90, "A" * 45,
]  # fmt: skip


def whole(text: str) -> str:
    """What `found` reads as one of the session's, marked."""
    made, at = [], 0
    for start, end, said in placeholders.found(text):
        mine = [each for each in said if each.nonce == NONCE and each.type in ("person", "emailaddress")]
        if mine:
            made += [text[at:start], f"<<{mine[0].number}>>"]
            at = end
    return "".join((*made, text[at:]))


def streamed(chunks: list[str]) -> str:
    scan, made = Unfinished(TYPES, NONCE), []
    for number, chunk in enumerate([*chunks, ""]):
        text, looks = scan.feed(chunk, ended=number == len(chunks))
        at = 0
        for start, end, said in looks:
            mine = [each for each in said if each.nonce == NONCE]
            if mine:
                made += [text[at:start], f"<<{mine[0].number}>>"]
                at = end
        made.append(text[at:])
        assert scan.held < LONGEST
    return "".join(made)


def chunked(text: str, rng: random.Random, most: int) -> list[str]:
    cuts = sorted(rng.choices(range(len(text) + 1), k=rng.randint(0, most)))
    return [text[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def alike(documents: int, chunkings: int) -> None:
    rng = random.Random(7)
    for _ in range(documents):
        text = "".join(rng.choices(PARTS, k=rng.randint(1, 12)))
        goal = whole(text)
        for each in range(chunkings):
            chunks = list(text) if each == 0 else chunked(text, rng, 10)
            assert streamed(chunks) == goal, (text, chunks)


def test_placeholders_are_found_however_the_text_is_cut() -> None:
    alike(1_500, 5)


@pytest.mark.slow
def test_placeholders_are_found_however_the_text_is_cut_a_million_times() -> None:
    alike(50_000, 20)


def test_only_what_may_become_one_of_ours_is_held() -> None:
    def held(text: str) -> str:
        made, _ = Unfinished(TYPES, NONCE).feed(text, ended=False)
        return text[len(made) :]

    assert held("Dear Jane, the page [see below") == ""
    assert held("a word, then [PER") == "[PER"
    assert held("[PERSON k7f3 m") == "[PERSON k7f3 m"
    assert held("[PERSON k7f4") == ""
    assert held("a perso") == "perso"
    assert held("a personal") == ""
    assert held("x PERSON_k7f3m2xq_1") == "PERSON_k7f3m2xq_1"
    assert held("x PERSON_k7f3m2xq_1.") == ""
    assert held("fish &") == "&"
    assert held("fish & ") == ""
    assert held("[" * 1000 + "\\") == "[\\"
    assert held("[PERSON" + "*" * 300) == ""  # farther than anybody reads


@pytest.fixture
def kek(tmp_path: Path) -> FileKey:
    return create_kek(tmp_path / "kek")


@pytest.fixture
def vault(tmp_path: Path, kek: FileKey) -> Vault:
    return Vault.create(tmp_path / "vault", [kek], SIGNER, {"clerk": ["answer"]})


def sent(session: Session, *values: str) -> list[str]:
    made = [session(each, Span(0, len(each), "PERSON", 0.9, "test")) for each in values]
    session.commit()
    return made


def opened(vault: Vault, session: Session, *, json: bool = False) -> StreamRestorer:
    return StreamRestorer(vault.restoration(role="clerk", purpose="answer", session=session.nonce), json=json)


def records(vault: Vault) -> list[Record]:
    with turn(vault.folder / "ledger", [SIGNER], 1) as ledger:
        return [open_record(at, each, [SIGNER.verifier]) for at, each in enumerate(ledger.entries())]


def test_a_stream_is_restored_as_the_whole_is(vault: Vault) -> None:
    rng, session, other = random.Random(3), vault.session(), vault.session()
    mine, (foreign,) = sent(session, "Jane Doe", "Bob"), sent(other, "Eve")
    forged = f"[PERSON_{session.nonce}_9] [LOCATION_{session.nonce}_1]"
    text = f"Dear {mine[0].lower()}, {foreign} and {forged}: **{mine[1]}**\\{mine[0][:-1]}\\] [{mine[1]}"
    goal = vault.restore(text, role="clerk", purpose="answer", session=session.nonce)
    assert goal.count("Jane Doe") == 2
    assert "Eve" not in goal
    for _ in range(25):
        assert "".join(opened(vault, session).over(chunked(text, rng, 30))) == goal


def test_a_value_leaves_after_its_record_and_is_recorded_once(vault: Vault) -> None:
    session = vault.session()
    one, two = sent(session, "Jane", "Bob")
    stream = opened(vault, session)
    assert stream.feed(f"{one}, {one} ") == "Jane, Jane "
    assert [each.kind for each in records(vault)] == [RESTORE]
    assert stream.feed(f"{two} and {one}.") + stream.finish() == "Bob and Jane."
    assert [each.predicate["placeholders"] for each in records(vault)] == [[one], [two]]


def test_without_a_record_nothing_leaves_and_the_stream_is_closed(vault: Vault) -> None:
    session = vault.session()
    (one,) = sent(session, "Jane")
    stream = opened(vault, session)
    assert stream.feed("Dear [") == "Dear "
    (vault.folder / "ledger").write_text("no folder")
    with pytest.raises(CasemateError):
        stream.feed(f"{one[1:]} and more")
    for late in (lambda: stream.feed("x"), stream.finish):
        with pytest.raises(UsageError, match="ended"):
            late()


def test_who_may_not_cannot_even_begin(vault: Vault) -> None:
    with pytest.raises(RefusedError):
        vault.restoration(role="clerk", purpose="curiosity")
    assert [each.kind for each in records(vault)] == [REFUSAL]


def test_what_is_forgotten_while_a_stream_runs_stays_a_placeholder(tmp_path: Path, vault: Vault, kek: FileKey) -> None:
    session = vault.session("jane")
    (one,) = sent(session, "Jane")
    stream = opened(vault, session)
    assert stream.feed(f"{one}, ") == "Jane, "
    Vault.open(vault.folder, [kek], SIGNER, {}).forget("jane")  # by another process
    assert stream.feed(f"{one} ") + stream.finish() == f"{one} "


def test_values_in_json_are_escaped_and_found_behind_escapes(vault: Vault) -> None:
    rng, session = random.Random(5), vault.session()
    one, two = sent(session, 'Jane "J"\nDoe', "Bob\\")
    text = f'{{"to": "{one}", "{two}": ["\\u005b{one[1:-1]}\\u005D", 1, "\\"{two}"], "in": "{{\\"x\\": \\"{one}\\"}}"}}'
    goal = (
        '{"to": "Jane \\"J\\"\\nDoe", "Bob\\\\": ["Jane \\"J\\"\\nDoe", 1, "\\"Bob\\\\"], '
        '"in": "{\\"x\\": \\"Jane \\\\\\"J\\\\\\"\\\\nDoe\\"}"}'
    )
    for _ in range(25):
        assert "".join(opened(vault, session, json=True).over(chunked(text, rng, 40))) == goal
