"""An abstract pickle machine, protocols 0 to 5: it follows the stack and the memo and makes nothing.

State: a position, a stack of stacks (one for each MARK), a memo, and fuel. A step reads one opcode, so at least one
byte; the cost of what a step looks at is taken from the fuel, which is linear in the stream's length. Hence a walk
ends, after work proportional to the file.

The walk goes on wherever the C loader or the Python loader of any version would, and sees what either of them would do.
Where they differ (frames, lines without an end, arguments that are no tuple), that is a finding of its own. The opcodes
that make up nearly all of a large pickle are followed in ``walk``, in the order of their frequency; the others in
``steps``. Where each begins is checked in one comparison, at the top: a read past the end is seen there, before
anything follows from it.
"""

from __future__ import annotations

import struct
from typing import Final

from casemate.threats.supply_chain.pickles.fills import append_all, set_all
from casemate.threats.supply_chain.pickles.state import State
from casemate.threats.supply_chain.pickles.steps import STEPS
from casemate.threats.supply_chain.pickles.values import (
    PLAIN,
    Dct,
    Lst,
    Tup,
    Value,
)
from casemate.threats.supply_chain.stops import Malformed

FUEL_PER_BYTE: Final = 4
FUEL: Final = 200_000
LONG_TEXT: Final = 1 << 16
"""Bytes from which text is not kept but only checked."""

_RARE: Final = {op: step for op, step in STEPS.items() if op not in b"pgI"}
"""Those without a shorter way in ``walk``."""

_I4: Final = struct.Struct("<i").unpack_from
_U4: Final = struct.Struct("<I").unpack_from
_U2: Final = struct.Struct("<H").unpack_from
_F8: Final = struct.Struct(">d").unpack_from


class Machine(State):
    """Walks one stream of a view; streams nested in object arrays get a machine of their own."""

    def walk(self) -> Value:
        """Walk to STOP and return the abstract value of the stream.

        Raises:
            Malformed: no loader goes on here; what the stream did before was reported.
            Refused: going on would cost more than the stream's length allows.
        """
        try:
            return self._walk()
        except Malformed:
            self.crossing(self.pos)
            raise
        except (IndexError, struct.error) as error:
            short = self.pos >= self.end
            self.crossing(self.pos + 8)
            raise Malformed("the data ends" if short else "the stack is empty", self.place) from error
        except KeyError as error:
            raise Malformed("the memo holds nothing there", self.place) from error

    def _walk(self) -> Value:  # noqa: PLR0915 - one loop, so that its variables are local
        data, stack, marks, memo = self.data, self.stack, self.marks, self.memo
        rare, pos, limit, at = _RARE, self.pos, self.limit, self.pos
        begin, end = self.begin, self.end
        try:
            while True:
                if pos >= limit:
                    limit = self.edge(at, pos)
                at = pos
                op = data[pos]
                pos += 1
                if op == 0x94:  # MEMOIZE
                    memo[len(memo)] = stack[-1]
                elif op == 0x8C:  # SHORT_BINUNICODE
                    stop = pos + 1 + data[pos]
                    try:
                        stack.append(data[pos + 1 : stop].decode())
                    except UnicodeDecodeError:
                        stack.append(self.surrogates(at, pos + 1, stop))
                    pos = stop
                    if pos < limit and data[pos] == 0x94:
                        memo[len(memo)] = stack[-1]
                        pos += 1
                elif op == 0x4B:  # BININT1
                    stack.append(data[pos])
                    pos += 1
                elif op == 0x68:  # BINGET
                    stack.append(memo[data[pos]])
                    pos += 1
                elif op == 0x58:  # BINUNICODE
                    size = _U4(data, pos)[0]
                    stop = pos + 4 + size
                    if size >= LONG_TEXT:
                        stack.append(self.long_text(at, pos + 4, size))
                    else:
                        try:
                            stack.append(data[pos + 4 : stop].decode())
                        except UnicodeDecodeError:
                            stack.append(self.surrogates(at, pos + 4, stop))
                    pos = stop
                elif op == 0x71:  # BINPUT
                    memo[data[pos]] = stack[-1]
                    pos += 1
                elif op == 0x72:  # LONG_BINPUT
                    index = _U4(data, pos)[0]
                    if index > pos - begin:
                        self.at = at
                        self.sparse(index)
                    memo[index] = stack[-1]
                    pos += 4
                elif op in rare:  # behind what is frequent in all pickles, before what is so in dense ones only
                    self.at, self.pos, self.stack, self.limit = at, pos, stack, limit
                    rare[op](self)
                    pos, stack, limit = self.pos, self.stack, self.limit
                elif op == 0x4A:  # BININT
                    stack.append(_I4(data, pos)[0])
                    pos += 4
                elif op == 0x4D:  # BININT2
                    stack.append(_U2(data, pos)[0])
                    pos += 2
                elif op == 0x47:  # BINFLOAT
                    stack.append(_F8(data, pos)[0])
                    pos += 8
                elif op == 0x6A:  # LONG_BINGET
                    stack.append(memo[_U4(data, pos)[0]])
                    pos += 4
                elif op == 0x28:  # MARK
                    marks.append(stack)
                    stack = []
                elif op == 0x86:  # TUPLE2
                    second = stack.pop()
                    stack[-1] = Tup((stack[-1], second))
                elif op == 0x4E:  # NONE
                    stack.append(None)
                elif op == 0x75:  # SETITEMS
                    items = stack
                    stack = marks.pop()
                    target = stack[-1]
                    if type(target) is Dct and not len(items) % 2 and PLAIN.issuperset(map(type, items[::2])):
                        target.flat += items
                    else:
                        self.at = at
                        set_all(self, target, items)
                elif op == 0x65:  # APPENDS
                    items = stack
                    stack = marks.pop()
                    target = stack[-1]
                    if type(target) is Lst and target.of == "list":
                        target.items += items
                    else:
                        self.at = at
                        append_all(self, target, items, several=True)
                elif op == 0x5D:  # EMPTY_LIST
                    stack.append(Lst("list", []))
                elif op == 0x7D:  # EMPTY_DICT
                    stack.append(Dct([]))
                elif op == 0x85:  # TUPLE1
                    stack[-1] = Tup((stack[-1],))
                elif op == 0x88:  # NEWTRUE
                    stack.append(True)
                elif op == 0x89:  # NEWFALSE
                    stack.append(False)
                elif op == 0x74:  # TUPLE
                    items = stack
                    stack = marks.pop()
                    stack.append(Tup(items))
                elif op == 0x61:  # APPEND
                    second = stack.pop()
                    target = stack[-1]
                    if type(target) is Lst and target.of == "list":
                        target.items.append(second)
                    else:
                        self.at = at
                        append_all(self, target, [second], several=False)
                elif op == 0x73:  # SETITEM
                    second, key = stack.pop(), stack.pop()
                    target = stack[-1]
                    if type(target) is Dct and type(key) in PLAIN:
                        target.flat += (key, second)
                    else:
                        self.at = at
                        set_all(self, target, [key, second])
                elif op in (0x70, 0x67, 0x49):  # PUT, GET, INT
                    stop = data.find(b"\n", pos, end)
                    line = data[pos:stop] if pos < stop < pos + 11 else b""
                    if line.isdigit() and (op != 0x49 or line[0] != 0x30):
                        index = int(line)
                        if op == 0x49:
                            stack.append(index)
                        elif op == 0x67:
                            stack.append(memo[index])
                        else:
                            if index > pos - begin:
                                self.at = at
                                self.sparse(index)
                            memo[index] = stack[-1]
                        pos = stop + 1
                    else:
                        self.at, self.pos, self.stack, self.limit = at, pos, stack, limit
                        STEPS[op](self)
                        pos, stack, limit = self.pos, self.stack, self.limit
                elif op == 0x2E:  # STOP
                    self.at, self.pos, self.stack = at, pos, stack
                    return self._stop()
                else:
                    self.at = at
                    raise Malformed(f"0x{op:02x} is no opcode", self.place)
        except (IndexError, KeyError, struct.error):
            self.at, self.pos = at, pos
            raise

    def _stop(self) -> Value:
        value = self.pop()
        if self.stack or self.marks:
            self.watch.find("pickle.opcode", "values are left over when the stream stops", self.place)
        if self.cut:
            self.watch.find("pickle.frame", "a frame is longer than the file, which has an end", self.place)
        if self.pos < self.frame_end:
            self.watch.find("pickle.frame", "the stream stops before its frame does", self.place)
        return value

    def nested(self) -> Value:
        """An array of objects: a stream of its own follows, on the same fuel."""
        inner = Machine(self.window, self.watch, self.pos - self.window.start, outer=self)
        inner.fuel, inner.serial = self.fuel, self.serial
        try:
            return inner.walk()
        finally:
            self.fuel, self.serial, self.pos = inner.fuel, inner.serial, inner.pos
