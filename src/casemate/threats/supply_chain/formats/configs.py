"""What settings make a loader do: names that it imports, code that it takes from the folder, templates, requirements.

Works on plain values, so that JSON and YAML are judged alike. Keys are judged at any depth.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from casemate.threats.supply_chain.formats.templates import judge_text, seems_template
from casemate.threats.supply_chain.jsons import Json, spelled, walk
from casemate.threats.supply_chain.report import Report

_REMOTE = frozenset(("auto_map", "custom_pipelines", "custom_generate"))
_IMPORTED = frozenset(("_target_", "_class_path_", "class_path", "loader_module", "parent_library"))
_BASES = frozenset(("base_model_name_or_path", "_name_or_path", "pretrained_model_name_or_path"))
_REQUIREMENTS = frozenset(("pip", "dependencies", "pip_requirements", "extra_pip_requirements", "requirements"))
_MODULES = frozenset(("idx", "name", "path", "type"))
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_SOURCE = re.compile(
    r"(?:^|\s|@\s*)(?:git\+|hg\+|svn\+|bzr\+|https?://|ftp://|file:)|^\s*(?:-e|--editable|-i|--index-url|--extra-index-url|"
    r"--find-links|-f|--trusted-host)\b"
)
_WORKFLOW = re.compile(r"\$\{\{[^{}]*\}\}")
"""Expressions of a continuous integration service, which no template engine sees."""

_OUTSIDE = re.compile(r"(?:/|~|[A-Za-z]:[\\/]|\\\\|[a-z]+://)|(?:.*[\\/])?\.\.(?:[\\/]|$)")


def judge_config(value: Json, report: Report) -> None:
    """Report what a loader would do because of these settings. Looks at every value once."""
    if isinstance(value, list) and value and all(isinstance(each, dict) and set(each) >= _MODULES for each in value):
        for each in value:
            report.name("config.target", str(each["type"]) if isinstance(each, dict) else "", logical="modules.type")
    for path, each in walk(value):
        if isinstance(each, dict):
            for key, inner in each.items():
                _judge(str(key), inner, each, spelled((*path, str(key))), report)
        elif isinstance(each, str) and path and isinstance(path[-1], str) and seems_template(each):
            judge_text(_WORKFLOW.sub("", each), report, where=spelled(path), declared=False)


def _judge(key: str, inner: Json, beside: dict[str, Json], where: str, report: Report) -> None:
    if key.startswith("py/"):
        report.fact("config.jsonpickle", f"{key} makes jsonpickle import and call what it names", logical=where)
    elif key in _REMOTE and inner:
        _remote(key, inner, where, report)
    elif isinstance(inner, str) and (key in _IMPORTED or _is_target(key, inner, beside)):
        report.name("config.target", inner, logical=where)
    elif key == "trust_remote_code" and inner is True:
        report.fact("config.trust", "the settings themselves turn remote code on", logical=where)
    elif key in _JUDGES:
        _JUDGES[key](inner, where, report)
    elif key in _BASES and isinstance(inner, str) and _OUTSIDE.match(inner):
        report.fact("config.path", f"{key} leads outside the folder", logical=where)
    elif key in _REQUIREMENTS and isinstance(inner, list):
        for each in inner:
            if isinstance(each, str) and _SOURCE.search(each):
                report.fact("config.requirement", "a requirement from a place of its own", logical=where)
    elif (
        key == "id" and isinstance(inner, list) and beside.get("lc") in (1, "1") and beside.get("type") == "constructor"
    ):
        report.name("config.constructor", ".".join(str(part) for part in inner), logical=where)


def _is_target(key: str, inner: str, beside: dict[str, Json]) -> bool:
    """The older spelling of ``_target_``, as latent diffusion has it."""
    return key == "target" and "params" in beside and _DOTTED.fullmatch(inner) is not None


def _remote(key: str, inner: Json, where: str, report: Report) -> None:
    named = [each for _, each in walk(inner) if isinstance(each, str)]
    if any("--" in each for each in named):
        report.fact("config.foreign-code", f"{key} takes code from another repository", logical=where)
    report.fact("config.remote-code", f"{key} makes the loader run code of the folder", logical=where)


def _template(inner: Json, where: str, report: Report) -> None:
    """``chat_template``: a text, its lines, or a list of named texts."""
    if isinstance(inner, list) and all(isinstance(each, str) for each in inner):
        inner = "\n".join(str(each) for each in inner)
    for path, each in walk(inner):
        if isinstance(each, str) and (not path or path[-1] != "name"):
            judge_text(each, report, where=where + spelled(path))


def _library(inner: Json, where: str, report: Report) -> None:
    if isinstance(inner, str) and inner:
        report.name("config.pipeline", inner, logical=where)


def _servers(inner: Json, where: str, report: Report) -> None:
    for name, server in inner.items() if isinstance(inner, dict) else ():
        if isinstance(server, dict) and "command" in server:
            report.fact("config.command", f"the settings start a program for {name}", logical=where)


_JUDGES: dict[str, Callable[[Json, str, Report], None]] = {
    "chat_template": _template,
    "_class_name": _library,
    "mcpServers": _servers,
}
