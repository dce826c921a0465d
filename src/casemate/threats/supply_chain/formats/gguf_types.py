"""GGUF's numbers: how many bytes a block of each tensor type has (ggml.h), and how wide each kind of value is."""

from __future__ import annotations

_SUPER = 256

TENSORS = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 2 + 16),
    3: (32, 2 + 2 + 16),
    6: (32, 2 + 4 + 16),
    7: (32, 2 + 2 + 4 + 16),
    8: (32, 2 + 32),
    9: (32, 4 + 32),
    10: (_SUPER, 84),
    11: (_SUPER, 110),
    12: (_SUPER, 144),
    13: (_SUPER, 176),
    14: (_SUPER, 210),
    15: (_SUPER, 292),
    16: (_SUPER, 66),
    17: (_SUPER, 74),
    18: (_SUPER, 98),
    19: (_SUPER, 50),
    20: (32, 18),
    21: (_SUPER, 110),
    22: (_SUPER, 82),
    23: (_SUPER, 136),
    24: (1, 1),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    28: (1, 8),
    29: (_SUPER, 56),
    30: (1, 2),
    31: (32, 18),
    32: (32, 18),
    33: (32, 18),
    34: (_SUPER, 54),
    35: (_SUPER, 66),
    36: (32, 18),
    37: (32, 18),
    38: (32, 18),
    39: (32, 17),
    40: (64, 36),
    41: (128, 18),
}
"""Type number -> (elements of a block, bytes of a block). 4 and 5 were withdrawn before GGUF was."""

WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Kind of a metadata value -> bytes, for kinds of a fixed width."""

UNSIGNED = frozenset((0, 2, 4, 10))
STRING, ARRAY, BOOL = 8, 9, 7
