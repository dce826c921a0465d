"""Writes pickle streams by hand, opcode by opcode. Nothing here is ever loaded: tests only scan these bytes."""

from __future__ import annotations

import struct


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def big(value: int) -> bytes:
    raw = value.to_bytes(9, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def raw(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def tup(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def mapping(**items: bytes) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + tup(*arguments) + b"R"


def new(kind: bytes, *arguments: bytes) -> bytes:
    return kind + tup(*arguments) + b"\x81"


def stream(body: bytes, protocol: int = 3) -> bytes:
    return b"\x80" + bytes([protocol]) + body + b"."


def frame(body: bytes, length: int | None = None) -> bytes:
    return b"\x95" + struct.pack("<Q", len(body) if length is None else length) + body


def dtype(code: str = "f8") -> bytes:
    return call(name("numpy", "dtype"), text(code), b"\x89", b"\x88")


def array(
    shape: tuple[int, ...], data: bytes, /, *, code: str = "f8", padding: bytes = b"\x01\xff", **changed: bytes
) -> bytes:
    """A joblib array: the wrapper, its state, padding and data."""
    state = {
        "subclass": name("numpy", "ndarray"),
        "shape": tup(*(big(n) for n in shape)),
        "order": text("C"),
        "dtype": dtype(code),
        "allow_mmap": b"\x88",
        "numpy_array_alignment_bytes": number(16),
    }
    wrapper = new(name("joblib.numpy_pickle", "NumpyArrayWrapper"))
    return wrapper + mapping(**(state | changed)) + b"b" + padding + data


PAYLOAD = call(name("os", "system"), text("true"))
"""Names a dangerous call; inert as long as nothing loads it."""

DROPPED = PAYLOAD + b"0"
"""The same, leaving the stack as it was."""
