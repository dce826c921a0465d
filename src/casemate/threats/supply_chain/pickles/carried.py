"""What a file carries as data: pickles, and program text. Nothing runs them now, but no model needs them.

The bytes of arrays are not searched unless asked for: nobody reads them as anything else. The rest is searched for a
few fixed beginnings; only where one stands is anything looked at more closely. All pickles found are walked for no more
bytes, together, than the file has, twice over.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from collections.abc import Container, Iterable, Iterator
from typing import Final

from casemate.threats.supply_chain.pickles.machine import Machine
from casemate.threats.supply_chain.pickles.policy import Policy
from casemate.threats.supply_chain.stops import Malformed, Refused
from casemate.threats.supply_chain.view import View

_SPARE: Final = 1 << 20
_MARK: Final = 0x28
_WORTH: Final = 16
"""Bytes from which a pickle of plain values is told from chance."""
_BINARY: Final = re.compile(rb"\x80[\x02-\x05](?=[\x95c(\x8c}\]X\x8a\x8f)])")
_GLOBAL: Final = re.compile(
    rb"c(?=(?:__builtin__|builtins|os|posix|nt|subprocess|sys|runpy|pty|importlib|socket|commands|_?pickle|cPickle"
    rb"|operator|functools|types|webbrowser|ctypes|shutil|code|marshal|(?:torch|numpy)(?:\.[\w.]+)?)\n)"
)
_AS_TEXT: Final = re.compile(rb"\xc2\x80[\x02-\x05]")
_BASE64: Final = re.compile(rb"gA[I-X][A-Za-z0-9+/\n]{12,1048576}={0,2}")
_HEX: Final = re.compile(rb"800[2-5][0-9a-fA-F]{16,1048576}")
_MOST_TEXT: Final = 1 << 20
_HINTS: Final = (
    b"__import__",
    b"os.system",
    b"os.popen",
    b"subprocess.",
    b"exec(",
    b"eval(",
    b"/bin/",
    b"__subclasses__",
)
_PROGRAM: Final = re.compile(
    rb"(?<![\w.])(?:exec|eval|__import__)\s*\(\s*[^)\s]|os\.(?:system|popen)\s*\(|__subclasses__\s*\(\s*\)"
    rb"|subprocess\.(?:Popen|run|call|check_call|check_output|getoutput)\s*\(|/bin/(?:ba|da|z|k)?sh\b"
)
_ACTS: Final = frozenset({
    "pickle.import", "pickle.dangerous-import", "pickle.dotted-import", "pickle.call", "pickle.dangerous-call",
    "pickle.overwrite", "pickle.unresolved",
})  # fmt: skip


def find_carried(view: View, policy: Policy, skip: Iterable[tuple[int, int]], known: Container[int]) -> None:
    """Add a finding for each pickle that begins after the first byte, and for program text.

    Args:
        view: where to look.
        policy: of the stream itself; takes the findings.
        skip: places and lengths in the view's buffer that are not searched.
        known: places in the buffer of opcodes that were walked already.
    """
    budget = 2 * len(view) + _SPARE
    for start, stop in _segments(view, skip):
        for at, inner in _candidates(view, start, stop):
            if at + view.start in known:
                continue
            first, whole, walked = _walk(inner, policy)
            budget -= walked + 1
            if budget < 0:
                policy.find("pickle.bomb", "more pickles lie in the data than can be looked at", at)
                return
            if first:
                policy.find("pickle.carried", f"a pickle lies in the data that {first}", at)
            elif whole and walked >= _WORTH:
                policy.find("pickle.nested", "a pickle of plain values lies in the data", at)
        _program(view, start, stop, policy)


def _segments(view: View, skip: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    at = view.start + 1
    for start, length in sorted(skip):
        if start > at:
            yield at, start
        at = max(at, start + length)
    if at < view.stop:
        yield at, view.stop


def _candidates(view: View, start: int, stop: int) -> Iterator[tuple[int, View]]:
    """Places where a pickle might begin, as it is or as text, base64 or hexadecimal digits of it."""
    for found in _BINARY.finditer(view.data, start, stop):
        yield found.start() - view.start, View(view.data, found.start(), stop)
    for found in _GLOBAL.finditer(view.data, start, stop):
        at = found.start()
        yield at - view.start, View(view.data, at - 1 if at > start and view.data[at - 1] == _MARK else at, stop)
    for found in _AS_TEXT.finditer(view.data, start, stop):
        at = found.start()
        text = view.data[at : min(at + _MOST_TEXT, stop)].decode("utf-8", "ignore")
        yield at - view.start, View(text.encode("latin-1", "ignore"))
    for found in _BASE64.finditer(view.data, start, stop):
        raw = found[0].replace(b"\n", b"").rstrip(b"=")
        with contextlib.suppress(binascii.Error):
            yield found.start() - view.start, View(base64.b64decode(raw + b"=" * (-len(raw) % 4)))
    for found in _HEX.finditer(view.data, start, stop):
        yield found.start() - view.start, View(bytes.fromhex(found[0][: len(found[0]) // 2 * 2].decode()))


def _walk(view: View, policy: Policy) -> tuple[str, bool, int]:
    """What a candidate does first that is not allowed, whether it is a pickle to its end, and how long it is."""
    found: list[str] = []

    def find(kind: str, message: str, at: int | None = None, logical: str = "") -> None:
        if kind in _ACTS and not found:
            found.append(message)

    machine = Machine(view, Policy(policy.allowed, find, deny=policy.deny, torch=policy.torch))
    whole = True
    try:
        machine.walk()
    except (Malformed, Refused):
        whole = False
    return (found[0] if whole and found else ""), whole, max(machine.pos, machine.at) - view.start


def _program(view: View, start: int, stop: int, policy: Policy) -> None:
    for needle in _HINTS:
        at = view.data.find(needle, start, stop)
        while at >= 0:
            if _PROGRAM.match(view.data[max(at - 1, start) : at + 64], 1 if at > start else 0):
                policy.find("pickle.program", "text in the data is a program that runs others", at - view.start)
                return
            at = view.data.find(needle, at + 1, stop)
