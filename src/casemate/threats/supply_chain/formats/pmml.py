"""PMML models (versions 3 and 4): what evaluators run beside the model: extensions, functions, other files."""

from __future__ import annotations

import re

from casemate.threats.supply_chain.report import Report

_SCRIPT = re.compile(
    r"<script|javascript:|java\.lang|Runtime|ProcessBuilder|groovy|\beval\s*\(|\bexec\s*\(|__import__|os\.system|"
    r"subprocess|ScriptEngine|\$\{jndi:|powershell|/bin/sh",
    re.I,
)
_SPACES = ("http://www.dmg.org/PMML-", "")


class Pmml:
    """Judges a model as its elements go by.

    Args:
        report: told the facts.
    """

    kind = "pmml"

    def __init__(self, report: Report) -> None:
        self.report = report
        self.extensions = 0
        self.defined: set[str] = set()
        self.applied: dict[str, None] = {}
        self.models = 0

    def start(self, name: str, space: str, attributes: dict[str, str]) -> None:
        """Judge one element by its name and attributes."""
        if name == "Extension":
            self.extensions += 1
        foreign = not space.startswith(_SPACES[0]) and bool(space)
        if foreign and not self.extensions:
            self.report.fact("xml.foreign", f"the element {name} of another name space", logical=name)
        if name in ("script", "Script"):
            self.report.fact("pmml.script", f"the element {name}", logical=name)
        elif name == "DefineFunction":
            self.defined.add(attributes.get("name", ""))
        elif name == "Apply":
            self.applied[attributes.get("function", "")] = None
        elif name == "TableLocator":
            self.report.fact("pmml.outside", "a table outside the model", logical=name)
        self.models += name.endswith(("Model", "Network")) or name == "Scorecard"
        for key, value in attributes.items():
            if self.extensions and _SCRIPT.search(value):
                self.report.fact("pmml.script", f"the attribute {key} of an extension holds code", logical=name)
            if key.rpartition(" ")[2] in ("href", "uri", "url"):
                self.report.fact("pmml.outside", f"the attribute {key} of {name} leads outside", logical=name)

    def text(self, data: str) -> None:
        """Text in extensions is for programs; elsewhere it is numbers and names."""
        if self.extensions and _SCRIPT.search(data):
            self.report.fact("pmml.script", "an extension holds code", logical="Extension")

    def end(self, name: str) -> None:
        """Leave an extension."""
        self.extensions -= name == "Extension"

    def close(self) -> None:
        """Functions may be defined behind their use, so they are judged when all are known."""
        for function in self.applied:
            if function not in self.defined:
                self.report.name("pmml.function", function, logical=function)
        self.report.describe("models", self.models)
