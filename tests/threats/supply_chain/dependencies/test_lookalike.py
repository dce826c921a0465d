"""Look-alike names: each trick, what is not one, and that popular names never accuse each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import UsageError
from casemate.threats.supply_chain.dependencies.lookalike import lookalike, popular
from casemate.threats.supply_chain.dependencies.model import normalized

PYPI, NPM = popular()["PyPI"], popular()["npm"]


def test_the_lists_are_long_and_do_not_overlap() -> None:
    assert len(PYPI.popular) >= 500
    assert not PYPI.popular & PYPI.near
    assert not NPM.popular & NPM.near


@pytest.mark.parametrize("name", sorted(PYPI.popular | PYPI.near))
def test_no_known_name_is_accused(name: str) -> None:
    assert lookalike(name, PYPI) is None


@pytest.mark.parametrize(
    ("name", "real"),
    [
        ("reqeusts", "requests"),
        ("requets", "requests"),
        ("requestss", "requests"),
        ("requestz", "requests"),
        ("re-quests", "requests"),
        ("python-dateutils", "python-dateutil"),
        ("dateutil-python", "python-dateutil"),
        ("python3-numpy", "numpy"),
        ("numpy-sdk", "numpy"),
        ("pypandas", "pandas"),
        ("pandаs", "pandas"),
        ("rnatplotlib", "matplotlib"),
        ("djang0", "django"),
        ("scikitlearn", "scikit-learn"),
        ("learn-scikit", "scikit-learn"),
        ("cryptographyy", "cryptography"),
        ("tensorflow-updated", "tensorflow"),
    ],
)
def test_tricks(name: str, real: str) -> None:
    found = lookalike(normalized(name), PYPI)
    assert found is not None
    assert found[0] == real


@pytest.mark.parametrize(
    "name",
    [
        "casemate",
        "numbers",
        "my-company-utils",
        "rich-text-editor",
        "abc",
        "pandas-profiling2024",
        "types-foo",
        "x" * 200,
        "",
    ],
)
def test_names_that_look_like_none(name: str) -> None:
    assert lookalike(name, PYPI) is None


@given(
    st.sampled_from(sorted(each for each in PYPI.popular if len(each) >= 7 and "-" not in each)),
    st.integers(0, 30),
    st.sampled_from(["swap", "drop", "double"]),
)
def test_one_slip_of_the_finger_is_found(name: str, at: int, slip: str) -> None:
    place = at % (len(name) - 1)
    changed = {
        "swap": name[:place] + name[place + 1] + name[place] + name[place + 2 :],
        "drop": name[:place] + name[place + 1 :],
        "double": name[:place] + name[place] + name[place:],
    }[slip]
    if changed in PYPI.popular | PYPI.near:
        return
    if slip == "double" and name[place].isdigit():
        return  # versions of names are no slips
    found = lookalike(changed, PYPI)
    assert found is not None, changed


@given(st.text(max_size=30))
def test_any_name_has_an_answer(name: str) -> None:
    lookalike(normalized(name), PYPI)


def test_a_list_of_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / "names.toml"
    path.write_text('[PyPI]\npopular = "ourlibrary"\nnear = ""\n')
    assert lookalike("ourlibary", popular(path)["PyPI"]) is not None
    path.write_text("popular = 3")
    with pytest.raises(UsageError, match="no list of names"):
        popular(path)
