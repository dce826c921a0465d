"""Checkpoints: every byte counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import CasemateError, TamperedError, UnreadableError
from casemate.keys.ed25519 import Ed25519Signer
from casemate.keys.ml_dsa import MlDsa65Signer
from casemate.ledger.note import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from tests.ledger.folder import SIGNER, STRANGER

WITNESS = Ed25519Signer("witness.example/w", bytes(32))
HEAD = Checkpoint("example.org/audits", 12, bytes(range(32)))
NOTE = sign_checkpoint(HEAD, [SIGNER])


def test_round_trip_with_two_algorithms() -> None:
    quantum = MlDsa65Signer("example.org/audits", bytes(32))
    note = sign_checkpoint(HEAD, [SIGNER, quantum])
    for verifiers in ([SIGNER.verifier], [quantum.verifier], [SIGNER.verifier, quantum.verifier]):
        assert open_checkpoint(note, verifiers) == HEAD


def test_strangers() -> None:
    with pytest.raises(TamperedError, match="not signed by a trusted key"):
        open_checkpoint(NOTE, [STRANGER.verifier])
    witnessed = sign_checkpoint(HEAD, [SIGNER, WITNESS])
    assert open_checkpoint(witnessed, [SIGNER.verifier]) == HEAD
    with pytest.raises(TamperedError, match="witness"):
        open_checkpoint(witnessed, [SIGNER.verifier], strict=True)


@given(st.data())
def test_every_changed_byte_is_seen(data: st.DataObject) -> None:
    raw = NOTE.encode()
    at = data.draw(st.integers(0, len(raw) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != raw[at]))
    with pytest.raises(CasemateError):
        open_checkpoint(raw[:at] + bytes([value]) + raw[at + 1 :], [SIGNER.verifier])


@pytest.mark.parametrize(
    "changed",
    [
        NOTE + "\n",
        NOTE[:-1],
        NOTE + NOTE.splitlines()[-1] + "\n",
        NOTE.replace("\n12\n", "\n012\n"),
        NOTE.replace("\n12\n", "\n12\nextension\n"),
        NOTE.replace("\n12\n", "\n-1\n"),
        NOTE.replace("\n12\n", "\n１２\n"),
        NOTE.replace("— ", "—  "),
        NOTE.replace("— ", "- "),
        NOTE.replace("\n", "\r\n"),
        " " + NOTE,
        NOTE.partition("—")[0],
    ],
)
def test_other_spellings_are_refused(changed: str) -> None:
    with pytest.raises(CasemateError):
        open_checkpoint(changed, [SIGNER.verifier], strict=True)


def test_spare_bits_of_base64_are_seen() -> None:
    """ "...Hh8=" and "...Hh9=" decode to the same root; only one of them is what was signed."""
    line = NOTE.splitlines()[2]
    assert line.endswith("8=")
    with pytest.raises(UnreadableError, match="canonical"):
        parse_checkpoint(NOTE.replace(line, line[:-2] + "9="))


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_checkpoint_or_a_clear_error(data: bytes) -> None:
    with pytest.raises(CasemateError):
        open_checkpoint(data, [SIGNER.verifier])


@given(st.lists(st.sampled_from([*NOTE.split("\n"), "", "—", "— a b", "0"]), max_size=9).map("\n".join))
def test_shuffled_lines_are_a_checkpoint_or_a_clear_error(text: str) -> None:
    try:
        assert open_checkpoint(text, [SIGNER.verifier]) == HEAD
    except CasemateError:
        return
    assert text == NOTE


def test_sizes_are_bounded() -> None:
    with pytest.raises(UnreadableError):
        parse_checkpoint(NOTE + "".join(NOTE.splitlines()[-1] + "\n" for _ in range(70)))
    with pytest.raises(UnreadableError):
        parse_checkpoint("x" * (1 << 21) + NOTE)
