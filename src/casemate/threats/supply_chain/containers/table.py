"""The containers that casemate walks."""

from __future__ import annotations

from casemate.threats.supply_chain.containers.sniffs import has_lzma, has_tar, has_zip, has_zlib
from casemate.threats.supply_chain.format import Format, Magic

CONTAINERS: tuple[Format, ...] = (
    Format("zip", "containers.zip", has_zip),
    Format("tar", "containers.tar", has_tar),
    Format("7z", "containers.sevenzip", Magic(b"7z\xbc\xaf\x27\x1c")),
    Format("gzip", "containers.compressed", Magic(b"\x1f\x8b\x08")),
    Format("zlib", "containers.compressed", has_zlib, first=b"\x78"),
    Format("zfile", "containers.zfile", Magic(b"ZF0x")),
    Format("bzip2", "containers.compressed", Magic(b"BZh")),
    Format("xz", "containers.compressed", Magic(b"\xfd7zXZ\0")),
    Format("lzma", "containers.compressed", has_lzma, first=b"\x5d"),
    Format("lz4", "containers.compressed", Magic(b"\x04\x22\x4d\x18")),
    Format("zstd", "containers.compressed", Magic(b"\x28\xb5\x2f\xfd")),
)
