"""A small writer of 7z archives, whose every part can lie."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Sequence
from typing import Any

COPY, LZMA, LZMA2, DEFLATE, BZIP2, X86, DELTA, AES, PPMD, BCJ2 = (
    b"\0", b"\3\1\1", b"\x21", b"\4\1\x08", b"\4\2\2", b"\3\3\1\3", b"\3", b"\6\xf1\7\1", b"\3\4\1", b"\3\3\1\x1b",
)  # fmt: skip


def number(value: int) -> bytes:
    """A number in the variable length of 7z."""
    for more in range(8):
        if value < 1 << (7 * (more + 1)):
            mask = (0xFF00 >> more) & 0xFF
            return bytes([mask | value >> (8 * more)]) + (value & ((1 << 8 * more) - 1)).to_bytes(more, "little")
    return b"\xff" + value.to_bytes(8, "little")


def pack(data: bytes, method: bytes) -> tuple[bytes, bytes]:
    """Data packed by one method, and the method's properties."""
    if method == LZMA:
        alone = lzma.compress(data, lzma.FORMAT_ALONE)
        return alone[13:], alone[:5]
    if method == LZMA2:
        filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]
        return lzma.compress(data, lzma.FORMAT_RAW, filters=filters), b"\x08"
    if method == DEFLATE:
        state = zlib.compressobj(9, zlib.DEFLATED, -15)
        return state.compress(data) + state.flush(), b""
    if method == BZIP2:
        return bz2.compress(data), b""
    if method in (X86, DELTA):
        spec: dict[str, Any] = {"id": lzma.FILTER_X86} if method == X86 else {"id": lzma.FILTER_DELTA, "dist": 4}
        filters = [spec, {"id": lzma.FILTER_LZMA2}]
        stream = lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
        plain = lzma.decompress(stream, lzma.FORMAT_RAW, filters=filters[1:])
        return plain, b"" if method == X86 else b"\3"
    return data, b""


def folder(methods: Sequence[bytes], properties: Sequence[bytes]) -> bytes:
    out = number(len(methods))
    for method, held in zip(methods, properties, strict=True):
        out += bytes([len(method) | (0x20 if held else 0)]) + method
        out += number(len(held)) + held if held else b""
    for index in range(len(methods) - 1):
        out += number(index) + number(index + 1)
    return out


def sevenzip(
    files: Sequence[tuple[str, bytes]],
    methods: Sequence[bytes] = (LZMA2,),
    *,
    attributes: Sequence[int] = (),
    folders: Sequence[str] = (),
    encoded: bytes | None = None,
    crc: int | None = None,
    behind: bytes = b"",
    sizes: Sequence[int] | None = None,
    header_behind: bytes = b"",
    start_crc: int | None = None,
) -> bytes:
    """An archive of one solid folder; ``methods`` as in the header: the last one reads the packed bytes."""
    data = b"".join(content for _, content in files)
    packed, properties, lengths = data, [], []
    for method in methods:
        lengths.append(len(packed))
        packed, held = pack(packed, method)
        properties.append(held)
    packed += behind
    parts = [len(content) for _, content in files] if sizes is None else list(sizes)
    streams = b"\6" + number(0) + number(1) + b"\x09" + number(len(packed)) + b"\0"
    streams += b"\7\x0b" + number(1) + b"\0" + folder(methods, properties) + b"\x0c" + b"".join(map(number, lengths))
    streams += b"\0\x08\x0d" + number(len(files))
    streams += b"\x09" + b"".join(map(number, parts[:-1])) if len(files) > 1 else b""
    checks = [zlib.crc32(content) if crc is None else crc for _, content in files]
    streams += b"\x0a\1" + b"".join(struct.pack("<L", check) for check in checks) + b"\0\0"
    every = [*folders, *(name for name, _ in files)]
    listed = b"\5" + number(len(every))
    if folders:
        bits = sum(0x80 >> index for index in range(len(folders)))
        listed += b"\x0e" + number(1) + bytes([bits])
    names = b"\0" + "".join(name + "\0" for name in every).encode("utf-16-le")
    listed += b"\x11" + number(len(names)) + names
    if attributes:
        listed += b"\x15" + number(2 + 4 * len(attributes)) + b"\1\0" + struct.pack(f"<{len(attributes)}L", *attributes)
    listed += b"\x19" + number(2) + b"\0\0" + b"\0"
    header = b"\1" + (b"\4" + streams if files else b"") + listed + b"\0" + header_behind
    if encoded is not None:
        small, held = pack(header, encoded)
        at, packed = len(packed), packed + small
        header = b"\x17\6" + number(at) + number(1) + b"\x09" + number(len(small)) + b"\0\7\x0b\1\0"
        header += folder([encoded], [held]) + b"\x0c" + number(len(b"\1" + (b"\4" + streams) + listed + b"\0"))
        header += b"\x0a\1" + struct.pack("<L", zlib.crc32(b"\1\4" + streams + listed + b"\0")) + b"\0\0"
    start = struct.pack("<2QL", len(packed), len(header), zlib.crc32(header))
    check = zlib.crc32(start) if start_crc is None else start_crc
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<L", check) + start + packed + header
