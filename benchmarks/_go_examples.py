"""gitleaks' own true and false examples, read from its Go rule files: never committed, never compiled, never run.

The files lie in ``CASEMATE_BENCH_DATA/secrets/gitleaks`` (``git archive HEAD cmd/generate`` of gitleaks' repository,
MIT). Of each rule function only ``tps`` and ``fps`` are evaluated: string literals, ``+``, ``append``,
``fmt.Sprintf`` and gitleaks' helpers that draw a string for an expression or put one into the lines of several
languages. Rules themselves are not read. What is beyond this (loops) is counted as not read.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from re import _constants as kinds  # type: ignore[attr-defined]
from re import _parser as expressions  # type: ignore[attr-defined]
from typing import Any, NamedTuple

_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|`[^`]*`|"(?:\\.|[^"\\\n])*"|[A-Za-z_]\w*(?:\.\w+)*|\d+|:=|\.\.\.|[^\s]', re.DOTALL
)
_ENDINGS = {
    "ini": ".ini", "json": ".json", "xml": ".xml", "yaml": ".yaml", "C#": ".cs", "go": ".go", "java": ".java",
    "kotlin": ".kt", "php": ".php", "python": ".py", "make": ".mk", "logstash": ".conf", "misc": ".java",
}  # fmt: skip
_SAFE = {
    "utils.Numeric": "[0-9]{%s}", "utils.Hex": "[a-f0-9]{%s}", "utils.AlphaNumeric": "[a-z0-9]{%s}",
    "utils.AlphaNumericExtendedShort": "[a-z0-9_-]{%s}", "utils.AlphaNumericExtended": r"[a-z0-9=_\-]{%s}",
    "utils.AlphaNumericExtendedLong": r"[a-z0-9\/=_\+\-]{%s}",
}  # fmt: skip
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
ENDLESS = 20
KNOWN = "868fbb5fe7fc4e1a8f131f3f4a07ee10a986724f3b02f99c2838e77c474a464b"
"""SHA-256 of the files, one after the other: gitleaks at its commit b58d3f1 of 2026-07-22."""


class Example(NamedTuple):
    """One text of gitleaks' tests.

    Attributes:
        rule: the rule that it belongs to.
        true: whether a secret is in it.
        name: a file's name for it; what it is written in decides the ending.
        text: the text.
    """

    rule: str
    true: bool
    name: str
    text: str


class _Line(str):
    """A text that knows which language it is written in."""

    ending = ".txt"


class _BeyondError(Exception):
    """Something that is not evaluated here."""


def examples(folder: Path, seed: int) -> tuple[list[Example], list[str]]:
    """All examples of the rule files in ``folder``, and the functions whose examples could not be read."""
    found: list[Example] = []
    beyond: list[str] = []
    helpers = folder / "cmd/generate/config/utils/generate.go"
    paths = sorted((folder / "cmd/generate/config/rules").glob("*.go"))
    whole = hashlib.sha256(b"".join(path.read_bytes() for path in (helpers, *paths)))
    if whole.hexdigest() != KNOWN:
        raise ValueError("the files in CASEMATE_BENCH_DATA/secrets/gitleaks are not those that the figures are about")
    reader = _Reader(_templates(helpers), random.Random(seed))
    for path in paths:
        source = path.read_text(encoding="utf-8")
        bodies = re.split(r"^func ", source, flags=re.MULTILINE)
        constants = reader.variables(bodies[0], {})
        for body in bodies[1:]:
            if "*config.Rule {" not in body.partition("\n")[0]:
                continue
            try:
                names = reader.variables(body, constants, must=("tps", "fps"))
            except _BeyondError:
                beyond.append(f"{path.name}: {body.partition('(')[0]}")
                continue
            named = re.search(r'RuleID:\s*"([^"]+)"', body)
            rule = named[1] if named else path.stem
            for true, each in ((True, names.get("tps")), (False, names.get("fps"))):
                texts = each.items() if isinstance(each, dict) else [(None, text) for text in each or ()]
                for place, text in texts:
                    name = place or f"settings{getattr(text, 'ending', '.txt')}"
                    found.append(Example(rule, true, name, str(text)))
    return found, beyond


def _templates(path: Path) -> dict[str, str]:
    """The lines that gitleaks puts a secret into, by language."""
    body = path.read_text(encoding="utf-8").partition("samples := map[string]string")[2].partition("replacer :=")[0]
    value, _ = _Reader({}, random.Random(0)).map(_tokens(body), 0)
    return value


def _tokens(text: str) -> list[str]:
    return [token for token in _TOKEN.findall(text) if not token.startswith(("//", "/*"))]


class _Reader:
    """Evaluates the few Go expressions that examples are written in."""

    def __init__(self, templates: dict[str, str], chance: random.Random) -> None:
        self._templates = templates
        self._chance = chance

    def variables(self, source: str, known: dict[str, Any], must: tuple[str, ...] = ()) -> dict[str, Any]:
        """What is assigned to names at the start of statements; those of ``must`` have to be readable."""
        names, tokens = dict(known), _tokens(source)
        for at in range(len(tokens) - 1):
            sign = tokens[at + 1]
            if sign not in (":=", "=") or not tokens[at].isidentifier():
                continue
            try:
                names[tokens[at]], _ = self._sum(tokens, at + 2, names)
            except _BeyondError:
                if tokens[at] in must:
                    raise
        return names

    def _sum(self, tokens: list[str], at: int, names: dict[str, Any]) -> tuple[Any, int]:
        value, at = self._one(tokens, at, names)
        while at < len(tokens) and tokens[at] == "+":
            more, at = self._one(tokens, at + 1, names)
            value = value + more
        return value, at

    def _one(self, tokens: list[str], at: int, names: dict[str, Any]) -> tuple[Any, int]:
        token = tokens[at]
        if token[0] == "`":
            return token[1:-1], at + 1
        if token[0] == '"':
            return _unquoted(token), at + 1
        if tokens[at : at + 4] == ["[", "]", "string", "{"]:
            return self._many(tokens, at + 4, "}", names)
        if tokens[at : at + 4] == ["[", "]", "byte", "("]:
            value, at = self._sum(tokens, at + 4, names)
            return value, at + 1
        if tokens[at : at + 5] == ["map", "[", "string", "]", "string"]:
            return self.map(tokens, at + 5)
        if tokens[at + 1 : at + 2] == ["("]:
            values, at = self._many(tokens, at + 2, ")", names)
            return self._called(token, values), at
        if token in names:
            return names[token], at + 1
        raise _BeyondError(token)

    def _many(self, tokens: list[str], at: int, end: str, names: dict[str, Any]) -> tuple[list[Any], int]:
        values = []
        while tokens[at] != end:
            value, at = self._sum(tokens, at, names)
            if tokens[at] == "...":
                at += 1
            values.append(value)
            at += tokens[at] == ","
        return values, at + 1

    def map(self, tokens: list[str], at: int) -> tuple[dict[str, str], int]:
        """A literal map of strings, from its brace on."""
        values: dict[str, str] = {}
        at += 1
        while tokens[at] != "}":
            key, at = self._sum(tokens, at, {})
            values[key], at = self._sum(tokens, at + 1, {})
            at += tokens[at] == ","
        return values, at + 1

    def _called(self, name: str, values: list[Any]) -> Any:
        if name in _SAFE:
            return _SAFE[name] % values[0]
        functions: dict[str, Callable[..., Any]] = {
            "utils.Hex8_4_4_4_12": lambda: UUID,
            "secrets.NewSecret": lambda pattern: "".join(self._drawn(expressions.parse(pattern))),
            "newPlausibleSecret": lambda pattern: "".join(self._drawn(expressions.parse(pattern))),
            "utils.GenerateSampleSecret": lambda name, secret: f'{name}_api_token = "{secret}"',
            "utils.GenerateSampleSecrets": self._samples,
            "append": lambda first, *more: [*first, *_flat(more)],
            "fmt.Sprintf": lambda form, *more: form % tuple(more),
            "base64.StdEncoding.EncodeToString": lambda text: base64.b64encode(text.encode()).decode(),
        }
        if name not in functions:
            raise _BeyondError(name)
        return functions[name](*values)

    def _samples(self, name: str, secret: str) -> list[str]:
        made = []
        for language, template in sorted(self._templates.items()):
            line = _Line(template.replace("{i}", name).replace("{I}", name.upper()).replace("{s}", secret))
            line.ending = _ENDINGS.get(language.partition(" ")[0], ".txt")
            made.append(line)
        return made

    def _drawn(self, parsed: Any) -> Iterator[str]:
        """A string that an expression matches, at random."""
        for kind, value in parsed:
            if kind is kinds.LITERAL:
                yield chr(value)
            elif kind is kinds.IN:
                yield self._chance.choice(sorted(_letters(value)))
            elif kind is kinds.MAX_REPEAT:
                least, most, inner = value
                most = least + ENDLESS if most is kinds.MAXREPEAT else int(most)
                for _ in range(self._chance.randint(least, most)):
                    yield from self._drawn(inner)
            elif kind is kinds.SUBPATTERN:
                yield from self._drawn(value[-1])
            elif kind is kinds.BRANCH:
                yield from self._drawn(self._chance.choice(value[1]))
            elif kind is not kinds.AT:
                raise _BeyondError(str(kind))


def _letters(parts: Any) -> set[str]:
    found: set[str] = set()
    for kind, value in parts:
        if kind is kinds.LITERAL:
            found.add(chr(value))
        elif kind is kinds.RANGE:
            found.update(map(chr, range(value[0], value[1] + 1)))
        elif kind is kinds.CATEGORY and value is kinds.CATEGORY_WORD:
            found.update("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
        elif kind is kinds.CATEGORY and value is kinds.CATEGORY_DIGIT:
            found.update("0123456789")
        else:
            raise _BeyondError(str(kind))
    return found


def _flat(values: tuple[Any, ...]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from value
        else:
            yield value


def _unquoted(token: str) -> str:
    signs = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(r"\\(.)", lambda found: signs.get(found[1], found[1]), token[1:-1], flags=re.DOTALL)
