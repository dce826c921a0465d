"""CRFsuite models: clean to the last byte; what the library would follow out of its memory is found."""

from __future__ import annotations

import struct

import pytest

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.crfsuites import model, names
from tests.threats.supply_chain.formats.samples import assert_clean, found, rule, scan

WRONG = {
    "feature of another kind": model([(2, 0, 0)], lists=((), ())),
    "attribute that is not there": model([(0, 2, 0), (0, 0, 0), (0, 0, 0)]),
    "label that is not there": model([(0, 0, 2), (0, 0, 0), (0, 0, 0)]),
    "transition from a label that is not there": model([(1, 0xFFFFFFFF, 0), (0, 0, 0), (0, 0, 0)]),
    "list of features that are not there": model(lists=((0,), (3,))),
    "fewer lists than attributes": model(lists=((0,),)),
    "hash table without a vacant place": model(labels=names(["B", "I"], full=True)),
    "hash table that leads elsewhere": model(labels=names(["B", "I"], lost=1 << 20)),
    "hash table that leads into a name": model(attributes=names(["word", "w"], lost=1)),
    "number that leads elsewhere": model(attributes=names(["word", "w"], last=1 << 20)),
    "fewer names than labels": model(labels=names(["B"])),
    "more names than labels": model(labels=names(["B", "I", "O"])),
}


def test_a_model_is_clean_to_the_last_byte() -> None:
    assert_clean(model(), "crfsuite")
    assert scan(model()).about == {"labels": 2, "attributes": 2, "features": 3}


@pytest.mark.parametrize("name", WRONG)
def test_what_leads_nowhere_is_found(name: str) -> None:
    assert found(WRONG[name]) == {rule("crfsuite.index")}
    assert scan(WRONG[name]).verdict is Verdict.SUSPICIOUS


def test_bytes_behind_the_end_or_between_chunks_are_not_clean() -> None:
    data = model()
    assert scan(data + b"\0").verdict is Verdict.UNREADABLE
    assert scan(data + b"\x80\x02cposix\nsystem\nX\x02\0\0\0id\x85R.").verdict is Verdict.UNREADABLE
    for at in (4, 28, 32, 36, 40, 44):  # the size, and where each chunk stands
        for step in (-4, 4, 1 << 31):
            value = (struct.unpack_from("<I", data, at)[0] + step) % (1 << 32)
            moved = data[:at] + struct.pack("<I", value) + data[at + 4 :]
            assert scan(moved).verdict is not Verdict.CLEAN, (at, step)


def test_every_truncation_and_every_other_mark_is_noticed() -> None:
    data = model()
    for cut in range(8, len(data)):  # before, it is a text
        assert scan(data[:cut]).verdict is not Verdict.CLEAN, cut
    for mark in (b"FOMC", b"FEAT", b"CQDB", b"LFRF", b"AFRF", struct.pack("<I", 0x62445371), b"word\0"):
        assert scan(data.replace(mark, b"x" * len(mark), 1)).verdict is not Verdict.CLEAN, mark
