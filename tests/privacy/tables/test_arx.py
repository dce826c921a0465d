"""Optima that ARX publishes for Adult, found exactly; its table may not be committed and is read from outside.

Where ARX's figure is not the optimum, ours is shown to be less, or to hold what ARX's does not, and why.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from casemate.privacy.tables.coding import encode
from casemate.privacy.tables.hierarchies import Hierarchy
from casemate.privacy.tables.lattice import search
from casemate.privacy.tables.models import DeltaPresence
from tests.privacy.tables.arx_cases import DRAWN, EIGHT, NINE, OF, SUBSET, Case, drawn

pytestmark = pytest.mark.slow

SECONDS = 5.0
"""CPU time that a case may take, reading aside."""
DIGESTS = {
    "adult.csv": "c700df9304fbf3c4d4db5938bffc510561bd4a2dfad285a3feef9a20619391c5",
    "adult_hierarchy_age.csv": "463f35372e8b1ad31fc624eb73c5da9297878a044ae5d61038eaf7b431ac55ca",
    "adult_hierarchy_education.csv": "f22e5ee519c28b05538d4e5ddea0fbee5f0017fefb3abab3fa02272325bf9ce5",
    "adult_hierarchy_marital-status.csv": "3e7ba2c4a5cd4fec059b4e3a2c57fce6e7c34a20daee1e624990ddd7beba85e5",
    "adult_hierarchy_native-country.csv": "696d3b53973311c096b33f98bb56e526016910b1a1cd5a1e904cb799d1077023",
    "adult_hierarchy_occupation.csv": "16dc420d5d7f8ab4d1e6144eb1d19ab8314ef42523fe8c4ee202372db1c98126",
    "adult_hierarchy_race.csv": "df11abf41fa0669455adc9c9f9fa88663afa0cee8327684ecca861cd32dc4209",
    "adult_hierarchy_salary-class.csv": "404895b3fcfb615813efab7ae0d2c50c8b127cec651f9b37d44a648646f86345",
    "adult_hierarchy_sex.csv": "537d23f7b6969b916b5a5490eb1b32c273fefdc62ca050a7a813e23bbf3b78b2",
    "adult_hierarchy_workclass.csv": "106f420349bf0071dbb25371795a78799edf24a64c3424619d563c3990ee8d02",
    "adult_subset.csv": "1705742c5845e562190cbc3d6be0cee324f73caff39e20f57dc2f7b129509847",
}
HASTY = {"EntropyLDiversity 0": 208434.41233876, "EntropyLDiversity 3": 178074.70499255}
"""ARX stops adding up Grassberger's estimate once it exceeds the bound, as if no term were negative; those of single
records are. It so rejects classes that hold, by the order in which it finds their values, and misses these optima."""
PRACTICAL = {"TCloseness 10": 377622.78458729305}
"""ARX assumes monotony that does not hold (``practical``): its own case 2 has the same models and this lesser loss."""
ABSENT = {
    "Combinations 1": 37223.2491248282,
    "Combinations 50": 33649.9118226187,
    "Combinations 53": 35181.9731013406,
    "Combinations 75": 33674.9335904455,
    "Combinations 78": 35201.6826072852,
}
"""With a least class size (k, or l values), ARX does not ask whether delta-presence holds for classes of the population
of which nobody is released, though a lower bound above 0 forbids them. With them exempt, ours finds ARX's figures."""


class _ExemptsTheAbsent(DeltaPresence):
    """As ARX has it there; ``may`` is not asked of classes without records, since nothing of them can be lost."""

    binding = False


class Adult:
    """The table, its hierarchies and its research subset."""

    def __init__(self, folder: Path) -> None:
        for name, digest in DIGESTS.items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
        self.frame = pd.read_csv(folder / "adult.csv", sep=";", dtype=str, keep_default_na=False)
        self.trees = {name: Hierarchy.read(folder / f"adult_hierarchy_{name}.csv") for name in self.frame.columns}
        subset = pd.read_csv(folder / "adult_subset.csv", sep=";", dtype=str, keep_default_na=False)
        left = Counter(map(tuple, subset.to_numpy()))
        self.research = np.zeros(len(self.frame), dtype=bool)
        for at, row in enumerate(map(tuple, self.frame.to_numpy())):
            if left[row]:
                left[row] -= 1
                self.research[at] = True
        assert self.research.sum() == len(subset) == 3016

    def search(self, case: Case, *, nine=False, research=None, exempt=False):
        models = [make(self.trees[OF]) for make in case.models]
        if exempt:
            models = [
                _ExemptsTheAbsent(each.low, each.high) if isinstance(each, DeltaPresence) else each for each in models
            ]
        trees = {name: tree for name, tree in self.trees.items() if nine or name != OF}
        sensitive = tuple({model.attribute for model in models if model.attribute})
        for _ in range(2):  # a second time only where the first was too slow, which other programs can cause
            begun = time.process_time()
            coded = encode(self.frame, trees, sensitive, research)
            found = search(coded, models, case.loss, int(case.limit * coded.records))
            took = time.process_time() - begun
            if took <= SECONDS:
                break
        assert found.proven
        assert took <= SECONDS
        return found


@pytest.fixture(scope="module")
def adult() -> Adult:
    folder = Path(os.environ.get("CASEMATE_BENCH_DATA", "absent")) / "arx"
    if not (folder / "adult.csv").exists():
        pytest.skip("CASEMATE_BENCH_DATA/arx does not hold ARX's Adult")
    return Adult(folder)


def _agrees(found, case: Case) -> None:
    if case.node is None:
        assert found.node is None
        return
    if case.name in HASTY:
        assert found.loss == pytest.approx(HASTY[case.name], rel=1e-9)
        assert found.loss < case.value
    elif case.name in PRACTICAL:
        assert case.practical
        assert found.loss == pytest.approx(PRACTICAL[case.name], rel=1e-9)
        assert found.loss < case.value
    else:
        assert found.loss == pytest.approx(case.value, rel=1e-9)
        assert found.node == case.node


@pytest.mark.parametrize("case", NINE, ids=str)
def test_k_anonymity_of_nine_quasi_identifiers(adult, case):
    _agrees(adult.search(case, nine=True), case)


@pytest.mark.parametrize("case", EIGHT, ids=str)
def test_models_of_eight_quasi_identifiers_and_an_occupation(adult, case):
    _agrees(adult.search(case), case)


@pytest.mark.parametrize("case", SUBSET, ids=str)
def test_models_of_a_research_subset(adult, case):
    found = adult.search(case, research=adult.research)
    if case.name in ABSENT:
        assert found.loss == pytest.approx(ABSENT[case.name], rel=1e-9)
        assert found.loss > case.value
        found = adult.search(case, research=adult.research, exempt=True)
    _agrees(found, case)


@pytest.mark.parametrize("times", DRAWN)
def test_models_of_a_drawn_subset(adult, times):
    research = np.isin(np.arange(len(adult.frame)), list(drawn(times)))
    _agrees(adult.search(DRAWN[times], research=research), DRAWN[times])
