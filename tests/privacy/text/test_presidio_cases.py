"""Presidio's own test cases of its recognizers, through the drop-in: the same number of spans, in the same places.

The tables of ``@pytest.mark.parametrize`` are read as data (``ast``); nothing of Presidio's is imported or run. Each
test of theirs runs one recognizer alone and takes what it says at any score, down to 0.05. So here the entity is looked
for alone, and its words are told as context (``AnalyzerEngine.analyze(entities=[...], context=[...])``: the first word
of each recognizer of that entity), since ours wants a word near where a number has no checksum. How many cases come out
right only so is in the table. Scores are not compared: theirs are set by hand. Tables that ask for another setting of
the recognizer (leniency, strict checksums), those that test a method alone, and tests of models for names are left out.

Files whose name has an even SHA-256 were read while recognizers were written; of the others only the table was.
Source: github.com/microsoft/presidio (MIT), presidio-analyzer/tests/test_*_recognizer.py, in
``CASEMATE_BENCH_DATA/text/presidio_tests``. ``python -m tests.privacy.text.test_presidio_cases`` prints the table.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from stdnum import verhoeff

from casemate.privacy.text.presidio import AnalyzerEngine
from casemate.privacy.text.presidio.entities import choice
from casemate.privacy.text.recognizer import Recognizer
from casemate.privacy.text.validators import judge

pytestmark = pytest.mark.slow
DIGEST = "b187a8b45b4fb0530e76daef9bac5e3785d9b76e2854f24c679dd79e8b20f142"
"""SHA-256 over the files' names and hashes, a line each, in order: of commit 0aa9f8e44 of the repository."""
LEAST = 0.97
TEXT, PLACES = ("text", "iban"), ("expected_positions", "expected_res", "expected_position")
EXPECTED = {"expected_len", *PLACES}
OTHER_SETTINGS = {"leniency", "strict_recognizer"}


class Case(NamedTuple):
    """A text, how many spans of an entity are in it, and where the first of them are."""

    entity: str
    text: str
    count: int
    places: tuple[tuple[int, int], ...]


class Result(NamedTuple):
    """Of one file: whether each case comes out right with context and without; which do not, and which must not."""

    entity: str
    told: list[bool]
    bare: list[bool]
    failed: list[Case]
    forged: list[Case]


def folder() -> Path | None:
    """Where the files lie, or None.

    Raises:
        ValueError: they are others.
    """
    named = os.environ.get("CASEMATE_BENCH_DATA")
    place = Path(named, "text", "presidio_tests") if named else None
    if place is None or not place.is_dir():
        return None
    lines = [f"{each.name} {hashlib.sha256(each.read_bytes()).hexdigest()}\n" for each in files(place)]
    if hashlib.sha256("".join(lines).encode()).hexdigest() != DIGEST:
        raise ValueError("presidio_tests in CASEMATE_BENCH_DATA/text are not the files that the figures are about")
    return place


def files(place: Path) -> list[Path]:
    return sorted(place.glob("test_*_recognizer.py"))


def only_measured(file: Path) -> bool:
    """Whether nobody looked into it."""
    return int(hashlib.sha256(file.name.encode()).hexdigest(), 16) % 2 == 1


def cases(file: Path) -> list[Case]:
    """Those of the tables that say what is in a text; none where the file tests a model for names."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    named: dict[str, Any] = {}
    for node in body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant | ast.BinOp)
        ):
            named[node.targets[0].id] = value(node.value, named)
    functions = [each for each in body if isinstance(each, ast.FunctionDef)]
    own = [ast.literal_eval(each.body[-1].value) for each in functions if each.name == "entities"]  # type: ignore[attr-defined]
    if own and len(own[0]) != 1:
        return []
    entity = own[0][0] if own else ""
    return [
        case
        for each in functions
        for row in table(each)
        for case in one(each, {name: cell for name, cell in row.items() if "score" not in name}, entity, named)
    ]


def table(function: ast.FunctionDef) -> Iterator[dict[str, Any]]:
    """Rows by column."""
    for call in function.decorator_list:
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.parametrize":
            names = [each.strip() for each in ast.literal_eval(call.args[0]).split(",")]
            for row in getattr(call.args[1], "elts", ()):
                cells = row.elts if isinstance(row, ast.Tuple) else [row]
                yield dict(zip(names, cells, strict=True))


def one(function: ast.FunctionDef, row: dict[str, Any], entity: str, named: dict[str, Any]) -> Iterator[Case]:
    text = next((name for name in TEXT if name in row), "")
    invalid = "invalid" in function.name and set(row) == {text}
    settings = OTHER_SETTINGS & {*row, *(each.arg for each in function.args.args)}
    if not text or settings or not (entity or "entities" in row) or not (invalid or EXPECTED & set(row)):
        return
    cells = {name: value(cell, named) for name, cell in row.items()}
    places = next((cells[name] for name in PLACES if name in cells), ())
    if "expected_start" in cells:
        places = (cells["expected_start"], cells["expected_end"])
    if places and isinstance(places[0], int):
        places = (places,)
    count = cells.get("expected_len", 0 if invalid else len(places))
    # a table without the entity's fixture names what is expected in each row: telephones only
    yield Case(entity or (*cells["entities"], "PHONE_NUMBER")[0], cells[text], count, tuple(places))


def value(node: ast.expr, named: dict[str, Any]) -> Any:
    """A literal, or what Presidio's tables make of literals: sums, f-strings, and one helper's check digit."""
    if isinstance(node, ast.JoinedStr):
        return "".join(value(part, named) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return value(node.value, named)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return value(node.left, named) + value(node.right, named)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "_generate_verhoeff_digit":
        return str(verhoeff.calc_check_digit(value(node.args[0], named)))
    return named[node.id] if isinstance(node, ast.Name) else ast.literal_eval(node)


def right(engine: AnalyzerEngine, case: Case, context: list[str]) -> bool:
    found = engine.analyze(case.text, "en", entities=[case.entity], context=context)
    places = sorted((each.start, each.end) for each in found)
    expected = sorted(case.places[: case.count])  # some rows give places of what must not be found
    return len(places) == case.count and places[: len(expected)] == expected


def judged(engine: AnalyzerEngine, file: Path) -> Result | None:
    """None where the file holds no case."""
    held = cases(file)
    if not held:
        return None
    which = choice(held[0].entity, ())
    known = which.recognizers() if which else ()
    if not known:
        return Result(held[0].entity, [], [], held, [])
    words = [word for each in known for word in each.context[:1]]
    told = [right(engine, each, words) for each in held]
    bare = [right(engine, each, []) for each in held]
    failed = [each for each, good in zip(held, told, strict=True) if not good]
    return Result(held[0].entity, told, bare, failed, [each for each in failed if forged(known, each)])


def forged(known: Sequence[Recognizer], case: Case) -> bool:
    """Whether a number that must be found is refused by each of our recognizers, for its check digit or its form.

    Such a number is made up, and acceptance 5 forbids to report it as that type.
    """
    found = [case.text[start:end] for start, end in case.places] or [case.text]
    checked = bool(case.count) and all(each.validators for each in known)
    return checked and any(all(judge(each.validators, text) is False for each in known) for text in found)


def results(place: Path) -> dict[Path, Result]:
    engine = AnalyzerEngine(mode="fast")
    found = {file: judged(engine, file) for file in files(place)}
    return {file: each for file, each in found.items() if each}


def printed(found: dict[Path, Result], *, failures: bool = False) -> str:
    head = ["entity", "half", "cases", "as Presidio", "only with context", "Presidio wants a wrong check digit"]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for hidden in (False, True):
        mine = [each for file, each in found.items() if only_measured(file) == hidden]
        half = "only counted" if hidden else "development"
        for each in mine:
            count = len(each.told) or len(each.failed)
            good = str(sum(each.told)) if each.told else "not claimed"
            lines.append(f"| {each.entity} | {half} | {count} | {good} | {context(each)} | {len(each.forged)} |")
        good, count, wrong = share(mine)
        shares = f"{good} ({good / count:.1%}; {good / (count - wrong):.1%} without the last column)"
        lines.append(f"| all | {half} | {count} | {shares} | {sum(map(context, mine))} | {wrong} |")
        if failures and not hidden:
            lines += [f"    {case}" for each in mine if each.told for case in each.failed if case not in each.forged]
    return "\n".join(lines)


def context(result: Result) -> int:
    """Cases that come out right only with a word near."""
    return sum(told and not bare for told, bare in zip(result.told, result.bare, strict=True))


def share(found: list[Result]) -> tuple[int, int, int]:
    """Right, all, and those that must not come out as Presidio has them; of what is claimed."""
    claimed = [each for each in found if each.told]
    return tuple(map(sum, zip(*((sum(each.told), len(each.told), len(each.forged)) for each in claimed), strict=True)))  # type: ignore[return-value]


def test_presidios_cases_come_out_as_theirs() -> None:
    place = folder()
    if place is None:
        pytest.skip("needs CASEMATE_BENCH_DATA/text/presidio_tests")
    found = results(place)
    sys.stdout.write(f"\n{printed(found)}\n")
    for hidden in (False, True):
        good, count, wrong = share([each for file, each in found.items() if only_measured(file) == hidden])
        assert good >= LEAST * (count - wrong), f"{good} of {count}, {wrong} of which have a wrong check digit"


if __name__ == "__main__":
    where = folder()
    said = printed(results(where), failures="--failures" in sys.argv) if where else "SKIPPED: CASEMATE_BENCH_DATA"
    sys.stdout.write(f"{said}\n")
