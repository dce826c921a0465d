"""The parser of GGUF: any bytes end in a report or a stop."""

from __future__ import annotations

import struct

from casemate.threats.supply_chain.formats import gguf as parser
from tests.threats.supply_chain.formats.samples import gguf, gpair, gtensor, gtext, survive

MINUTES = 10


def seeds() -> list[bytes]:
    """Small files that are read to their end."""
    tensors = [gtensor("a", [4], 0, 0), gtensor("b", [64, 2], 8, 32), gtensor("c", [256], 12, 32 + 160)]
    pairs = [
        gpair("general.architecture", "llama"),
        gpair("tokenizer.chat_template", "{% for m in messages %}{{ m['role'] ~ m.content|trim }}{% endfor %}"),
        gtext(b"general.alignment") + struct.pack("<II", 4, 32),
        gtext(b"tokens") + struct.pack("<IIQ", 9, 8, 3) + gtext(b"a") * 3,
        gtext(b"scores") + struct.pack("<IIQ", 9, 6, 2) + bytes(8),
    ]
    return [gguf(pairs, tensors, bytes(32 + 160 + 144)), gguf(pairs), gguf((), tensors[:1], bytes(16))]


def one_input(data: bytes) -> None:
    """Parse these bytes."""
    survive(parser, data)
