"""Prints the tables of a flat-buffer schema as ``formats/schemas/*.toml``, from the Python classes made for it.

    python tools/list_flatbuffer_fields.py tflite TFL3 .../tensorflow/lite/python/schema_py_generated.py

The file is read, not imported. A line is ``slot = "name kind"``: a scalar's type, "string", a table's name, a union
("|Name"), or a vector of these in brackets. Unions are tables of their own: ``number = "Table"``.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

UNIONS = {"Details": "QuantizationDetails", "ArraySegments": "SparseIndexVector", "ArrayIndices": "SparseIndexVector"}
SCALARS = {"Bool": "bool", "Float32": "float32", "Float64": "float64"}


def main() -> None:
    """Print the tables."""
    name, identifier, path = sys.argv[1:]
    source = Path(path).read_text(encoding="utf-8")
    print(f"# Tables of the {name} schema (identifier {identifier}); written by tools/list_flatbuffer_fields.py.")
    enumerations: dict[str, dict[str, int]] = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef) or (node.name.endswith("T") and "_tab" not in ast.unparse(node)):
            continue
        if "_tab" in ast.unparse(node):
            print(f'\n["{node.name}"]')
            for slot, field, kind in sorted(fields(node)):
                print(f'{slot} = "{field} {kind}"')
        else:
            values = {each.targets[0].id: each.value.value for each in node.body
                      if isinstance(each, ast.Assign) and isinstance(each.value, ast.Constant)}  # fmt: skip
            enumerations[node.name] = values
    for union in ("BuiltinOptions", "BuiltinOptions2", "QuantizationDetails", "SparseIndexVector"):
        print(f'\n["|{union}"]')
        for table, number in enumerations[union].items():
            if number:
                print(f'{number} = "{table}"')
    print('\n["#BuiltinOperator"]')
    for operator, number in enumerations["BuiltinOperator"].items():
        print(f'{number} = "{operator}"')


def fields(node: ast.ClassDef) -> list[tuple[int, str, str]]:
    """Slot, name and kind of each field of a table."""
    found: dict[int, tuple[str, str]] = {}
    named = {method.name for method in node.body if isinstance(method, ast.FunctionDef)}
    for method in node.body:
        if not isinstance(method, ast.FunctionDef) or not (
            offset := re.search(r"Offset\((\d+)\)", ast.unparse(method))
        ):
            continue
        slot = (int(offset[1]) - 4) // 2
        base = re.sub(r"(Length|IsNone|AsNumpy)$", "", method.name)
        if base != method.name and base in named:
            continue
        kind = kind_of(ast.unparse(method), len(method.args.args) > 1, method.name)
        if kind and (slot not in found or found[slot][1] == "?"):
            found[slot] = (snake(method.name), kind)
    return [(slot, name, kind) for slot, (name, kind) in found.items()]


def kind_of(text: str, many: bool, name: str) -> str:
    """The kind of a field, from the body of its accessor."""
    if "Union(" in text:
        return f"|{UNIONS.get(name, name)}"
    table = re.search(r"obj = (\w+)\(\)", text)
    scalar = re.search(r"Get\(flatbuffers\.number_types\.(\w+)Flags", text)
    kind = "string" if "String(" in text else table[1] if table else ""
    if not kind and scalar:
        kind = SCALARS.get(scalar[1], scalar[1].lower())
    return f"[{kind}]" if many and kind else kind


def snake(name: str) -> str:
    """A method's name as the schema writes it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


if __name__ == "__main__":
    main()
