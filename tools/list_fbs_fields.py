"""Prints the tables of a flat-buffer schema as ``formats/schemas/*.toml``, from its ``.fbs`` text.

    python tools/list_fbs_fields.py executorch ET12 .../executorch/schema/program.fbs

The lines are those that tools/list_flatbuffer_fields.py prints. An enumeration counts as its own integer type.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ALIASES = {
    "byte": "int8", "ubyte": "uint8", "short": "int16", "ushort": "uint16", "int": "int32", "uint": "uint32",
    "long": "int64", "ulong": "uint64", "float": "float32", "double": "float64",
}  # fmt: skip
ELSEWHERE = {"ScalarType": "int8"}
"""Enumerations of files that the schema includes."""


def main() -> None:
    """Print the tables."""
    name, identifier, path = sys.argv[1:]
    text = re.sub(r"//.*", "", Path(path).read_text(encoding="utf-8"))
    enumerations = ELSEWHERE | dict(re.findall(r"enum\s+(\w+)\s*:\s*(\w+)", text))
    unions = dict(re.findall(r"union\s+(\w+)\s*\{([^}]*)\}", text))
    print(f"# Tables of the {name} schema (identifier {identifier}); written by tools/list_fbs_fields.py.")
    for table, body in re.findall(r"table\s+(\w+)\s*\{([^}]*)\}", text):
        print(f'\n["{table}"]')
        slot = 0
        for field, kind in re.findall(r"(\w+)\s*:\s*(\[?\w+\]?)", body):
            bare = kind.strip("[]")
            bare = enumerations.get(bare, bare)
            bare = ALIASES.get(bare, bare)
            if bare in unions:
                print(f'{slot} = "{field}_type uint8"')
                slot += 1
                bare = f"|{bare}"
            print(f'{slot} = "{field} {f"[{bare}]" if kind.startswith("[") else bare}"')
            slot += 1
    for union, body in unions.items():
        print(f'\n["|{union}"]')
        for number, table in enumerate(re.findall(r"\w+", body), 1):
            print(f'{number} = "{table}"')


if __name__ == "__main__":
    main()
