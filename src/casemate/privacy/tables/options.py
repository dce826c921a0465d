"""How to release a table, as data: the ``[anonymize]`` section of a configuration and the variables ``CASEMATE_*``."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec

from casemate.core.errors import UsageError

Role = Literal["quasi", "sensitive", "drop", "keep", "pseudonym", "shift", "noise"]
"""What is done with a column: quasi is generalized; sensitive stays, and is what must not be learned; drop is left out;
keep stays, and nobody can know it; pseudonym is replaced; shift moves dates; noise is added to numbers."""
ROLES: Final = get_args(Role)
Format = Literal["text", "json"]
MAPS: Final = ("columns", "hierarchies", "noise", "contexts", "domains")
"""Keys that options add to instead of replacing."""


class AnonymizeSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[anonymize]``: how ``casemate anonymize`` releases a table.

    Attributes:
        columns: role of each column that is not guessed right: quasi, sensitive, drop, keep, pseudonym, shift or noise.
        hierarchies: of a quasi-identifier, a CSV file, or how to infer it: intervals, dates, digits or flat.
        k: rows that agree on all quasi-identifiers, at least; 1 asks for nothing.
        l: different values of each sensitive column among them, at least; 1 asks for nothing.
        diversity: what l counts: "distinct" values, or exp of their "entropy".
        t: how far their sensitive values may be from those of the whole table, 0 to 1; 1 asks for nothing.
        limit: share of the rows that may be left out.
        method: "exact", "mondrian", or "auto": exact if there are not too many ways to generalize.
        seconds: for the exact search at most.
        keep_order: whether rows stay in their order, which can tell them apart.
        person: column that says whose dates are shifted.
        days: by how many days at most, either way.
        weeks: whether dates are shifted by whole weeks.
        noise: of numbers, the standard deviation of the noise.
        contexts: of pseudonyms, what they identify, where that is not the column's name.
        key: file that keeps the key of pseudonyms and shifts; "" for the one in the key home.
        key_service: key services that keep that key.
        attack: whether the result is attacked.
        errors: chance that a value which one of the attackers knows is wrong.
        victims: at most so many people are attacked.
        at_most: linkage rate that is tolerated; 0 for 1/k + 0.02.
        seed: of who is attacked.
        synthetic: whether rows of nobody are written, with differential privacy, instead of generalized ones.
        epsilon, delta: the budget for that; 0 for pure epsilon.
        domains: of a column of a synthetic table, what it can hold: "LOW..HIGH" or "A|B|C".
        target: column that a classifier learns from synthetic rows; "" for a sensitive one.
        separator: between cells of CSV.
        released: where the released table goes: `casemate anonymize` writes it there unless told otherwise, and
            `casemate audit` attacks it as what was handed out of the training rows.
        format: what goes to stdout: "text" or "json".
    """

    columns: dict[str, Role] = {}
    hierarchies: dict[str, str] = {}
    k: int = 5
    l: float = 1.0  # noqa: E741 the field's name
    diversity: Literal["distinct", "entropy"] = "distinct"
    t: float = 1.0
    limit: float = 0.02
    method: Literal["auto", "exact", "mondrian"] = "auto"
    seconds: float = 60.0
    keep_order: bool = False
    person: str = ""
    days: int = 365
    weeks: bool = False
    noise: dict[str, float] = {}
    contexts: dict[str, str] = {}
    key: str = ""
    key_service: tuple[str, ...] = ()
    attack: bool = True
    errors: float = 0.1
    victims: int = 3000
    at_most: float = 0.0
    seed: int = 20_260_101
    synthetic: bool = False
    epsilon: float = 1.0
    delta: float = 0.0
    domains: dict[str, str] = {}
    target: str = ""
    separator: str = ","
    released: str = ""
    format: Format = "text"


def read_options(
    config: Path | None, given: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> AnonymizeSection:
    """What is asked for: options win over ``CASEMATE_*`` variables, and those over the file.

    Args:
        config: a TOML file; only its section ``[anonymize]`` is read, and its paths start at the file.
        given: options by name; None where one was not given. Maps are added to those of the file.
        environment: the variables.

    Raises:
        UsageError: the file cannot be read, or a key or a value is unknown; the nearest key is named.

    Example:
        >>> read_options(None, {"k": 3, "l": None}, {"CASEMATE_L": "2"}).l
        2.0
    """
    found = {} if config is None else _section(config)
    for field in msgspec.structs.fields(AnonymizeSection):
        text = environment.get(f"CASEMATE_{field.name.upper()}")
        if text is not None and field.name not in MAPS:
            found[field.name] = text.split(",") if isinstance(field.default, tuple) else text
    for name, value in given.items():
        if value is not None:
            found[name] = {**_mapping(found.get(name)), **value} if name in MAPS else value
    try:
        section = msgspec.convert(found, AnonymizeSection, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(
            "the options of the release cannot be used",
            cause=_explained(str(error)),
            next_step=f"mend [anonymize] in {config.name}, the option or the variable" if config else "mend the option",
        ) from error
    if len(section.separator) != 1 or section.separator in '"\r\n':
        raise UsageError("the separator is no single character", next_step="give one, such as ';'")
    return section


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _section(file: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8")).get("anonymize", {})
    except (OSError, ValueError) as error:
        raise UsageError(f"{file.name} cannot be read", cause=str(error)[:300], next_step="mend the file") from error
    if not isinstance(found, dict):
        raise UsageError(f"{file.name}: anonymize is no section", next_step="write it as [anonymize]")
    for name in ("key", "released"):
        if isinstance(found.get(name), str) and found[name]:
            found[name] = str(file.parent / found[name])
    trees = found.get("hierarchies")
    if isinstance(trees, dict):
        found["hierarchies"] = {
            name: str(file.parent / each) if isinstance(each, str) and each.endswith(".csv") else each
            for name, each in trees.items()
        }
    return found


def _explained(message: str) -> str:
    unknown = re.search(r"unknown field `([^`]+)`", message)
    near = difflib.get_close_matches(unknown[1], AnonymizeSection.__struct_fields__, n=1) if unknown else []
    return f"{message}; did you mean {near[0]!r}?" if near else message
