"""Optima that ARX publishes for its Adult table, as facts: classes `TestAnonymization...` of its tests, by number.

``practical`` cases of ARX assume monotony that may not hold; they are listed with the value that ARX's tests expect.
Cases of other tables, of risk models and of sampling are not here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from casemate.privacy.tables.closeness import BetaLikeness, EqualDistance, HierarchicalDistance, OrderedDistance
from casemate.privacy.tables.diversity import EntropyDiversity, RecursiveDiversity
from casemate.privacy.tables.hierarchies import Hierarchy
from casemate.privacy.tables.losses import AverageClassSize, Discernibility, DomainShare, Entropy, Loss
from casemate.privacy.tables.models import DeltaPresence, KAnonymity, KMap, Model

Made = Callable[[Hierarchy], Model]
"""A model, given the hierarchy of the sensitive attribute."""
OF = "occupation"


@dataclass(frozen=True)
class Case:
    """One case: the share that may be suppressed, the loss, the models, what is expected."""

    name: str
    limit: float
    loss: Loss
    models: tuple[Made, ...]
    value: float
    node: tuple[int, ...] | None
    practical: bool = field(default=False, kw_only=True)

    def __str__(self) -> str:
        return self.name


def _k(k: int) -> Made:
    return lambda _: KAnonymity(k)


def _map(k: int) -> Made:
    return lambda _: KMap(k)


def _presence(low: float, high: float) -> Made:
    return lambda _: DeltaPresence(low, high)


def _entropy(l: float) -> Made:  # noqa: E741
    return lambda _: EntropyDiversity(OF, l)


def _grassberger(l: float) -> Made:  # noqa: E741
    return lambda _: EntropyDiversity(OF, l, "grassberger")


def _beta(beta: float, enhanced: bool) -> Made:
    return lambda _: BetaLikeness(OF, beta, enhanced)


def _equal(t: float) -> Made:
    return lambda _: EqualDistance(OF, t)


def _ordered(t: float) -> Made:
    return lambda _: OrderedDistance(OF, t)


def _hierarchical(hierarchy: Hierarchy) -> Model:
    return HierarchicalDistance(OF, 0.2, hierarchy=hierarchy)


def _recursive(_: Hierarchy) -> Model:
    return RecursiveDiversity(OF, 5, 4.0)


E, E2, DM, AECS, LM = (
    Entropy(suppressed=False),
    Entropy(),
    Discernibility(suppressed=False),
    AverageClassSize(),
    DomainShare(),
)
P, P2 = _presence(0.05, 0.15), _presence(0.0, 0.2)

NINE = (
    Case("KAnonymity 0", 0.04, E, (_k(5),), 255559.85455731067, (1, 0, 1, 1, 3, 2, 2, 0, 1)),
    Case("KAnonymity 1", 0.04, E, (_k(100),), 379417.3460570988, (1, 1, 1, 1, 3, 2, 2, 1, 1)),
    Case("KAnonymity 2", 0.0, E, (_k(5),), 407289.5388925293, (1, 2, 1, 1, 3, 2, 2, 1, 1)),
    Case("KAnonymity 3", 0.0, E, (_k(100),), 453196.8932458743, (0, 4, 1, 1, 3, 2, 2, 1, 1)),
    Case("KAnonymity 4", 0.04, E, (_k(5),), 255559.85455731067, (1, 0, 1, 1, 3, 2, 2, 0, 1), practical=True),
    Case("KAnonymity 5", 0.04, E, (_k(100),), 379417.3460570988, (1, 1, 1, 1, 3, 2, 2, 1, 1), practical=True),
)
"""Nine quasi-identifiers."""

EIGHT = (
    Case("BLikeness 0", 0.5, LM, (_beta(3, False),), 0.34883856157237925, (0, 3, 0, 0, 2, 0, 1, 0)),
    Case("BLikeness 1", 0.0, LM, (_beta(2, True),), 0.759176305345683, (1, 4, 1, 1, 3, 2, 2, 0)),
    Case("BLikeness 2", 1.0, LM, (_beta(1, False),), 0.6081345989904172, (1, 4, 0, 1, 3, 0, 2, 0)),
    Case("BLikeness 3", 1.0, LM, (_beta(10, True),), 0.3419039849540606, (0, 3, 0, 0, 3, 1, 2, 0)),
    Case("BLikeness 4", 0.4, LM, (_beta(5, False),), 0.23350465152356303, (0, 2, 0, 0, 2, 0, 1, 0)),
    Case("BLikeness 5", 1.0, LM, (_beta(10, True),), 0.3419039849540606, (0, 3, 0, 0, 3, 1, 2, 0)),
    Case("Combinations 3", 0.0, E, (_k(5), _hierarchical), 398400.0741806447, (0, 4, 1, 1, 3, 2, 2, 1)),
    Case("Combinations 4", 0.0, E, (_k(5),), 324620.5269918692, (1, 1, 1, 1, 3, 2, 2, 1)),
    Case("Combinations 6", 0.0, E, (_hierarchical,), 398400.0741806447, (0, 4, 1, 1, 3, 2, 2, 1)),
    Case("Combinations 8", 0.0, E, (_recursive,), 324620.5269918692, (1, 1, 1, 1, 3, 2, 2, 1)),
    Case("Combinations 45", 0.05, E2, (_k(5),), 180132.40848244698, (0, 0, 1, 1, 2, 2, 2, 0)),
    Case("Combinations 52", 0.05, E, (_k(5), _hierarchical), 367390.5779876774, (1, 4, 0, 0, 3, 1, 2, 1)),
    Case("Combinations 54", 0.05, E, (_recursive,), 198181.4042332967, (1, 0, 1, 1, 2, 2, 2, 0)),
    Case("Combinations 77", 0.05, E2, (_k(5), _hierarchical), 374778.01889889664, (1, 4, 0, 0, 3, 1, 2, 1)),
    Case("Combinations 79", 0.05, E2, (_recursive,), 209764.96161974416, (1, 0, 1, 1, 2, 2, 2, 0)),
    Case("Combinations 102", 0.05, E, (_hierarchical,), 367390.5779876774, (1, 4, 0, 0, 3, 1, 2, 1)),
    Case("Combinations 117", 0.05, E2, (_hierarchical,), 374778.01889889664, (1, 4, 0, 0, 3, 1, 2, 1)),
    Case("EntropyLDiversity 0", 0.04, E2, (_grassberger(5),), 216092.124036387, (1, 0, 1, 0, 3, 2, 2, 0)),
    Case("EntropyLDiversity 1", 0.04, E2, (_entropy(100),), float("inf"), None),
    Case("EntropyLDiversity 2", 0.0, E2, (_grassberger(5),), 324620.5269918692, (1, 1, 1, 1, 3, 2, 2, 1)),
    Case("EntropyLDiversity 3", 0.05, E2, (_grassberger(3),), 180347.4325366015, (0, 0, 1, 1, 2, 2, 2, 0)),
    Case("EntropyLDiversity 4", 0.04, E2, (_entropy(5),), 228878.2039109517, (1, 0, 1, 1, 2, 2, 2, 1), practical=True),
    Case("EntropyLDiversity 5", 0.1, E2, (_grassberger(100),), float("inf"), None, practical=True),
    Case("LDiversity 0", 0.04, E2, (_entropy(5),), 228878.2039109517, (1, 0, 1, 1, 2, 2, 2, 1)),
    Case("LDiversity 1", 0.04, E2, (_entropy(100),), float("inf"), None),
    Case("LDiversity 2", 0.0, E2, (_entropy(5),), 324620.5269918692, (1, 1, 1, 1, 3, 2, 2, 1)),
    Case("LDiversity 3", 0.0, E2, (_entropy(100),), float("inf"), None),
    Case("LDiversity 4", 0.04, E2, (_entropy(5),), 228878.2039109517, (1, 0, 1, 1, 2, 2, 2, 1), practical=True),
    Case("LDiversity 5", 0.04, E2, (_entropy(100),), float("inf"), None, practical=True),
    Case("OrderedDistanceTCloseness 0", 0.04, DM, (_ordered(0.2), _k(5)), 2712340.0, (0, 0, 1, 1, 2, 2, 2, 0)),
    Case("OrderedDistanceTCloseness 1", 0.04, DM, (_ordered(0.2), _k(100)), 19937246.0, (1, 0, 1, 2, 3, 2, 2, 1)),
    Case("OrderedDistanceTCloseness 2", 0.0, DM, (_ordered(0.1), _k(5)), 97868020.0, (1, 1, 1, 2, 3, 2, 2, 1)),
    Case("OrderedDistanceTCloseness 3", 0.0, DM, (_ordered(0.2), _k(100)), 162312130.0, (1, 4, 1, 1, 1, 2, 2, 1)),
    Case(
        "OrderedDistanceTCloseness 4",
        0.04,
        DM,
        (_ordered(0.05), _k(5)),
        201413138.0,
        (1, 4, 1, 0, 3, 2, 2, 0),
        practical=True,
    ),
    Case(
        "OrderedDistanceTCloseness 5",
        0.04,
        DM,
        (_ordered(0.2), _k(100)),
        19937246.0,
        (1, 0, 1, 2, 3, 2, 2, 1),
        practical=True,
    ),
    Case("TCloseness 0", 0.04, DM, (_equal(0.2), _k(5)), 311880088.0, (1, 4, 1, 0, 3, 2, 2, 1)),
    Case("TCloseness 1", 0.04, DM, (_equal(0.2), _k(100)), 311880088.0, (1, 4, 1, 0, 3, 2, 2, 1)),
    Case("TCloseness 2", 0.04, E, (_k(5), _hierarchical), 377622.78458729305, (1, 4, 0, 0, 3, 2, 2, 1)),
    Case("TCloseness 3", 0.04, E, (_k(100), _hierarchical), 390765.61326019815, (1, 4, 1, 0, 3, 1, 2, 1)),
    Case("TCloseness 4", 0.0, DM, (_equal(0.2), _k(5)), 456853172.0, (1, 4, 1, 1, 3, 2, 2, 1)),
    Case("TCloseness 5", 0.0, DM, (_equal(0.2), _k(100)), 456853172.0, (1, 4, 1, 1, 3, 2, 2, 1)),
    Case("TCloseness 6", 0.0, E, (_k(5), _hierarchical), 398400.0741806447, (0, 4, 1, 1, 3, 2, 2, 1)),
    Case("TCloseness 7", 0.0, E, (_k(100), _hierarchical), 398400.0741806447, (0, 4, 1, 1, 3, 2, 2, 1)),
    Case("TCloseness 8", 0.04, DM, (_equal(0.2), _k(5)), 311880088.0, (1, 4, 1, 0, 3, 2, 2, 1), practical=True),
    Case("TCloseness 9", 0.04, DM, (_equal(0.2), _k(100)), 311880088.0, (1, 4, 1, 0, 3, 2, 2, 1), practical=True),
    Case(
        "TCloseness 10", 0.04, E, (_k(5), _hierarchical), 390765.61326019815, (1, 4, 1, 0, 3, 1, 2, 1), practical=True
    ),
    Case(
        "TCloseness 11", 0.04, E, (_k(100), _hierarchical), 390765.61326019815, (1, 4, 1, 0, 3, 1, 2, 1), practical=True
    ),
)
"""Eight quasi-identifiers, all but the occupation."""

SUBSET = (
    Case("Combinations 0", 0.0, E, (P,), 37223.2491248282, (1, 4, 1, 1, 1, 2, 2, 1)),
    Case("Combinations 1", 0.0, E, (_k(5), P), 35461.300017243804, (0, 2, 1, 2, 3, 2, 2, 1)),
    Case("Combinations 2", 0.0, E, (_k(5), _hierarchical, P), 42481.619746031596, (1, 4, 1, 1, 3, 2, 2, 1)),
    Case("Combinations 5", 0.0, E, (_hierarchical, P), 42481.619746031596, (1, 4, 1, 1, 3, 2, 2, 1)),
    Case("Combinations 7", 0.0, E, (_recursive, P), 39177.7411830619, (1, 4, 1, 1, 2, 2, 2, 1)),
    Case("Combinations 50", 0.05, E, (_k(5), P), 25247.843728345997, (1, 0, 1, 2, 2, 2, 2, 1)),
    Case("Combinations 51", 0.05, E, (_k(5), _hierarchical, P), 40089.9423426752, (1, 4, 0, 1, 3, 2, 2, 1)),
    Case("Combinations 53", 0.05, E, (_recursive, P), 28551.7222913157, (1, 0, 1, 2, 3, 2, 2, 1)),
    Case("Combinations 75", 0.05, E2, (_k(5), P), 25949.0068665567, (1, 0, 1, 2, 2, 2, 2, 1)),
    Case("Combinations 76", 0.05, E2, (_k(5), _hierarchical, P), 40282.23779327559, (1, 4, 0, 1, 3, 2, 2, 1)),
    Case("Combinations 78", 0.05, E2, (_recursive, P), 28759.669970588497, (1, 0, 1, 2, 3, 2, 2, 1)),
    Case("Combinations 100", 0.05, E, (P,), 33649.9118226187, (1, 4, 1, 1, 0, 2, 2, 1)),
    Case("Combinations 101", 0.05, E, (_hierarchical, P), 40089.9423426752, (1, 4, 0, 1, 3, 2, 2, 1)),
    Case("Combinations 115", 0.05, E2, (P,), 33660.3063277646, (1, 4, 1, 1, 0, 2, 2, 1)),
    Case("Combinations 116", 0.05, E2, (_hierarchical, P), 40282.23779327559, (1, 4, 0, 1, 3, 2, 2, 1)),
    Case("DPresence 0", 0.0, AECS, (P2,), 52.0, (1, 4, 1, 1, 0, 2, 2, 0)),
    Case("DPresence 1", 0.0, E, (P2,), 30238.2081484441, (0, 1, 1, 2, 3, 2, 2, 0)),
    Case("DPresence 2", 0.0, E2, (P2,), 30238.2081484441, (0, 1, 1, 2, 3, 2, 2, 0)),
    Case("DPresence 3", 0.05, AECS, (P2,), 8.02127659574468, (0, 0, 1, 2, 1, 2, 2, 1)),
    Case("DPresence 4", 0.05, E, (P2,), 19804.2887675027, (1, 0, 1, 1, 2, 2, 2, 0)),
    Case("DPresence 5", 0.05, E2, (P2,), 20747.362350403302, (1, 0, 1, 1, 2, 2, 2, 0)),
    Case("DPresence 6", 0.0, AECS, (P,), 150.8, (0, 4, 0, 1, 3, 2, 2, 1)),
    Case("DPresence 7", 0.0, E, (P,), 37223.2491248282, (1, 4, 1, 1, 1, 2, 2, 1)),
    Case("DPresence 8", 0.0, E2, (P,), 37223.2491248282, (1, 4, 1, 1, 1, 2, 2, 1)),
    Case("DPresence 9", 0.05, AECS, (P,), 97.29032258064517, (1, 4, 1, 1, 0, 2, 2, 1)),
    Case("DPresence 10", 0.05, E, (P,), 33649.9118226187, (1, 4, 1, 1, 0, 2, 2, 1)),
    Case("DPresence 11", 0.05, E2, (P,), 33660.3063277646, (1, 4, 1, 1, 0, 2, 2, 1)),
    Case("KMap 2", 0.0, AECS, (_map(5),), 45.014925373134325, (1, 0, 1, 2, 3, 2, 2, 1)),
    Case("KMap 3", 0.0, E, (_map(3),), 23387.494246375998, (0, 0, 1, 2, 3, 2, 2, 0)),
    Case("KMap 4", 0.0, E2, (_map(5),), 28551.7222913157, (1, 0, 1, 2, 3, 2, 2, 1)),
    Case("KMap 5", 0.05, AECS, (_map(20),), 11.424242424242424, (1, 0, 1, 1, 3, 2, 1, 0)),
    Case("KMap 6", 0.05, E, (_map(7),), 17075.7181747451, (0, 0, 1, 1, 2, 2, 2, 0)),
    Case("KMap 7", 0.05, E2, (_map(3),), 15121.633326877098, (0, 0, 1, 1, 1, 2, 1, 0)),
    Case("KMap 8", 0.0, AECS, (_map(5),), 45.014925373134325, (1, 0, 1, 2, 3, 2, 2, 1)),
    Case("KMap 9", 0.0, E, (_map(2),), 23108.1673304724, (1, 0, 1, 1, 3, 2, 2, 0)),
    Case("KMap 10", 0.0, E2, (_map(10),), 30238.2081484441, (0, 1, 1, 2, 3, 2, 2, 0)),
    Case("KMap 11", 0.05, AECS, (_map(10),), 7.215311004784689, (0, 0, 1, 1, 3, 2, 1, 0)),
    Case("KMap 12", 0.05, E, (_map(5),), 17053.8743069776, (0, 0, 1, 0, 2, 2, 2, 1)),
    Case("KMap 13", 0.05, E2, (_map(3),), 15121.633326877098, (0, 0, 1, 1, 1, 2, 1, 0)),
)
"""The same, with the research subset."""

DRAWN = {
    20_000: Case("Subset 0", 0.0, E, (_k(5), _hierarchical), 178437.4164900378, (1, 4, 1, 1, 3, 2, 2, 1)),
    10_000: Case("Subset 1", 0.0, E, (_k(5),), 70774.7774633781, (0, 4, 1, 1, 2, 2, 2, 0)),
    30_000: Case("Subset 2", 0.0, E, (_hierarchical,), 250816.4033099704, (0, 4, 1, 1, 3, 2, 2, 1)),
    9_000: Case("Subset 3", 0.0, E, (_recursive,), 65996.221545847, (1, 2, 1, 1, 3, 2, 2, 1)),
}
"""The same, with a subset of the rows that java.util.Random draws so many times with replacement."""


def drawn(times: int, seed: int = 0xDEADBEEF - (1 << 32)) -> set[int]:
    """Numbers that ``java.util.Random(seed).nextInt(times)`` gives, by the rule in its documentation."""
    state, numbers = (seed ^ 0x5DEECE66D) & ((1 << 48) - 1), set()
    for _ in range(times):
        while True:  # ends with probability 1, and with this seed
            state = (state * 0x5DEECE66D + 0xB) & ((1 << 48) - 1)
            bits = state >> 17
            if bits - bits % times + times - 1 < 1 << 31:
                break
        numbers.add(bits % times)
    return numbers
