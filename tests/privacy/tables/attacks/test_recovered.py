"""Who a released row is about is found again, whoever generalized the table, and what is of others is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from casemate.core.errors import DataError
from casemate.privacy.tables import Anonymizer, KAnonymity, infer
from casemate.privacy.tables.attacks import Linkage, Published
from casemate.privacy.tables.attacks.recovered import read_cells, recovered
from casemate.privacy.tables.hierarchies import Hierarchy


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    draw = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "age": draw.integers(18, 90, 600),
            "balance": draw.integers(-40, 40, 600),
            "ward": draw.choice(["A", "B", "C"], 600),
            "illness": draw.choice(["flu", "cold", "none"], 600),
        }
    )


QUASI = ["age", "balance", "ward"]


@pytest.mark.parametrize("method", ["exact", "mondrian"])
def test_a_file_gives_the_same_rates_as_the_release_it_was_written_from(people, method):
    release = Anonymizer([KAnonymity(5)], 0.05, method=method).release(people, QUASI)
    table = pd.DataFrame({name: release.table[name].astype(str) for name in release.table})  # as from a file
    trees = {name: infer(people[name]) for name in QUASI}
    found = recovered(table, people, trees, ["illness"])
    assert found.cells.size.sum() == len(table)
    assert (people["illness"].to_numpy()[found.kept] == table["illness"]).all()
    truth = Published.after(release, people)
    for attack in (Linkage(victims=600), Linkage("journalist", victims=600), Linkage(more=("illness",), victims=600)):
        assert attack.run(found).rate == pytest.approx(attack.run(truth).rate, abs=1e-12)
        assert attack.run(found.before()).rate == pytest.approx(attack.run(truth.before()).rate, abs=0.01)


def test_ranges_with_signs_are_read(people):
    table = pd.DataFrame({"balance": ["-40--10", "-9-39", "3", "-9-39"]})
    values = Hierarchy.of([(str(each),) for each in range(-40, 40)])
    cells = read_cells(table, {"balance": values})
    assert cells.ordered == (True,)
    assert sorted(cells.labels(0)) == ["-40--10", "-9-39", "3"]


def test_rows_about_nobody_and_labels_of_another_hierarchy_are_refused_without_a_value(people):
    trees = {name: infer(people[name]) for name in QUASI}
    release = Anonymizer([KAnonymity(5)], 0.05).release(people, QUASI)
    table = release.table.copy()
    table.loc[0, "illness"] = "secret-illness"
    with pytest.raises(DataError, match=r"1 of .* released rows are about none of the 600") as refused:
        recovered(table, people, trees, ["illness"])
    assert "secret" not in str(refused.value) + refused.value.cause + refused.value.next_step
    with pytest.raises(DataError, match="released rows are about none"):
        recovered(pd.concat([release.table, release.table]), people, trees)
    with pytest.raises(DataError, match="no label of its hierarchy"):
        recovered(release.table.assign(age="forty"), people, trees)
