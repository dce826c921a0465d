"""conda's environment.yml: the lines of its ``dependencies`` and its ``pip`` list, without a YAML parser.

The format is a list of strings and one nested list. What is not of that form (anchors, flow lists, tags) is an error,
not a guess.
"""

from __future__ import annotations

import re

from casemate.threats.supply_chain.dependencies.model import Dependency, Read
from casemate.threats.supply_chain.dependencies.readers.requirements import requirement

_ITEM = re.compile(r"(\s*)-\s+(.*)")
_SPEC = re.compile(r"(?:[\w./-]+::)?([A-Za-z0-9_.-]+)\s*(.*)")
_EXACT = re.compile(r"={1,2}\s*([A-Za-z0-9.!+_]+)(?:=[\w.*]+)?")


def environment(text: str, file: str, read: Read) -> None:
    """Read one environment.

    Raises:
        ValueError: its dependencies are not written as a plain list.
    """
    inside, pip_indent = False, -1
    for number, line in enumerate(text.splitlines(), 1):
        content = re.sub(r"(?:^|\s)#.*$", "", line).rstrip()
        if not content:
            continue
        if not content[0].isspace() and not content.startswith("-"):
            inside, pip_indent = content.startswith("dependencies:"), -1
            if inside and content.partition(":")[2].strip() not in {"", "[]"}:
                raise ValueError("its dependencies are no plain list")
            continue
        item = _ITEM.fullmatch(content)
        if not inside:
            continue
        if item is None:
            raise ValueError(f"line {number} is no item of a list")
        indent, value = len(item[1]), item[2].strip().strip("\"'")
        if value == "pip:":
            pip_indent = indent
        elif 0 <= pip_indent < indent:
            found = requirement(value, file, number)
            if found is not None:
                read.dependencies.append(found)
        else:
            pip_indent = -1
            _conda(value, file, number, read)


def _conda(value: str, file: str, line: int, read: Read) -> None:
    match = _SPEC.fullmatch(value)
    if match is None:
        raise ValueError(f"line {line} is no package")
    exact = _EXACT.fullmatch(match[2])
    if match[1].lower() not in {"python", "pip"}:
        read.dependencies.append(
            Dependency(match[1].lower(), exact[1] if exact else None, "conda", file, line, asked=value[:200])
        )
