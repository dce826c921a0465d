"""The opcodes that are rare in a large pickle, one function each; see ``machine`` for the frequent ones.

Each knows where the C loader and the Python loader part ways, says so (``differ``), and follows the one that goes on.
"""

from __future__ import annotations

import codecs
import contextlib
import math
import re
from collections.abc import Callable
from typing import Final

from casemate.threats.supply_chain.pickles.facts import Role
from casemate.threats.supply_chain.pickles.fills import add_all, hash_all, set_all
from casemate.threats.supply_chain.pickles.state import State
from casemate.threats.supply_chain.pickles.values import (
    Blob,
    Dct,
    Frozen,
    Global,
    Lst,
    Made,
    Persistent,
    Tup,
    Value,
    can_hash,
)
from casemate.threats.supply_chain.stops import Malformed, Refused

LONG_BYTES: Final = 4096
"""Bytes an integer may have; models hold none longer, and decimal conversion is quadratic."""

_NUMBER: Final = re.compile(rb"0|-?[1-9][0-9]*")
_INDEX: Final = re.compile(rb"[0-9]+")
_FLOAT: Final = re.compile(rb"-?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,3})?|inf|nan)")


def _text(m: State, raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise Malformed(f"text is not {encoding}", m.place) from error


def _decimal(m: State, raw: bytes, base: int, usual: re.Pattern[bytes] = _NUMBER) -> int:
    """A number as text. Python's two loaders read unusual spellings by different functions."""
    if len(raw) > LONG_BYTES:
        raise Refused("pickle.bomb", f"an integer of {len(raw)} digits", m.place)
    if usual.fullmatch(raw):
        return int(raw)
    m.differ("a number is spelled in a way that loaders read differently")
    for spelled, radix in ((raw, base), (raw.partition(b"\0")[0], base), (raw.partition(b"\0")[0], 8)):
        with contextlib.suppress(ValueError):
            return int(spelled, radix)
    raise Malformed("not a decimal number", m.place)


def _proto(m: State) -> None:
    version = m.unsigned(1)
    if version > 5:
        raise Malformed(f"pickle protocol {version} does not exist", m.place)
    if m.at != m.begin:
        m.watch.find("pickle.opcode", "the protocol is announced in the middle of the stream", m.place)
    m.known.add(m.at)
    m.protocol = version


def _frame(m: State) -> None:
    size = m.unsigned(8)
    if m.protocol < 4:
        m.watch.find("pickle.frame", f"a frame in protocol {m.protocol}", m.place)
    m.enter_frame(size)


def _int(m: State) -> None:
    line = m.line()
    m.stack.append({b"00": False, b"01": True}[line] if line in (b"00", b"01") else _decimal(m, line, 0))


def _long_text(m: State) -> None:
    m.stack.append(_decimal(m, m.line().removesuffix(b"L"), 0))


def _long(width: int) -> Callable[[State], None]:
    def step(m: State) -> None:
        length = m.signed(width) if width == 4 else m.unsigned(width)
        if length < 0:
            raise Malformed("an integer of negative length", m.place)
        if length > m.end - m.pos and not m.protocol:  # without a header: rather no pickle than a bomb
            raise Malformed("an integer runs past the end of the data", m.place)
        if length > LONG_BYTES:
            raise Refused("pickle.bomb", f"an integer of {length} bytes", m.place)
        m.stack.append(int.from_bytes(m.raw(length), "little", signed=True))

    return step


def _float_text(m: State) -> None:
    line = m.line()
    try:
        value = float(line.partition(b"\0")[0])
    except ValueError as error:
        raise Malformed("not a number", m.place) from error
    if not _FLOAT.fullmatch(line) or (math.isinf(value) and b"inf" not in line):
        m.differ("a number is spelled in a way that loaders read differently")
    m.stack.append(value)


def _unicode_text(m: State) -> None:
    m.stack.append(_text(m, m.line(), "raw-unicode-escape"))


def _old(m: State, raw: bytes) -> None:
    """A string of Python 2: text if it is ASCII; else bytes, which loads only where the program names an encoding."""
    if raw.isascii():
        m.stack.append(raw.decode("ascii"))
    else:
        m.watch.find("pickle.python2", "a string of Python 2 is not ASCII", m.place)
        m.stack.append(raw.decode("latin-1"))


def _string_text(m: State) -> None:
    line = m.line()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise Malformed("a string without quotes", m.place)
    try:
        raw = codecs.escape_decode(line[1:-1])[0]
    except ValueError as error:
        raise Malformed("a string with a bad escape", m.place) from error
    _old(m, raw)


def _string(width: int) -> Callable[[State], None]:
    def step(m: State) -> None:
        length = m.signed(width) if width == 4 else m.unsigned(width)
        if length < 0:
            raise Malformed("a string of negative length", m.place)
        _old(m, m.raw(length))

    return step


def _unicode8(m: State) -> None:
    size = m.unsigned(8)
    if size >= 1 << 16:
        m.stack.append(m.long_text(m.at, m.pos, size))
        m.pos += size
    else:
        start = m.take(size)
        m.stack.append(m.surrogates(m.at, start, m.pos))


def _bytes(width: int, kind: str = "bytes") -> Callable[[State], None]:
    def step(m: State) -> None:
        length = m.unsigned(width)
        blob = Blob(m.data, m.take(length), length, kind)
        if length >= 16:
            m.blobs.append(blob)
        m.stack.append(blob)

    return step


def _global(m: State) -> None:
    m.known.add(m.at)
    module, name = m.line(), m.line()
    if not module or not name:
        m.differ("an imported name is empty, which only some loaders let pass")
    m.named(_text(m, module, "utf-8"), _text(m, name, "utf-8"))


def _stack_global(m: State) -> None:
    name = m.pop()
    m.named(m.pop(), name)


def _inst(m: State) -> None:
    module, name = m.line(), m.line()
    m.watch.find("pickle.opcode", "INST, which no writer of today uses", m.place)
    if not module or not name:
        m.differ("an imported name is empty, which only some loaders let pass")
    if not m.marks:
        m.differ("a class is imported to be made of nothing, which only some loaders do")
    m.named(_text(m, module, "ascii"), _text(m, name, "ascii"))
    target = m.pop()
    items = m.since_mark()
    m.call(Role.INSTANTIATE, target, Tup(items))


def _obj(m: State) -> None:
    m.watch.find("pickle.opcode", "OBJ, which no writer of today uses", m.place)
    items = m.since_mark()
    if not items:
        raise Malformed("there is nothing to be made", m.place)
    m.call(Role.INSTANTIATE, items[0], Tup(items[1:]))


def _persist(m: State, key: Value) -> None:
    m.fact(Role.PERSISTENT, None, key)
    serial = m.number()
    if type(key) is Tup and len(key.items) == 4 and key.items[0] == "module" and isinstance(key.items[1], Global):
        m.stack.append(key.items[1])  # torch's legacy files name a class so, with its source beside it
    else:
        m.stack.append(Persistent(key, serial))


def _extension(width: int) -> Callable[[State], None]:
    def step(m: State) -> None:
        code = m.signed(width) if width == 4 else m.unsigned(width)
        m.watch.find(
            "pickle.extension", f"extension code {code} stands for a name that the file does not hold", m.place
        )
        if code <= 0:
            raise Malformed("an extension code is not positive", m.place)
        m.stack.append(Made(None, None, m.number()))

    return step


def _next_buffer(m: State) -> None:
    m.watch.find("pickle.opcode", "a buffer is expected from outside of the file", m.place)
    m.stack.append(Made(None, None, m.number()))


def _readonly(m: State) -> None:
    m.watch.find("pickle.opcode", "a buffer is made read-only", m.place)
    target = m.top()
    if isinstance(target, Blob) and target.kind == "bytearray":
        m.stack[-1] = Blob(target.data, target.start, target.length, "memory")
    elif not isinstance(target, Blob | Made | Persistent) or (isinstance(target, Blob) and target.kind == "text"):
        raise Malformed("what is made read-only is no buffer", m.place)


def _arguments(m: State, value: Value) -> Value:
    """A tuple stays as it is. The Python loader unpacks other things too; the C loader stops."""
    if type(value) is Tup:
        return value
    m.differ("arguments are no tuple, which only some loaders let pass")
    if isinstance(value, Lst | Frozen):
        return Tup(value.items)
    if isinstance(value, Dct):
        return Tup(value.keys)
    if isinstance(value, str):
        return Tup(value[:LONG_BYTES])
    if isinstance(value, Blob | Made | Persistent):
        return None
    raise Malformed("arguments are no tuple", m.place)


def _reduce(m: State) -> None:
    arguments, target = m.pop(), m.pop()
    m.call(Role.CALL, target, _arguments(m, arguments))


def _construct(m: State, target: Value, arguments: Value) -> None:
    if not isinstance(target, Global):
        m.differ("what is constructed is no class, which only some loaders let pass")
    m.call(Role.CONSTRUCT, target, arguments)


def _newobj(m: State) -> None:
    arguments, target = m.pop(), m.pop()
    _construct(m, target, _arguments(m, arguments))


def _newobj_ex(m: State) -> None:
    keywords, arguments, target = m.pop(), _arguments(m, m.pop()), m.pop()
    if not isinstance(keywords, Dct) or not all(isinstance(key, str) for key in keywords.keys):
        m.differ("keyword arguments are no dictionary of text, which only some loaders let pass")
        if not isinstance(keywords, Dct | Made | Persistent):
            raise Malformed("keyword arguments are no dictionary", m.place)
    if isinstance(arguments, Tup) and (not isinstance(keywords, Dct) or keywords.flat):
        arguments = Tup((*arguments.items, keywords))
    _construct(m, target, arguments)


def _tuple3(m: State) -> None:
    if len(m.stack) < 3:
        raise Malformed("the stack is empty", m.place)
    m.stack[-3:] = [Tup(m.stack[-3:])]


def _list(m: State) -> None:
    items = m.since_mark()
    m.stack.append(Lst("list", items))


def _dict(m: State) -> None:
    items = m.since_mark()
    if len(items) % 2:
        raise Malformed("a key without a value", m.place)
    m.stack.append(Dct([]))
    set_all(m, m.stack[-1], items)


def _frozenset(m: State) -> None:
    items = m.since_mark()
    if not all(map(can_hash, items)):
        raise Malformed("a key cannot be hashed", m.place)
    hash_all(m, items)
    m.stack.append(Frozen(items))


def _pop(m: State) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.since_mark()


def _pop_mark(m: State) -> None:
    m.since_mark()


def _additems(m: State) -> None:
    items = m.since_mark()
    add_all(m, m.top(), items)


def _put(m: State) -> None:
    index = _decimal(m, m.line(), 10, _INDEX)
    if index < 0:
        raise Malformed("a memo index is negative", m.place)
    if index > m.pos - m.begin:
        m.sparse(index)
    m.memo[index] = m.top()


def _get(m: State) -> None:
    m.stack.append(m.memo[_decimal(m, m.line(), 10, _INDEX)])


STEPS: Final[dict[int, Callable[[State], None]]] = {
    0x80: _proto,
    0x95: _frame,
    # numbers, text, bytes
    ord("I"): _int,
    ord("L"): _long_text,
    0x8A: _long(1),
    0x8B: _long(4),
    ord("F"): _float_text,
    ord("S"): _string_text,
    ord("T"): _string(4),
    ord("U"): _string(1),
    ord("V"): _unicode_text,
    0x8D: _unicode8,
    ord("B"): _bytes(4),
    ord("C"): _bytes(1),
    0x8E: _bytes(8),
    0x96: _bytes(8, "bytearray"),
    # containers
    ord(")"): lambda m: m.stack.append(Tup(())),
    0x87: _tuple3,
    ord("l"): _list,
    ord("d"): _dict,
    0x8F: lambda m: m.stack.append(Lst("set", [])),
    0x91: _frozenset,
    0x90: _additems,
    # stack and memo
    ord("0"): _pop,
    ord("1"): _pop_mark,
    ord("2"): lambda m: m.stack.append(m.top()),
    ord("p"): _put,
    ord("g"): _get,
    # names, calls, states
    ord("c"): _global,
    0x93: _stack_global,
    ord("R"): _reduce,
    0x81: _newobj,
    0x92: _newobj_ex,
    ord("b"): lambda m: m.build(),
    ord("i"): _inst,
    ord("o"): _obj,
    # what the file does not hold
    ord("P"): lambda m: _persist(m, _text(m, m.line(), "ascii")),
    ord("Q"): lambda m: _persist(m, m.pop()),
    0x82: _extension(1),
    0x83: _extension(2),
    0x84: _extension(4),
    0x97: _next_buffer,
    0x98: _readonly,
}
"""Steps by opcode."""
