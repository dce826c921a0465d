"""An abstract pickle machine, protocols 0 to 5: it follows the stack and the memo and makes nothing.

State: a cursor, a stack of stacks (one for each MARK), a memo, and fuel. A step reads one opcode, so at least one byte;
the cost of what a step looks at is taken from the fuel, which is linear in the file's length. Hence a walk ends, after
work proportional to the file. Where the C loader, the Python loader and joblib's loader could differ (frames, marks,
late PROTO), the stream is refused.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from typing import Final

from casemate.threats.supply_chain.pickles.arrays import cross_array, set_dtype_state, wrapped
from casemate.threats.supply_chain.pickles.cursor import Cursor
from casemate.threats.supply_chain.pickles.facts import Fact, Observe, Role
from casemate.threats.supply_chain.pickles.names import resolve
from casemate.threats.supply_chain.pickles.values import (
    Blob,
    Dct,
    DType,
    Frozen,
    Global,
    Lst,
    Made,
    Tup,
    Value,
    Wrapper,
    breadth,
)
from casemate.threats.supply_chain.stops import Malformed, Refused

LONG_BYTES = 4096
"""Bytes an integer may have; models hold none longer, and decimal conversion is quadratic."""

FUEL_PER_BYTE = 4
FUEL = 200_000


class Machine:
    """Walks one stream of a file; streams nested in object arrays get a machine of their own.

    Args:
        cursor: where the stream starts.
        observe: told every fact.
        outer: the enclosing stream's protocol, if this one is nested in an object array.
    """

    def __init__(self, cursor: Cursor, observe: Observe, *, outer: Machine | None = None) -> None:
        self.cursor = cursor
        self.observe = observe
        self.outer = outer
        self.protocol = 0
        self.steps = 0
        self.fuel = FUEL_PER_BYTE * (cursor.end - cursor.pos) + FUEL
        self.stack: list[Value] = []
        self.marks: list[list[Value]] = []
        self.memo: dict[int, Value] = {}
        self.at = cursor.pos

    def walk(self) -> Value:
        """Walk to STOP and return the abstract value of the stream.

        Raises:
            Malformed: the bytes are no pickle.
            Refused: they are one that no writer produces.
        """
        cursor, data, steps = self.cursor, self.cursor.data, STEPS
        cursor.frame_end = cursor.pos
        while True:
            self.at = cursor.take(1)
            self.steps += 1
            step = steps.get(data[self.at])
            if step is not None:
                step(self)
            elif data[self.at] == STOP:
                return self._stop()
            else:
                raise Malformed(f"0x{data[self.at]:02x} is no opcode", self.at)

    def _stop(self) -> Value:
        value = self.pop()
        if self.stack or self.marks:
            raise Refused("pickle.opcode", "values are left over when the stream stops", self.at)
        if self.cursor.inside_frame:
            raise Refused("pickle.frame", "the stream stops before its frame does", self.at)
        return value

    def spend(self, work: int) -> None:
        """Take the cost of looking at ``work`` things from the fuel."""
        self.fuel -= work
        if self.fuel < 0:
            raise Refused("pickle.bomb", "the stream repeats itself beyond what its length allows", self.at)

    def fact(self, role: Role, target: Value, argument: Value = None) -> None:
        """Report a fact about the current opcode."""
        self.observe(Fact(role, target, argument, self.at))

    def push(self, value: Value) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> Value:
        """Take the top of the stack; never through a mark."""
        if not self.stack:
            raise Malformed("the stack is empty", self.at)
        return self.stack.pop()

    def top(self) -> Value:
        """The top of the stack."""
        if not self.stack:
            raise Malformed("the stack is empty", self.at)
        return self.stack[-1]

    def since_mark(self) -> list[Value]:
        """Take everything above the last mark, and the mark."""
        if not self.marks:
            raise Malformed("there is no mark", self.at)
        items, self.stack = self.stack, self.marks.pop()
        return items

    def remember(self, index: int) -> None:
        """Store the top in the memo. A sparse index would make the C loader allocate the gap."""
        if not 0 <= index <= self.steps:
            raise Refused("pickle.bomb", f"memo index {index} after {self.steps} opcodes", self.at)
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        """Push what the memo holds."""
        if index not in self.memo:
            raise Malformed(f"the memo holds nothing at {index}", self.at)
        self.push(self.memo[index])

    def named(self, module: Value, name: Value) -> None:
        """Push an imported name."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise Refused("pickle.unresolved", "an imported name is not a constant", self.at)
        mine = resolve(module, name, self.protocol)
        outers = resolve(module, name, self.outer.protocol) if self.outer else mine
        value = Global(*mine, also=outers if outers != mine else None)
        self.fact(Role.IMPORT, value)
        self.push(value)

    def call(self, role: Role, target: Value, argument: Value) -> None:
        """Push the abstract result of a call or construction."""
        self.spend(breadth(argument))
        self.fact(role, target, argument)
        self.push(wrapped(target, argument, self.at) or Made(target if isinstance(target, Global) else None, argument))

    def build(self) -> None:
        """BUILD: set a state; an array wrapper's state is followed by the array."""
        state, target = self.pop(), self.top()
        self.spend(breadth(state))
        if isinstance(target, DType):
            set_dtype_state(target, state, self.spend, self.at)
        elif isinstance(target, Wrapper):
            if self.outer is not None:
                raise Refused("pickle.array", "an array wrapper inside an object array", self.at)
            self.stack[-1] = cross_array(target, state, self.cursor, self.at) or self._nested()
        else:
            self.fact(Role.STATE, target, state)
            if isinstance(target, Made):
                target.built, target.state = target.built + 1, state

    def _nested(self) -> Value:
        """An array of objects: a stream of its own follows, on the same fuel."""
        inner = Machine(self.cursor, self.observe, outer=self)
        inner.fuel = self.fuel
        value = inner.walk()
        self.fuel = inner.fuel
        self.cursor.frame_end = self.cursor.pos
        return value

    def fill(self, count: int, items: list[Value]) -> None:
        """APPEND, APPENDS, SETITEM, SETITEMS, ADDITEMS: ``count`` is 1 for lists and sets, 2 for dictionaries."""
        target = self.top()
        self.spend(len(items))
        if count == 2:
            if len(items) % 2:
                raise Malformed("a key without a value", self.at)
            pairs = list(zip(items[::2], items[1::2], strict=True))
            if isinstance(target, Dct):
                self.keys(items[::2])
                target.pairs.extend(pairs)
            else:
                self.fact(Role.FILL, target, Dct(pairs))
        elif isinstance(target, Lst):
            if target.of == "set":
                self.keys(items)
            target.items.extend(items)
        else:
            self.fact(Role.FILL, target, Lst("list", items))

    def keys(self, keys: list[Value]) -> None:
        """Report what a loader would hash."""
        for key in keys:
            if not isinstance(key, str | int | float | None):
                self.fact(Role.KEY, key)


def _text(raw: bytes, encoding: str, at: int, errors: str = "strict") -> str:
    try:
        return raw.decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise Malformed(f"text is not {encoding}", at) from error


def _decimal(raw: bytes, at: int) -> int:
    body = raw[1:] if raw[:1] == b"-" else raw
    if not body.isdigit() or len(body) > LONG_BYTES:
        raise Malformed("not a decimal number", at)
    return int(raw)


def _proto(m: Machine) -> None:
    version = m.cursor.unsigned(1)
    if m.steps != 1:
        raise Refused("pickle.opcode", "the protocol is announced in the middle of the stream", m.at)
    if version > 5:
        raise Malformed(f"pickle protocol {version} does not exist", m.at)
    m.protocol = version


def _frame(m: Machine) -> None:
    if m.protocol < 4:
        raise Refused("pickle.frame", f"a frame in protocol {m.protocol}", m.at)
    m.cursor.enter_frame(m.cursor.unsigned(8))


def _int(m: Machine) -> None:
    line = m.cursor.line()
    m.push({b"00": False, b"01": True}[line] if line in (b"00", b"01") else _decimal(line, m.at))


def _long_text(m: Machine) -> None:
    m.push(_decimal(m.cursor.line().removesuffix(b"L"), m.at))


def _long(width: int) -> Callable[[Machine], None]:
    def step(m: Machine) -> None:
        length = m.cursor.unsigned(width)
        if length > LONG_BYTES:
            raise Refused("pickle.bomb", f"an integer of {length} bytes", m.at)
        m.push(int.from_bytes(m.cursor.raw(length), "little", signed=True))

    return step


def _float_text(m: Machine) -> None:
    try:
        m.push(float(m.cursor.line()))
    except ValueError as error:
        raise Malformed("not a number", m.at) from error


def _unicode_text(m: Machine) -> None:
    m.push(_text(m.cursor.line(), "raw-unicode-escape", m.at))


def _string_text(m: Machine) -> None:
    line = m.cursor.line()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise Malformed("a string without quotes", m.at)
    try:
        m.push(_text(codecs.escape_decode(line[1:-1])[0], "ascii", m.at))
    except ValueError as error:
        raise Malformed("a string with a bad escape", m.at) from error


def _string(width: int) -> Callable[[Machine], None]:
    return lambda m: m.push(_text(m.cursor.raw(m.cursor.unsigned(width)), "ascii", m.at))


def _unicode(width: int) -> Callable[[Machine], None]:
    return lambda m: m.push(_text(m.cursor.raw(m.cursor.unsigned(width)), "utf-8", m.at, "surrogatepass"))


def _bytes(width: int) -> Callable[[Machine], None]:
    def step(m: Machine) -> None:
        length = m.cursor.unsigned(width)
        m.push(Blob(m.cursor.data, m.cursor.take(length), length))

    return step


def _global(m: Machine) -> None:
    module = _text(m.cursor.line(), "utf-8", m.at)
    m.named(module, _text(m.cursor.line(), "utf-8", m.at))


def _stack_global(m: Machine) -> None:
    name = m.pop()
    m.named(m.pop(), name)


def _inst(m: Machine) -> None:
    module = _text(m.cursor.line(), "ascii", m.at)
    m.named(module, _text(m.cursor.line(), "ascii", m.at))
    _legacy(m)


def _legacy(m: Machine) -> None:
    raise Refused("pickle.opcode", f"opcode 0x{m.cursor.data[m.at]:02x} reaches what a scan cannot see", m.at)


def _persistent(m: Machine) -> None:
    m.cursor.line()
    _legacy(m)


def _reduce(m: Machine) -> None:
    arguments = m.pop()
    m.call(Role.CALL, m.pop(), arguments)


def _newobj(m: Machine) -> None:
    arguments = m.pop()
    m.call(Role.CONSTRUCT, m.pop(), arguments)


def _newobj_ex(m: Machine) -> None:
    keywords, arguments = m.pop(), m.pop()
    if not isinstance(arguments, Tup) or not isinstance(keywords, Dct):
        raise Malformed("arguments are no tuple and dictionary", m.at)
    extra = (keywords,) if keywords.pairs else ()
    m.call(Role.CONSTRUCT, m.pop(), Tup((*arguments.items, *extra)))


def _tuple(count: int) -> Callable[[Machine], None]:
    def step(m: Machine) -> None:
        if len(m.stack) < count:
            raise Malformed("the stack is empty", m.at)
        items = m.stack[-count:]
        del m.stack[-count:]
        m.push(Tup(items))

    return step


def _dict(m: Machine) -> None:
    items = m.since_mark()
    m.push(Dct([]))
    m.fill(2, items)


def _frozenset(m: Machine) -> None:
    items = m.since_mark()
    m.keys(items)
    m.push(Frozen(items))


def _mark(m: Machine) -> None:
    m.marks.append(m.stack)
    m.stack = []


def _pop(m: Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.since_mark()


def _pop_mark(m: Machine) -> None:
    m.since_mark()


def _setitem(m: Machine) -> None:
    value = m.pop()
    m.fill(2, [m.pop(), value])


def _binfloat(m: Machine) -> None:
    m.push(struct.unpack(">d", m.cursor.raw(8))[0])


STOP: Final = ord(".")

STEPS: Final[dict[int, Callable[[Machine], None]]] = {
    0x80: _proto,
    0x95: _frame,
    # numbers and constants
    ord("N"): lambda m: m.push(None),
    0x88: lambda m: m.push(True),
    0x89: lambda m: m.push(False),
    ord("I"): _int,
    ord("J"): lambda m: m.push(m.cursor.signed(4)),
    ord("K"): lambda m: m.push(m.cursor.unsigned(1)),
    ord("M"): lambda m: m.push(m.cursor.unsigned(2)),
    ord("L"): _long_text,
    0x8A: _long(1),
    0x8B: _long(4),
    ord("F"): _float_text,
    ord("G"): _binfloat,
    # text and bytes
    ord("S"): _string_text,
    ord("T"): _string(4),
    ord("U"): _string(1),
    ord("V"): _unicode_text,
    ord("X"): _unicode(4),
    0x8C: _unicode(1),
    0x8D: _unicode(8),
    ord("B"): _bytes(4),
    ord("C"): _bytes(1),
    0x8E: _bytes(8),
    0x96: _bytes(8),
    # containers
    ord(")"): lambda m: m.push(Tup(())),
    ord("t"): lambda m: m.push(Tup(m.since_mark())),
    0x85: _tuple(1),
    0x86: _tuple(2),
    0x87: _tuple(3),
    ord("]"): lambda m: m.push(Lst("list", [])),
    ord("l"): lambda m: m.push(Lst("list", m.since_mark())),
    ord("}"): lambda m: m.push(Dct([])),
    ord("d"): _dict,
    0x8F: lambda m: m.push(Lst("set", [])),
    0x91: _frozenset,
    ord("a"): lambda m: m.fill(1, [m.pop()]),
    ord("e"): lambda m: m.fill(1, m.since_mark()),
    ord("s"): _setitem,
    ord("u"): lambda m: m.fill(2, m.since_mark()),
    0x90: lambda m: m.fill(1, m.since_mark()),
    # stack and memo
    ord("("): _mark,
    ord("0"): _pop,
    ord("1"): _pop_mark,
    ord("2"): lambda m: m.push(m.top()),
    ord("p"): lambda m: m.remember(_decimal(m.cursor.line(), m.at)),
    ord("q"): lambda m: m.remember(m.cursor.unsigned(1)),
    ord("r"): lambda m: m.remember(m.cursor.unsigned(4)),
    0x94: lambda m: m.remember(len(m.memo)),
    ord("g"): lambda m: m.recall(_decimal(m.cursor.line(), m.at)),
    ord("h"): lambda m: m.recall(m.cursor.unsigned(1)),
    ord("j"): lambda m: m.recall(m.cursor.unsigned(4)),
    # names, calls, states
    ord("c"): _global,
    0x93: _stack_global,
    ord("R"): _reduce,
    0x81: _newobj,
    0x92: _newobj_ex,
    ord("b"): Machine.build,
    # what no model needs
    ord("i"): _inst,
    ord("o"): _legacy,
    ord("P"): _persistent,
    ord("Q"): _legacy,
    0x82: _legacy,
    0x83: _legacy,
    0x84: _legacy,
    0x97: _legacy,
    0x98: _legacy,
}
