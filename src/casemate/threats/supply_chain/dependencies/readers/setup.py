"""setup.cfg and setup.py: what setuptools is told to require. What setup.py computes, instead of saying, is unknown."""

from __future__ import annotations

import ast
import configparser

from casemate.threats.supply_chain.dependencies.calls import parsed
from casemate.threats.supply_chain.dependencies.model import Read
from casemate.threats.supply_chain.dependencies.readers.requirements import requirement

_ASKED = ("install_requires", "setup_requires", "tests_require", "extras_require")


def setup_cfg(text: str, file: str, read: Read) -> None:
    """The ``[options]`` and ``[options.extras_require]`` of setuptools.

    Raises:
        ValueError: it is no configuration.
    """
    config = configparser.RawConfigParser(strict=False)
    try:
        config.read_string(text)
    except configparser.Error as error:
        raise ValueError(type(error).__name__) from error
    asked = [config.get("options", name) for name in _ASKED if config.has_option("options", name)]
    if config.has_section("options.extras_require"):
        asked += [value for _, value in config.items("options.extras_require")]
    for line in "\n".join(asked).replace(";\n", "\n").splitlines():
        _add(line.strip(), file, 0, read)


def setup_py(data: bytes, file: str, read: Read) -> None:
    """Requirements that stand in setup.py as constants: arguments of those names, and lists assigned to them."""
    module, _ = parsed(data)
    if module is None:
        return  # the reader of hooks says so
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            values = [word.value for word in node.keywords if word.arg in _ASKED]
        elif isinstance(node, ast.Assign):
            names = [each.id for each in node.targets if isinstance(each, ast.Name)]
            values = [node.value] if set(names) & {*_ASKED, "requires", "requirements", "REQUIRES"} else []
        else:
            continue
        for value in values:
            keys = {id(key) for each in ast.walk(value) if isinstance(each, ast.Dict) for key in each.keys}
            for each in ast.walk(value):
                if id(each) not in keys and isinstance(each, ast.Constant) and isinstance(each.value, str):
                    _add(each.value, file, each.lineno, read)


def _add(text: str, file: str, line: int, read: Read) -> None:
    found = requirement(text, file, line) if text and not text.startswith(("#", "file:")) else None
    if found is not None:
        read.dependencies.append(found)
