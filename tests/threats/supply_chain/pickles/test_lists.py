"""The lists of names are data: they name what exists, they do not contradict each other, they load when needed."""

from __future__ import annotations

import pytest

from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.pickles.arguments import RULES
from casemate.threats.supply_chain.pickles.denylist import denied, deny_rules, is_standard
from casemate.threats.supply_chain.pickles.facts import Role


def test_a_name_that_is_denied_is_allowed_only_with_a_rule_for_its_arguments_or_as_a_value() -> None:
    both = {name for name in reviewed() if denied(*name) and {Role.CALL, Role.FILL} & reviewed()[name]}
    tamed = {name for name in both if name in RULES} | {("torch.storage", "_load_from_bytes")}
    unruled = {name for name in both - tamed if name[0] != "torch.jit._pickle"}
    assert unruled == set()


def test_every_function_of_the_standard_library_that_may_be_called_has_a_rule_or_is_harmless() -> None:
    harmless = {"datetime", "collections", "copyreg"}  # copyreg._reconstructor is judged in the policy itself
    calls = {name for name in reviewed() if Role.CALL in reviewed()[name] and is_standard(name[0])}
    assert {name for name in calls if name not in RULES and name[0] not in harmless} == set()


@pytest.mark.parametrize(
    "name", ["os:system", "subprocess:Popen", "builtins:eval", "runpy:run_path", "numpy:load", "torch.hub:load",
             "numpy.testing._private.utils:runstring", "asyncio.unix_events:x", "timeit:timeit", "code:interact"],
)  # fmt: skip
def test_what_is_known_to_do_harm_is_denied_and_never_allowed(name: str) -> None:
    module, _, attribute = name.partition(":")
    assert denied(module, attribute)
    assert (module, attribute) not in reviewed()


def test_every_entry_says_why_and_from_where() -> None:
    assert all(rule.reason and rule.advisory and rule.names for rule in deny_rules())
    assert denied("collections", "OrderedDict") == ""
    assert denied("oscar", "system") == ""
