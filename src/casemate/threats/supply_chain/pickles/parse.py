"""Pickle streams, one or several, and joblib files, which are pickles with the bytes of arrays between the opcodes.

Whether a file is a pickle at all: with the header of protocol 2 or later it is; older streams begin like any text, so
one that breaks off before it does anything is somebody else's file.
"""

from __future__ import annotations

import posixpath
from typing import Final

from casemate.threats.supply_chain.pickles.carried import find_carried
from casemate.threats.supply_chain.pickles.machine import Machine
from casemate.threats.supply_chain.pickles.policy import Policy
from casemate.threats.supply_chain.pickles.values import Value
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.view import View

STREAMS: Final = 10_000
"""Most streams of one file that are walked."""

TRACED: Final = "traced_inputs"
"""Where ``torch.jit.trace`` writes the inputs that it traced: their shapes and, by itself, none of their numbers."""


def parse(view: View, report: Report) -> None:
    """Walk every stream of a view; see ``format.Parser``."""
    walk = Walk(view, report, torch="!" in view.where)
    old = not (view.begins(b"\x80") and len(view) > 1 and view.number(1, 1) >= 2)
    try:
        walk.stream()
        while walk.left:
            walk.another()
    except Malformed:
        if old and not walk.policy.acted:
            raise NotMine from None
        walk.close()
        raise
    except Refused:
        walk.close()
        raise
    if old and walk.trailing and not walk.policy.acted:
        raise NotMine
    walk.close()
    if view.name.endswith(".pkl"):  # torch: archive/data.pkl names the storages archive/data/0, archive/data/1, ...
        folder = posixpath.basename(view.name).removesuffix(".pkl")
        for key, count in walk.policy.storages.items():
            report.claim(f"{folder}/{key}", "tensor storage", 0, count, vacant=folder == TRACED)


class Walk:
    """Walks the streams of a view one behind the other.

    Args:
        view, report: as a parser gets them.
        torch: whether persistent ids of tensor storages are to be expected.
        thorough: whether the bytes of arrays are searched for pickles too.
    """

    def __init__(self, view: View, report: Report, *, torch: bool = False, thorough: bool = False) -> None:
        self.view = view
        self.report = report
        self.policy = Policy(report.settings.allow, report.fact, deny=report.settings.deny, torch=torch)
        self.thorough = thorough
        self.at = 0
        self.streams = 0
        self.trailing = False
        self.protocol = 0
        self._skip: list[tuple[int, int]] = []
        self._known: set[int] = set()

    @property
    def left(self) -> int:
        """Bytes that were not walked yet."""
        return len(self.view) - self.at

    def stream(self) -> Value:
        """Walk the next stream and return its abstract value.

        Raises:
            Malformed: it breaks off; what it did before was reported.
            Refused: there are too many, or one would take too much work.
        """
        self.streams += 1
        if self.streams > STREAMS:
            raise Refused("pickle.bomb", f"more than {STREAMS} pickles follow each other", self.at)
        machine = Machine(self.view, self.policy, self.at)
        fuel = machine.fuel
        try:
            value = machine.walk()
        finally:
            self._skip += machine.arrays
            self._known |= machine.known
            self._skip += [(blob.start, blob.length) for blob in machine.blobs if blob.raw]
            self.report.budget.spend(fuel - machine.fuel)
        stop = machine.pos - self.view.start
        self.report.cover(self.at, stop - self.at)
        self.at, self.protocol = stop, max(self.protocol, machine.protocol)
        return value

    def another(self) -> None:
        """Walk what follows the first stream: another one, or bytes that belong to nothing."""
        start = self.at
        try:
            self.stream()
        except Malformed:
            self.trail(start)
        else:
            self.report.fact("pickle.streams", "another pickle follows the first", start)

    def trail(self, start: int) -> None:
        """Report bytes that belong to nothing."""
        self.report.fact("pickle.trailing", f"{len(self.view) - start} bytes follow the end of the pickle", start)
        self.trailing, self.at = True, len(self.view)

    def skip(self, at: int, count: int) -> None:
        """Do not search these bytes of the view."""
        self._skip.append((self.view.start + at, count))

    def close(self) -> None:
        """Search the data, hand over what is a file of its own, and describe what was seen."""
        for blob in self.policy.inner:
            self._skip.append((blob.start, blob.length))
            at = blob.start - self.view.start
            self.report.member(self.view.part(at, blob.length, f"tensor at byte {at}"))
        find_carried(self.view, self.policy, [] if self.thorough else self._skip, self._known)
        self.report.describe("pickle.protocol", self.protocol)
        self.report.describe("pickle.streams", self.streams)
        self.report.describe("pickle.imports", sorted(f"{module}:{name}" for module, name in self.policy.imported))
        for companion in self.policy.companions:
            self.report.claim(companion, "an array of this pickle")
        for module, name in self.policy.imported:
            self.report.imports(module, name)
