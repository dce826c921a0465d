"""The parser of JSON files: any bytes end in a report or a stop."""

from __future__ import annotations

import json

from casemate.threats.supply_chain.formats import json_files as parser
from tests.threats.supply_chain.formats.samples import survive, xgboost

MINUTES = 3


def seeds() -> list[bytes]:
    """Small files that are read to their end."""
    node = {"__class__": "log1p", "__module__": "numpy", "__loader__": "FunctionNode"}
    values: list[object] = [
        xgboost(),
        {"features_info": {}, "oblivious_trees": [{"splits": [{}], "leaf_values": [1, 2]}]},
        {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": {"a": node}},
        {"nbformat": 4, "cells": [{"cell_type": "code", "source": ["x"], "outputs": [{"data": {"text/html": "b"}}]}]},
        {"auto_map": {"A": "b.C"}, "chat_template": "{{ x.y }}", "_target_": "os.system", "lc": 1, "pip": ["x"]},
        [1, 2.5e3, "\ud800", None, True, {"a": [[]]}],
    ]
    return [json.dumps(value, indent=indent).encode() for value in values for indent in (None, 1)]


def one_input(data: bytes) -> None:
    """Parse these bytes."""
    survive(parser, data)
