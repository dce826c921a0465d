"""Pickle streams by the thousand: from a grammar that keeps track of the stack, then mutated. All names are stubs'."""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Callable

NAMES = tuple((f"stub_{module}", f"Stub{name}") for module in "ab" for name in "XYZ")
TEXTS = ("", "a", "Zeile", "\u00e4\u20ac", "\ud800", "0", "x" * 40)
NUMBERS = (0, 1, 2, 7, 255, 256, 65535, -1, 1 << 31, -(1 << 31), (1 << 31) - 1, 1 << 40)
ODD_NUMBERS = (
    b"0x10",
    b"1_0",
    b" 7",
    b"+5",
    b"010",
    b"7\0x",
    b"1e3",
    b"",
    b"-",
    b"-0",
    b"00",
    b"01",
    b"12L",
    b"9" * 30,
)
ODD_FLOATS = (b"1e999", b"1_0.5", b" 2.5", b"nan", b"inf", b"-inf", b"1.5\0", b".5", b"5.", b"", b"1e-5", b"x")

HASHABLE = "nisbtzco"
"""None, number, text, bytes, tuple, frozenset, class, object. The others: u tuple, l list, d dictionary, e set,
y bytearray, v memory view."""


Rng = random.Random


def _sized(form: str, pick: Callable[[Rng], bytes]) -> Callable[[Rng], bytes]:
    def spell(rng: Rng) -> bytes:
        raw = pick(rng)
        return struct.pack(form, len(raw)) + raw

    return spell


def _line(*usual: bytes, odd: tuple[bytes, ...] = (), often: float = 0.05) -> Callable[[Rng], bytes]:
    return lambda rng: rng.choice(odd if odd and rng.random() < often else usual) + b"\n"


def _raw(rng: Rng) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 3, 20)))


def _old(rng: Rng) -> bytes:
    return rng.choice((b"", b"abc", b"\xe9", b"x y"))


def _utf(rng: Rng) -> bytes:
    return rng.choice(TEXTS).encode("utf-8", "surrogatepass")


def _nothing(rng: Rng) -> bytes:
    return b""


DECIMALS = tuple(b"%d" % n for n in NUMBERS)
ODD_STRINGS = (b"'a\\n'", b'"b"', b"'\\xe9'", b"'\\x4'", b"'", b"'a\"", b"c")
SCALARS = (
    *((code, "i") for code in b"\x88\x89ILJKM\x8a\x8bFG"), *((code, "s") for code in b"STUVX\x8c\x8d"),
    *((code, "b") for code in b"BC\x8e"), (0x4E, "n"), (0x96, "y"), (0x29, "t"), (0x5D, "l"), (0x7D, "d"), (0x8F, "e"),
)  # fmt: skip
SPELL: dict[int, Callable[[Rng], bytes]] = {
    **dict.fromkeys(b"\x88\x89N)]}\x8f", _nothing),
    0x49: _line(*DECIMALS, odd=ODD_NUMBERS), 0x4C: _line(*DECIMALS, *(n + b"L" for n in DECIMALS), odd=ODD_NUMBERS),
    0x4A: lambda rng: struct.pack("<i", max(min(rng.choice(NUMBERS), (1 << 31) - 1), -(1 << 31))),
    0x4B: lambda rng: bytes([rng.randrange(256)]), 0x4D: lambda rng: rng.randbytes(2),
    0x8A: _sized("<B", _raw), 0x8B: _sized("<i", _raw),
    0x46: _line(b"1.5", b"-0.25", b"6.02e+23", b"1e-07", odd=ODD_FLOATS),
    0x47: lambda rng: struct.pack(">d", rng.uniform(-9, 9)),
    0x53: _line(b"'ab'", b"''", odd=ODD_STRINGS, often=0.3), 0x54: _sized("<i", _old), 0x55: _sized("<B", _old),
    0x56: _line(b"abc", b"\\u20ac", b"\xe9", b""), 0x58: _sized("<I", _utf), 0x8C: _sized("<B", _utf),
    0x8D: _sized("<Q", _utf), 0x42: _sized("<I", _raw), 0x43: _sized("<B", _raw), 0x8E: _sized("<Q", _raw),
    0x96: _sized("<Q", _raw),
}  # fmt: skip
"""How the argument of each opcode that pushes a constant is spelled."""


class Grammar:
    """Writes one stream; ``kinds`` is what lies on the stack, ``marks`` the stacks below."""

    def __init__(self, rng: random.Random, used: Counter[int]) -> None:
        self.rng = rng
        self.used = used
        self.parts: list[bytes] = []
        self.kinds: list[str] = []
        self.marks: list[list[str]] = []
        self.memo: dict[int, str] = {}
        self.proto = 0

    def op(self, code: int, argument: bytes = b"", *kinds: str) -> None:
        self.used[code] += 1
        self.parts.append(bytes([code]) + argument)
        self.kinds.extend(kinds)

    def scalar(self) -> None:
        code, kind = self.rng.choice(SCALARS)
        self.op(code, SPELL[code](self.rng), kind)

    def named(self) -> None:
        module, name = self.rng.choice(NAMES)
        if self.rng.random() < 0.5:
            self.op(0x63, f"{module}\n{name}\n".encode(), "c")
        else:
            for text in (module, name):
                raw = text.encode()
                self.op(0x8C, bytes([len(raw)]) + raw, "s")
            del self.kinds[-2:]
            self.op(0x93, b"", "c")

    def many(self, most: int = 3) -> None:
        """A mark with values above it."""
        self.op(0x28)
        self.marks.append(self.kinds)
        self.kinds = []
        for _ in range(self.rng.randrange(most + 1)):
            self.value()

    def close(self) -> list[str]:
        items, self.kinds = self.kinds, self.marks.pop()
        return items

    def tuple_kind(self, items: list[str]) -> str:
        return "t" if all(kind in HASHABLE for kind in items) else "u"

    def pack(self) -> None:
        """A tuple, list, dictionary, set, object from a mark."""
        pick = self.rng.random()
        if pick < 0.25:
            self.many()
            self.op(0x74, b"", self.tuple_kind(self.close()))
        elif pick < 0.4:
            self.many()
            self.close()
            self.op(0x6C, b"", "l")
        elif pick < 0.5:
            self.pairs()
            self.close()
            self.op(0x64, b"", "d")
        elif pick < 0.6:
            self.hashed()
            self.close()
            self.op(0x91, b"", "z")
        elif pick < 0.7:
            self.many(2)
            self.close()
            module, name = self.rng.choice(NAMES)
            self.op(0x69, f"{module}\n{name}\n".encode(), "o")
        elif pick < 0.8:
            self.op(0x28)
            self.marks.append(self.kinds)
            self.kinds = []
            self.named()
            for _ in range(self.rng.randrange(3)):
                self.value()
            self.close()
            self.op(0x6F, b"", "o")
        else:
            count = self.rng.choice((1, 2, 3))
            for _ in range(count):
                self.value()
            items = self.kinds[-count:]
            del self.kinds[-count:]
            self.op(0x84 + count, b"", self.tuple_kind(items))

    def pairs(self) -> None:
        self.op(0x28)
        self.marks.append(self.kinds)
        self.kinds = []
        for _ in range(self.rng.randrange(3)):
            self.key()
            self.value()

    def hashed(self) -> None:
        self.op(0x28)
        self.marks.append(self.kinds)
        self.kinds = []
        for _ in range(self.rng.randrange(3)):
            self.key()

    def key(self) -> None:
        self.value()
        while self.kinds[-1] not in HASHABLE and self.rng.random() > 0.02:
            self.op(0x30)
            self.kinds.pop()
            self.scalar()

    def value(self) -> None:
        pick = self.rng.random()
        if len(self.parts) > 60 or pick < 0.55:
            self.scalar()
        elif pick < 0.65:
            self.named()
        elif pick < 0.8:
            self.pack()
        elif pick < 0.95:
            self.made()
        else:
            self.recall()

    def recall(self) -> None:
        if not self.memo:
            return self.scalar()
        index = self.rng.choice(list(self.memo))
        code = self.rng.choice((0x67, 0x6A, *((0x68,) if index < 256 else ())))
        argument = {0x67: b"%d\n" % index, 0x68: bytes([index & 255]), 0x6A: struct.pack("<I", index)}[code]
        return self.op(code, argument, self.memo[index])

    def made(self) -> None:
        """An object by one of the ways to make one."""
        pick = self.rng.random()
        if pick < 0.2:
            self.op(0x50, b"key\n", "o")
            return
        if pick < 0.35:
            self.value()
            self.kinds.pop()
            self.op(0x51, b"", "o")
            return
        if pick < 0.37:
            code = self.rng.choice((0x82, 0x83, 0x84, 0x97))
            self.op(code, {0x82: b"\1", 0x83: b"\1\0", 0x84: b"\1\0\0\0", 0x97: b""}[code], "o")
            return
        if self.rng.random() < 0.8:
            self.named()
        else:
            self.value()
        self.arguments()
        code = self.rng.choice((0x52, 0x81, 0x92))
        if code == 0x92:
            self.op(0x7D, b"", "d")
            if self.rng.random() < 0.5:
                self.op(0x8C, b"\1k", "s")
                self.value()
                self.op(0x73)
                del self.kinds[-2:]
            self.kinds.pop()
        del self.kinds[-2:]
        self.op(code, b"", "o")

    def arguments(self) -> None:
        if self.rng.random() < 0.02:
            self.value()
        elif self.rng.random() < 0.4:
            self.op(0x29, b"", "t")
        else:
            self.many()
            self.op(0x74, b"", self.tuple_kind(self.close()))

    def change(self) -> None:
        """Something that is done to the top of the stack, mostly where it can be."""
        top = self.kinds[-1] if self.kinds else ""
        wild = self.rng.random() < 0.04
        pick = self.rng.random()
        if pick < 0.35 and top:
            self.remember(top)
        elif (top in "lo" and top) or wild:
            if pick < 0.6:
                self.value()
                self.kinds.pop()
                self.op(0x61)
            else:
                self.many()
                self.close()
                self.op(0x65)
        if (top in "do" and top) or wild:
            if pick < 0.6:
                self.key()
                self.value()
                del self.kinds[-2:]
                self.op(0x73)
            else:
                self.pairs()
                self.close()
                self.op(0x75)
        if (top in "eo" and top) or wild:
            self.hashed()
            self.close()
            self.op(0x90)
        if (top in "oc" and top) or (wild and top):
            self.value()
            self.kinds.pop()
            self.op(0x62)
        if top in "by" and top:
            self.op(0x98)
            if top == "y":
                self.kinds[-1] = "v"

    def remember(self, top: str) -> None:
        code = self.rng.choice((0x70, 0x71, 0x72, 0x94))
        index = len(self.memo) if code == 0x94 else self.rng.randrange(12)
        if code != 0x94 and self.rng.random() < 0.005:
            index = self.rng.choice((255, 300, 70_000))
            code = 0x72
        self.memo[index] = top
        argument = {0x70: b"%d\n" % index, 0x71: bytes([index & 255]), 0x72: struct.pack("<I", index), 0x94: b""}[code]
        self.op(code, argument)

    def stream(self) -> bytes:
        rng = self.rng
        self.proto = rng.choice((0, 1, 2, 3, 4, 4, 5))
        if self.proto > 1 or rng.random() < 0.1:
            self.op(0x80, bytes([self.proto]))
        for _ in range(rng.randrange(1, 6)):
            self.value()
            self.change()
            pick = rng.random()
            if pick < 0.1 and self.kinds:
                self.op(0x32, b"", self.kinds[-1])
            elif pick < 0.2 and self.kinds:
                self.op(0x30)
                self.kinds.pop()
            elif pick < 0.27:
                self.many()
                self.close()
                self.op(0x31)
        while len(self.kinds) > 1 and rng.random() < 0.9:
            self.op(0x30)
            self.kinds.pop()
        if not self.kinds:
            self.scalar()
        self.op(0x2E)
        return self.framed()

    def framed(self) -> bytes:
        if self.proto < 4 or self.rng.random() < 0.5:
            return b"".join(self.parts)
        self.used[0x95] += 1
        body = b"".join(self.parts[1:])
        size = len(body)
        if self.rng.random() < 0.1:
            size = self.rng.choice((size + 1, max(size - 1, 0), 0, size // 2, 1 << 40))
        return self.parts[0] + b"\x95" + struct.pack("<Q", size) + body


def mutate(rng: random.Random, data: bytes, other: bytes, opcodes: bytes) -> bytes:
    """One to three small changes."""
    out = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(out) + 1)
        changes: tuple[Callable[[], object], ...] = (
            lambda at=at: out.__setitem__(slice(at, at + 1), bytes([rng.choice(opcodes)])),
            lambda at=at: out.__setitem__(slice(at, at), bytes([rng.choice(opcodes)])),
            lambda at=at: out.__delitem__(slice(at, at + rng.randrange(1, 4))),
            lambda at=at: out.__setitem__(slice(at, at + 1), bytes([rng.randrange(256)])),
            lambda at=at: out.__setitem__(slice(at, at), other[rng.randrange(len(other)) :][: rng.randrange(12)]),
            lambda at=at: out.__delitem__(slice(at, None)),
        )  # fmt: skip
        rng.choice(changes)()
    return bytes(out)
