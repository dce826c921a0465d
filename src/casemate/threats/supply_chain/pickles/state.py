"""What a walk knows: the stack of stacks, the memo, the fuel; and what steps do with it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Final

from casemate.threats.supply_chain.pickles.arrays import cross_array, set_dtype_state, wrapped
from casemate.threats.supply_chain.pickles.cursor import Cursor
from casemate.threats.supply_chain.pickles.facts import Fact, Role, Watch
from casemate.threats.supply_chain.pickles.names import resolve
from casemate.threats.supply_chain.pickles.values import (
    UNKNOWN,
    Blob,
    Dct,
    DType,
    Global,
    Made,
    Persistent,
    Tup,
    Value,
    Wrapper,
    breadth,
    is_empty,
)
from casemate.threats.supply_chain.stops import Malformed, Refused
from casemate.threats.supply_chain.view import View

FUEL_PER_BYTE: Final = 4
FUEL: Final = 200_000


class State(Cursor):
    """The state of one stream's walk.

    Args:
        view: what holds the stream.
        watch: told every fact.
        at: where in the view the stream starts.
        outer: the state around it, if this stream is nested in an object array.
    """

    def __init__(self, view: View, watch: Watch, at: int = 0, *, outer: State | None = None) -> None:
        super().__init__(view, at)
        self.watch = watch
        self.outer = outer
        self.begin = self.pos
        self.protocol = 0
        self.fuel = FUEL_PER_BYTE * (self.end - self.pos) + FUEL
        self.stack: list[Value] = []
        self.marks: list[list[Value]] = []
        self.memo: dict[int, Value] = {}
        self.blobs: list[Blob] = outer.blobs if outer else []
        self.arrays: list[tuple[int, int]] = outer.arrays if outer else []
        self.known: set[int] = outer.known if outer else set()
        self.serial = 0
        self.acted = False

    def spend(self, work: int) -> None:
        """Take the cost of looking at ``work`` things from the fuel."""
        self.fuel -= work
        if self.fuel < 0:
            raise Refused("pickle.bomb", "the stream repeats itself beyond what its length allows", self.place)

    def fact(self, role: Role, target: Value, argument: Value = None) -> None:
        """Report a fact about the current opcode."""
        self.acted = True
        self.watch.judge(Fact(role, target, argument, self.place))

    def differ(self, message: str) -> None:
        """Report that one loader goes on here and another does not, or does another thing."""
        self.watch.find("pickle.divergence", message, self.place)

    def number(self) -> int:
        """The serial number of the next object."""
        self.serial += 1
        return self.serial

    def long_text(self, at: int, start: int, size: int) -> Blob:
        """Long text, checked and left where it is."""
        self.check_text(at, start, size)
        return Blob(self.data, start, size, "text")

    def pop(self) -> Value:
        """Take the top of the stack; never through a mark."""
        if not self.stack:
            raise Malformed("the stack is empty", self.place)
        return self.stack.pop()

    def top(self) -> Value:
        """The top of the stack."""
        if not self.stack:
            raise Malformed("the stack is empty", self.place)
        return self.stack[-1]

    def since_mark(self) -> list[Value]:
        """Take everything above the last mark, and the mark."""
        if not self.marks:
            raise Malformed("there is no mark", self.place)
        items, self.stack = self.stack, self.marks.pop()
        return items

    def sparse(self, index: int) -> None:
        """Report a memo index beyond what the stream could have used: the C loader allocates the gap."""
        self.watch.find("pickle.bomb", f"memo index {index} after {self.pos - self.begin} bytes", self.place)

    def named(self, module: Value, name: Value) -> None:
        """Push an imported name."""
        if not isinstance(module, str) or not isinstance(name, str):
            self.watch.find("pickle.unresolved", "an imported name is not a constant", self.place)
            if not all(isinstance(each, str | Made | Persistent | Blob) for each in (module, name)):
                raise Malformed("an imported name is not text", self.place)
            self.stack.append(Made(None, None))
            return
        mine = resolve(module, name, self.protocol)
        outers = resolve(module, name, self.outer.protocol) if self.outer else mine
        value = Global(*mine, also=outers if outers != mine else None, serial=self.number())
        self.fact(Role.IMPORT, value)
        self.stack.append(value)

    def call(self, role: Role, target: Value, argument: Value) -> None:
        """Push the abstract result of a call or construction."""
        self.spend(breadth(argument))
        self.fact(role, target, argument)
        if not isinstance(target, UNKNOWN):
            raise Malformed("what is called can never be called", self.place)
        known: DType | Wrapper | None = None
        try:
            known = wrapped(target, argument, self.place)
        except Refused as stop:
            self.odd_array(stop, self.pos)
        made = known or Made(target if isinstance(target, Global) else None, argument)
        made.serial = self.number()
        self.stack.append(made)

    def build(self) -> None:
        """BUILD: set a state; an array wrapper's state is followed by the array."""
        state, target = self.pop(), self.top()
        self.spend(breadth(state))
        if isinstance(target, DType):
            try:
                set_dtype_state(target, state, self.spend, self.place)
            except Refused as stop:
                self.odd_array(stop, self.pos)
        elif isinstance(target, Wrapper):
            if self.outer is not None:
                raise Refused("pickle.array", "an array wrapper inside an object array", self.place)
            begin = self.pos
            try:
                array = cross_array(target, state, self, self.place)
                self.frame_end, self.limit = 0, self.end
                self.stack[-1] = self.nested() if array is None else array
                self.frame_end, self.limit = 0, self.end
                if array is not None:
                    self.arrays.append((array.start, array.length))
            except Refused as stop:
                self.odd_array(stop, begin)
        else:
            self.fact(Role.STATE, target, state)
            if isinstance(target, Made):
                target.built, target.state = target.built + 1, state
            elif not isinstance(target, UNKNOWN):
                self._state_of_constant(state)

    def odd_array(self, stop: Refused, pos: int) -> None:
        """Report what is wrong with an array, then go on at ``pos`` as a loader does that knows nothing of arrays."""
        if stop.fact not in ("pickle.array", "pickle.frame"):
            raise stop
        self.watch.find(stop.fact, stop.message, stop.offset)
        self.pos = pos

    def _state_of_constant(self, state: Value) -> None:
        """No constant takes a state; but the C loader lets None pass, and the Python loader whatever is empty."""
        parts = state.items if type(state) is Tup and len(state.items) == 2 else (state,)
        slots = parts[1:]
        in_c = parts[0] is None and all(isinstance(each, Dct) and not each.flat for each in slots)
        in_python = all(map(is_empty, parts))
        if not in_c and not in_python:
            raise Malformed("a constant is given a state", self.place)
        if in_c != in_python:
            self.differ("a constant is given a state, which only some loaders let pass")

    @abstractmethod
    def nested(self) -> Value:
        """Walk the stream that an array of objects is, on the same fuel."""
