"""What is done faster than python-stdnum does it says the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from stdnum import util

from casemate.privacy.text.validators import _clean, validator

LETTERS = st.text(alphabet="0123456789 AZaz-./`'\u2013\u2019\uff11,:*\n", max_size=20)


@given(LETTERS, st.text(alphabet=" -./`',:", max_size=5))
def test_clean_is_that_of_stdnum(number: str, letters: str) -> None:
    assert _clean(util.clean, number, letters) == util.clean(number, letters)


def test_the_checks_that_are_loaded_use_it() -> None:
    assert validator("stdnum:de.idnr")("36 574 261 809") is True
    from stdnum.de import idnr  # noqa: PLC0415  # as loaded by now

    assert idnr.clean is not util.clean
