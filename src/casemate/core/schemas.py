"""JSON Schemas (2020-12) of what scripts read, from the types that are written, so that they cannot drift from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def written_schema(kind: type[msgspec.Struct], narrower: Mapping[str, Mapping[str, Any]] | None = None) -> bytes:
    """The schema of a type whose every field is always written.

    A later version of casemate may add fields, so others are not forbidden.

    Args:
        kind: with a field ``schema`` that is a literal, the name of the contract.
        narrower: what the types do not say of a field, by its name.

    Example:
        >>> from typing import Literal
        >>> Said = msgspec.defstruct("Said", [("schema", Literal["casemate.said/1"]), ("share", float, 0.0)])
        >>> made = msgspec.json.decode(written_schema(Said, {"share": {"maximum": 1}}))
        >>> made["title"], made["required"], made["properties"]["share"]
        ('casemate.said/1', ['schema', 'share'], {'maximum': 1, 'type': 'number'})
    """
    (root,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    name = root["$ref"].rpartition("/")[2]
    for part in parts.values():
        fields = part.get("properties", {})
        for field, more in (narrower or {}).items():
            if field in fields:
                fields[field].update(more)
        for field in fields.values():
            field.pop("default", None)  # what is always written needs none
        if fields:
            part["required"] = sorted(fields)
    made = {"$schema": DIALECT, **parts.pop(name), "$defs": parts}
    made["title"] = made["properties"]["schema"]["enum"][0]
    return msgspec.json.format(msgspec.json.encode(made, order="sorted"), indent=2) + b"\n"
