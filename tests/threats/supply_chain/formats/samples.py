"""Builders of small files, benign and not, and the ways in which tests scan them. Nothing here is ever loaded."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence

from casemate.threats.supply_chain.budget import Budget
from casemate.threats.supply_chain.engine import Outcome, scan_view
from casemate.threats.supply_chain.format import Parser
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.report import Report, Settings
from casemate.threats.supply_chain.rules import rule_for
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.view import View

SETTINGS = Settings(allow=reviewed(), most=1 << 24)


def scan(data: bytes, name: str = "file") -> Outcome:
    """Scan bytes like a file."""
    return scan_view(View(data, where=name), SETTINGS)


def found(data: bytes) -> set[str]:
    """The rules that fire."""
    return {finding.rule for finding in scan(data).findings}


def rule(fact: str) -> str:
    """The rule of a kind of fact."""
    return rule_for(fact).id


def assert_clean(data: bytes, *formats: str) -> None:
    """Every byte is understood and nothing is said against it."""
    outcome = scan(data)
    assert outcome.verdict is Verdict.CLEAN, (outcome.unreadable, outcome.findings)
    assert outcome.coverage == 1.0
    assert outcome.formats == formats


def survive(parser: Parser, data: bytes) -> None:
    """Run one parser; it may stop only as parsers stop, and may not claim more than there is."""
    view = View(data, where="input")
    report = Report(view, SETTINGS, Budget(len(data), SETTINGS.most))
    try:
        parser.parse(view, report)
    except (Malformed, Refused, NotMine):
        return
    assert report.coverage.covered <= len(data)


def safetensors(header: object, data: bytes = b"", *, raw: bytes | None = None) -> bytes:
    """A safetensors file."""
    text = raw if raw is not None else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype: str, shape: Sequence[int], start: int, stop: int) -> dict[str, object]:
    """An entry of a safetensors header."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, stop]}


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    """A NumPy array."""
    text = header.encode("utf-8" if version == 3 else "latin-1")
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes((version, 0)) + length + text + data


def gtext(text: bytes) -> bytes:
    """A text as GGUF has it."""
    return struct.pack("<Q", len(text)) + text


def gpair(key: str, value: str | bytes) -> bytes:
    """A metadata text."""
    data = value.encode() if isinstance(value, str) else value
    return gtext(key.encode()) + struct.pack("<I", 8) + gtext(data)


def gtensor(name: str, shape: Sequence[int], kind: int, offset: int) -> bytes:
    """A tensor's description."""
    dims = b"".join(struct.pack("<Q", extent) for extent in shape)
    return gtext(name.encode()) + struct.pack("<I", len(shape)) + dims + struct.pack("<IQ", kind, offset)


def gguf(pairs: Sequence[bytes] = (), tensors: Sequence[bytes] = (), data: bytes | None = None) -> bytes:
    """A GGUF file; ``data`` None ends it behind the descriptions."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs) + b"".join(tensors)
    return head if data is None else head + bytes(-len(head) % 32) + data


def chat(template: str) -> bytes:
    """A GGUF file with this chat template."""
    return gguf([gpair("general.architecture", "llama"), gpair("tokenizer.chat_template", template)])


def lightgbm(trees: Sequence[str], sizes: Sequence[int] | None = None) -> bytes:
    """A LightGBM model of two features."""
    blocks = [f"Tree={index}\n{tree}\n\n\n" for index, tree in enumerate(trees)]
    told = [len(block) for block in blocks] if sizes is None else sizes
    head = (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\nobjective=regression\n"
        f"feature_names=a b\nfeature_infos=[0:1] [0:1]\ntree_sizes={' '.join(map(str, told))}\n\n"
    )
    tail = (
        "end of trees\n\nfeature_importances:\na=1\n\nparameters:\n[boosting: gbdt]\n\nend of parameters\n\n"
        "pandas_categorical:null\n"
    )
    return (head + "".join(blocks) + tail).encode()


def ltree(left: str = "-1 -2", right: str = "1 -3", split: str = "0 1", leaves: str = "0.1 0.2 0.3") -> str:
    """A LightGBM tree; the defaults are one of three leaves."""
    count = len(leaves.split())
    return (
        f"num_leaves={count}\nnum_cat=0\nsplit_feature={split}\nsplit_gain=1 1\nthreshold=0.5 0.5\ndecision_type=2 2\n"
        f"left_child={left}\nright_child={right}\nleaf_value={leaves}\nshrinkage=1"
    )


def xgboost(left: Sequence[int] = (1, -1, -1), right: Sequence[int] = (2, -1, -1), split: int = 0) -> dict[str, object]:
    """An XGBoost model of one tree."""
    count = len(left)
    tree = {
        "left_children": list(left),
        "right_children": list(right),
        "parents": [2147483647, *[0] * (count - 1)],
        "split_indices": [split] * count,
        "split_conditions": [0.5] * count,
        "default_left": [0] * count,
        "tree_param": {"num_nodes": str(count)},
    }
    model = {"trees": [tree], "tree_info": [0], "gbtree_model_param": {"num_trees": "1"}}
    learner = {"learner_model_param": {"num_feature": "2"}, "gradient_booster": {"name": "gbtree", "model": model}}
    return {"learner": learner, "version": [3, 2, 0]}


def ubjson(value: object) -> bytes:
    """UBJSON as XGBoost writes it."""
    if isinstance(value, dict):
        return b"{" + b"".join(_key(key) + ubjson(each) for key, each in value.items()) + b"}"
    if isinstance(value, list) and value and all(isinstance(each, int) for each in value):
        return b"[$l#L" + struct.pack(">q", len(value)) + b"".join(struct.pack(">i", each) for each in value)
    if isinstance(value, list):
        return b"[#L" + struct.pack(">q", len(value)) + b"".join(map(ubjson, value))
    if isinstance(value, str):
        return b"S" + _key(value)
    return b"d" + struct.pack(">f", value) if isinstance(value, float) else b"l" + struct.pack(">i", value)


def _key(text: str) -> bytes:
    return b"L" + struct.pack(">q", len(text)) + text.encode()
