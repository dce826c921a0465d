"""Prints the field tables of protocol-buffer messages as ``formats/schemas/*.toml``, from a package's own descriptors.

    python tools/list_proto_fields.py onnx onnx.onnx_ml_pb2:ModelProto onnx.onnx_data_pb2:SequenceProto
    python tools/list_proto_fields.py tensorflow tensorflow.core.protobuf.saved_model_pb2:SavedModel ...

A line is ``number = "name kind"``; a kind that begins with a capital is a message, and a star means repeated.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from typing import Any

KINDS = {
    1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 6: "fixed64", 7: "fixed32", 8: "bool",
    9: "string", 12: "bytes", 13: "uint32", 14: "enum", 15: "sfixed32", 16: "sfixed64", 17: "sint32", 18: "sint64",
}  # fmt: skip


def message_name(descriptor: Any) -> str:
    """The name without its package, nested names joined by dots."""
    package = descriptor.file.package
    return descriptor.full_name.removeprefix(f"{package}.") if package else descriptor.full_name


def main() -> None:
    """Print the tables that are reachable from the messages named on the command line."""
    package, *roots = sys.argv[1:]
    waiting = []
    for root in roots:
        module, _, name = root.partition(":")
        waiting.append(getattr(importlib.import_module(module), name).DESCRIPTOR)
    found: dict[str, Any] = {}
    while waiting:
        each = waiting.pop()
        if message_name(each) not in found:
            found[message_name(each)] = each
            waiting += [field.message_type for field in each.fields if field.message_type]
    version = importlib.metadata.version(package)
    print(f"# Fields of the messages of {package} {version}; written by tools/list_proto_fields.py.")
    for name in sorted(found):
        print(f'\n["{name}"]')
        for field in sorted(found[name].fields, key=lambda field: field.number):
            kind = message_name(field.message_type) if field.message_type else KINDS[field.type]
            star = "*" if getattr(field, "is_repeated", None) or getattr(field, "label", 0) == 3 else ""
            print(f'{field.number} = "{field.name} {kind}{star}"')


if __name__ == "__main__":
    main()
