"""What the C unpickler and the pure-Python one really do with a stream whose names are all stubs.

Nothing real can be called: ``find_class`` never imports, it makes an inert class for any name; persistent ids give
inert objects; the tables of extension codes are empty. Streams are loaded in a child process with limits on memory,
time and files (see ``differential``).
"""

from __future__ import annotations

import _pickle
import copyreg
import io
import pickle
from typing import Any


class Log:
    """Events in their order, and the number of objects made."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.serial = 0

    def number(self) -> int:
        self.serial += 1
        return self.serial


LOG = Log()


def described(value: Any, depth: int = 2) -> Any:
    """A value in an event, the same for both loaders and for the abstract machine."""
    kind = type(value)
    if kind in (str, int, float, bool, type(None)):
        return repr(value)[:60]
    if isinstance(value, Stub | Meta):
        return ("#", value.serial)
    if kind is tuple:
        return ("tuple", len(value), *((described(each, depth - 1) for each in value[:8]) if depth else ()))
    return ("list", len(value)) if kind is list else kind.__name__


def _fills(target: Any, items: Any) -> None:
    LOG.events.extend(("fill", target.serial, described(item)) for item in items)


class Meta(type):
    """Stub classes: whatever is done to the class itself is an event too."""

    serial: int

    def __call__(cls, *args: Any, **more: Any) -> Any:
        return made("call", cls, args, more)

    def __setitem__(cls, key: Any, value: Any) -> None:
        LOG.events.append(("set", cls.serial, described(key), described(value)))

    __setstate__ = property(lambda cls: lambda state: LOG.events.append(("state", cls.serial, described(state))))
    append = property(lambda cls: lambda item: _fills(cls, [item]))
    extend = property(lambda cls: lambda items: _fills(cls, items))
    add = property(lambda cls: lambda item: _fills(cls, [item]))


class Stub(metaclass=Meta):
    """An inert object."""

    serial = 0

    def __new__(cls, *args: Any, **more: Any) -> Any:
        return made("new", cls, args, more)

    def __call__(self, *args: Any, **more: Any) -> Any:
        return made("call", self, args, more)

    def __setstate__(self, state: Any) -> None:
        LOG.events.append(("state", self.serial, described(state)))

    def __setitem__(self, key: Any, value: Any) -> None:
        LOG.events.append(("set", self.serial, described(key), described(value)))

    def append(self, item: Any) -> None:
        _fills(self, [item])

    def extend(self, items: Any) -> None:
        _fills(self, items)

    def add(self, item: Any) -> None:
        _fills(self, [item])


def made(how: str, by: Any, args: tuple[Any, ...], more: dict[str, Any]) -> Any:
    LOG.events.append((how, by.serial, described((*args, *((more,) if more else ())))))
    thing = object.__new__(by if isinstance(by, Meta) else Stub)
    thing.serial = LOG.number()
    return thing


def _class(module: str, name: str) -> Any:
    LOG.events.append(("import", module, name))
    kind = type.__new__(Meta, "Stub", (Stub,), {})
    kind.serial = LOG.number()
    return kind


def _persistent(key: Any) -> Any:
    LOG.events.append(("persistent", described(key)))
    thing = object.__new__(Stub)
    thing.serial = LOG.number()
    return thing


class InC(_pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _class(module, name)

    def persistent_load(self, key: Any) -> Any:
        return _persistent(key)


class InPython(pickle._Unpickler):  # noqa: TID251
    def find_class(self, module: str, name: str) -> Any:
        return _class(module, name)

    def persistent_load(self, key: Any) -> Any:
        return _persistent(key)


def loaded(kind: type[InC | InPython], data: bytes, *, peek: bool = False) -> tuple[bool, list[tuple[Any, ...]], int]:
    """Whether the loader accepts a stream, the events on the way, and where it stopped.

    With ``peek`` it reads from a buffered file, from which the C loader reads ahead and so goes another way.
    """
    assert not copyreg._extension_cache  # type: ignore[attr-defined]
    assert not copyreg._inverted_registry  # type: ignore[attr-defined]
    LOG.events, LOG.serial = [], 0
    file: Any = io.BufferedReader(io.BytesIO(data)) if peek else io.BytesIO(data)  # type: ignore[arg-type]
    try:
        kind(file, encoding="latin-1").load()
    except Exception:  # MemoryError among them: an index or length that the machine must have noticed
        return False, LOG.events, file.tell()
    return True, LOG.events, file.tell()
