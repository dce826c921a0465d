"""LightGBM models in text: a header, trees whose sizes the header gives, and parameters.

LightGBM cuts the text at those sizes without looking and follows the indices that it finds, so both are checked.
"""

from __future__ import annotations

import re
from itertools import pairwise

from casemate.threats.supply_chain.formats.trees_json import check_tree
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.view import View

MAGIC = b"tree\nversion="
_LINE = re.compile(r"[A-Za-z_]+(?:=[^\n]*)?")
_TAIL = re.compile(
    r"end of trees\n(?:\n*feature_importances:\n(?:[^\n=]*=[^\n]*\n)*)?\n*"
    r"(?:parameters:\n(?:\[[a-z_0-9]+: [^\n]*\]\n)*\n*end of parameters\n)?\n*(?:pandas_categorical:[^\n]*\n*)?"
)
_INNER = ("split_feature", "threshold", "decision_type", "left_child", "right_child")


def parse(view: View, report: Report) -> None:
    """Read a model.

    Raises:
        NotMine: it does not begin as one.
        Malformed: a line is not of a model.
        Refused: a tree is not one, or not where the header says ("trees.structure").
    """
    if not view.begins(MAGIC):
        raise NotMine
    data = view.raw(0, len(view))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("the model is not UTF-8", error.start) from error
    first, end = data.find(b"\nTree=0\n") + 1, data.find(b"end of trees\n")
    if end < 0:
        raise Malformed("the trees do not end", len(data))
    first = first if 0 < first < end else end
    header = _fields(data[:first].decode("utf-8"), 0)
    features = _number(header.get("max_feature_idx", ""), "max_feature_idx") + 1
    sizes = _integers(header.get("tree_sizes", ""), "tree_sizes")
    if any(size <= 0 for size in sizes) or first + sum(sizes) != end:
        raise Refused("trees.structure", "the sizes of the trees are not those in the header", first)
    starts = [first]
    for size in sizes:
        starts.append(starts[-1] + size)
    for index, (start, stop) in enumerate(pairwise(starts)):
        _tree(data[start:stop].decode("utf-8", "replace"), index, features, start)
    tail = data[end:].decode("utf-8")
    if _TAIL.fullmatch(tail) is None:
        raise Malformed("what follows the trees is not known", end)
    report.cover(0, len(text.encode("utf-8")))
    report.describe("kind", "lightgbm")
    report.describe("trees", len(sizes))
    report.describe("features", features)


def _fields(text: str, at: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.split("\n"):
        if line and _LINE.fullmatch(line) is None:
            raise Malformed("a line is not of a model", at)
        name, _, value = line.partition("=")
        if name and name in found:
            raise Refused("trees.structure", f"{name} stands twice", at)
        found[name] = value
    return found


def _tree(text: str, index: int, features: int, at: int) -> None:
    fields = _fields(text, at)
    if fields.get("Tree") != str(index):
        raise Refused("trees.structure", f"tree {index} is not where the header says", at)
    leaves = _number(fields.get("num_leaves", ""), "num_leaves")
    if len(fields.get("leaf_value", "").split()) != leaves or leaves < 1:
        raise Refused("trees.structure", f"tree {index} does not have {leaves} leaves", at)
    if leaves == 1:
        return
    if any(len(fields.get(name, "").split()) != leaves - 1 for name in _INNER):
        raise Refused("trees.structure", f"tree {index} does not have {leaves - 1} splits", at)
    children = zip(
        _integers(fields["left_child"], "left_child"), _integers(fields["right_child"], "right_child"), strict=True
    )
    pairs = [(_node(left, leaves), _node(right, leaves)) for left, right in children]
    reached = sorted(child for pair in pairs for child in pair)
    check_tree([(left, right) for left, right in pairs] + [(-1, -1)] * leaves, f"tree {index}")
    if reached != list(range(1, 2 * leaves - 1)):
        raise Refused("trees.structure", f"tree {index} has nodes that are never reached, or twice", at)
    if any(not 0 <= split < features for split in _integers(fields["split_feature"], "split_feature")):
        raise Refused("trees.structure", f"tree {index} splits on a feature that is not there", at)
    _categories(fields, index, at)


def _categories(fields: dict[str, str], index: int, at: int) -> None:
    """Boundaries of categories must rise from zero to the number of words that hold them."""
    count = _number(fields.get("num_cat", "0"), "num_cat")
    if not count:
        return
    bounds = _integers(fields.get("cat_boundaries", ""), "cat_boundaries")
    words = fields.get("cat_threshold", "").split()
    rising = all(low <= high for low, high in pairwise(bounds))
    if len(bounds) != count + 1 or bounds[0] != 0 or not rising or bounds[-1] != len(words):
        raise Refused("trees.structure", f"tree {index} has categories out of bounds", at)


def _node(child: int, leaves: int) -> int:
    """A leaf is written as its complement; here it gets a number behind the splits."""
    return child if child >= 0 else leaves - 1 + ~child


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Malformed(f"{name} is no count", 0)
    return int(text)


def _integers(text: str, name: str) -> list[int]:
    parts = text.split()
    if any(len(part) > 12 or not part.removeprefix("-").isdigit() or not part.isascii() for part in parts):
        raise Malformed(f"{name} is not made of integers", 0)
    return [int(part) for part in parts]
