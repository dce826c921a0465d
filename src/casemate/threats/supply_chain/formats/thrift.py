"""Thrift's compact protocol, as Parquet uses it: structures as dictionaries from field number to value.

Every element takes at least one byte and counts are held against what is left, so reading is linear; depth is bounded.
Source: the specification of the compact protocol in the Thrift repository, doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

import struct
from typing import TypeAlias

from casemate.threats.supply_chain.stops import Malformed, Refused
from casemate.threats.supply_chain.view import View

Thrift: TypeAlias = "int | float | bytes | list[Thrift] | dict[int, Thrift]"

DEPTH = 32
_TRUE, _FALSE, _BYTE, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 6, 7, 8, 9, 10, 12


class Reader:
    """Reads structures of a view, one behind the other.

    Args:
        view: what is read.
        at: where the first structure begins.
        stop: what no structure may pass.
    """

    def __init__(self, view: View, at: int, stop: int) -> None:
        self.view = view
        self.at = at
        self.stop = stop

    def structure(self, depth: int = 0) -> dict[int, Thrift]:
        """The next structure.

        Raises:
            Malformed: it is damaged, or passes the end.
            Refused: it nests too deep.
        """
        if depth > DEPTH:
            raise Refused("parquet.layout", f"structures nest more than {DEPTH} deep", self.at)
        found: dict[int, Thrift] = {}
        number = 0
        while head := self._take(1)[0]:
            number = number + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            if number in found or not 0 < number < 1 << 15:
                raise Malformed("a field stands twice, or has no number", self.at)
            found[number] = int(kind == _TRUE) if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return found

    def _take(self, count: int) -> bytes:
        if count > self.stop - self.at:
            raise Malformed(f"{count} bytes are announced, {self.stop - self.at} are left", self.at)
        self.at += count
        return self.view.raw(self.at - count, count)

    def _unsigned(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise Malformed("a number of more than ten bytes", self.at)

    def _signed(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)

    def _value(self, kind: int, depth: int) -> Thrift:
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._take(1)[0]
        if _BYTE < kind <= _I64:
            return self._signed()
        if kind == _DOUBLE:
            return float(struct.unpack("<d", self._take(8))[0])
        if kind == _BINARY:
            return self._take(self._unsigned())
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _STRUCT:
            return self.structure(depth + 1)
        raise Malformed(f"the kind {kind} of a field is not known", self.at)

    def _list(self, depth: int) -> list[Thrift]:
        head = self._take(1)[0]
        count = head >> 4 if head >> 4 < 15 else self._unsigned()
        if count > self.stop - self.at or depth > DEPTH:
            raise Malformed(f"a list of {count} elements does not fit", self.at)
        return [self._value(head & 15, depth + 1) for _ in range(count)]
