"""What a Keras configuration names: classes, functions, modules, files; each with the place that holds it."""

from __future__ import annotations

import builtins
import re
import sys
from typing import Final

from casemate.threats.supply_chain.formats.paths import escape
from casemate.threats.supply_chain.jsons import Json, spelled, walk
from casemate.threats.supply_chain.names import names
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.view import printable

_PLAIN: Final = frozenset(
    [
        "__tensor__",
        "__keras_tensor__",
        "__numpy__",
        "__bytes__",
        "__ellipsis__",
        "__slice__",
        "__tuple__",
        "TensorShape",
    ]
)
"""Values that Keras writes like classes; they name nothing."""
_NAMED: Final = re.compile(r"(?:\w+_)?(?:activation|initializer|regularizer|constraint)|loss|loss_fn|fn|optimizer|"
    r"(?:weighted_)?metrics")  # fmt: skip
"""Keys whose text value is the name of a built-in function or class."""
_FILES: Final = frozenset(("vocabulary", "vocab_file", "filepath", "file_path", "fname", "origin", "cache_dir", "url"))


class Judge:
    """Judges one configuration; every name is reported with its key path.

    Args:
        report: is told.
        revived: whether the configuration lies beside a graph (SavedModel). A class that is not known is then made from
            the graph, which is judged on its own, so its name alone is no alarm.
    """

    def __init__(self, report: Report, *, revived: bool = False) -> None:
        self.report = report
        self.revived = revived

    def judge(self, value: Json) -> None:
        """Every object inside."""
        for path, each in walk(value):
            self.report.budget.spend(1 + len(path) // 8)
            if not isinstance(each, dict):
                continue
            place = spelled(path)
            if "class_name" in each:
                self._object(each, place)
            elif isinstance(each.get("module"), str):
                self._module(str(each["module"]), place)
            for key, inner in each.items():
                if _NAMED.fullmatch(key):
                    self._named(inner, f"{place}.{key}")
                if key in _FILES and isinstance(inner, str) and inner:
                    self._file(key, inner, place)

    def _name(self, kind: str, name: str, place: str) -> None:
        fact = names("keras")[kind].fact(name, deny=self.report.settings.deny)
        if fact is not None:
            self._fact(fact, f"{kind.partition('.')[2]} {printable(name)}", place or name)

    def _fact(self, fact: str, message: str, place: str) -> None:
        if self.revived and fact in ("keras.custom", "keras.custom-function"):
            self.report.fact("keras.revived", message, None, place)
        else:
            self.report.fact(fact, message, None, place)

    def _object(self, each: dict[str, Json], place: str) -> None:
        name, module = each["class_name"], each.get("module")
        if not isinstance(name, str) or not (module is None or isinstance(module, str)):
            self._fact("keras.custom", "a class is not named by a text", place)
        elif name == "__lambda__":
            self.report.fact("keras.lambda", "the configuration carries compiled Python code", None, place)
        elif name == "__typespec__":
            if not isinstance(module, str) or module.partition(".")[0] != "tensorflow":
                self._fact("keras.custom", f"a type comes from {printable(str(module))}", place)
        elif name in ("function", "class", "type") and "config" in each:
            self._function(each, module, place)
        elif name not in _PLAIN:
            self._class(each, name, module, place)

    def _class(self, each: dict[str, Json], name: str, module: str | None, place: str) -> None:
        bare = names("keras")["keras.class"]
        if name in bare.deny or not module:
            self._name("keras.class", name, place)
        elif f"{module}:{name}" not in names("keras")["keras.object"].allow:
            self._module(module, place)
            self._name("keras.object", f"{module}:{name}", place)
        registered = each.get("registered_name")
        if registered is not None and registered != name:
            self._fact("keras.custom", f"{name} is replaced by {printable(str(registered))}", place)
        config = each.get("config")
        if name == "TFOpLambda" and isinstance(config, dict):
            self._name("keras.operation", str(config.get("function")), place)

    def _function(self, each: dict[str, Json], module: str | None, place: str) -> None:
        name = each["config"]
        if not isinstance(name, str):
            self._fact("keras.custom-function", "a function is not named by a text", place)
            return
        pair = f"{module or 'builtins'}:{name}"
        if pair in names("keras")["keras.function"].allow:
            return
        if (module or "builtins") == "builtins" and hasattr(builtins, name):
            self.report.fact("keras.call", f"Python's {printable(name)} is called", None, place)
        elif name.rpartition(".")[2] in names("keras")["keras.function-name"].deny:
            self._name("keras.function-name", name.rpartition(".")[2], place)
        else:
            self._name("keras.function", pair, place)
        if module:
            self._module(module, place)

    def _module(self, module: str, place: str) -> None:
        """A module that is imported: Python's own, and those that run code for anybody, have no place in a model."""
        package = module.partition(".")[0]
        if package in sys.stdlib_module_names and package not in ("builtins", "__main__", "__future__"):
            self.report.fact("keras.import", f"module {printable(module)} is imported", None, place)
        elif package not in ("builtins", "keras", "tf_keras", "tensorflow"):
            self._name("keras.package", package, place)

    def _named(self, value: Json, place: str) -> None:
        """Names in a text, a list, or a mapping from outputs to either; objects are judged on their own."""
        waiting = [value]
        while waiting:
            each = waiting.pop()
            if isinstance(each, str):
                self._name("keras.named", each, place)
            elif isinstance(each, list):
                waiting += each
            elif isinstance(each, dict) and not each.keys() & {"class_name", "config", "module"}:
                waiting += each.values()

    def _file(self, key: str, path: str, place: str) -> None:
        outside = escape(path)
        if outside:
            self.report.fact("keras.path", f"{key} reads {printable(path)}, which {outside}", None, place)
        else:
            self.report.fact("keras.file", f"{key} reads {printable(path)}", None, place)
