"""Keras configurations: config.json and metadata.json of a .keras archive, model_config and training_config of an .h5.

They are told by what they say, not by where they stand: a JSON text that holds an object with ``class_name`` and
``config`` is one, wherever it lies. A configuration is a program for Keras: it imports what ``module`` and
``class_name`` name, and calls it with what stands beside them. Names are judged by ``names/keras.toml``.

Source: keras/src/saving/serialization_lib.py (Keras 3) and tf_keras/src/saving/legacy/serialization.py (Keras 2).
"""

from __future__ import annotations

import codecs
from typing import Final

from casemate.threats.supply_chain.formats.keras_names import Judge
from casemate.threats.supply_chain.jsons import Json, read, read_json, walk
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine
from casemate.threats.supply_chain.view import View

_TRAINING: Final = frozenset(("optimizer_config", "loss", "metrics", "weighted_metrics", "loss_weights"))
_METADATA: Final = frozenset(("keras_version", "date_saved"))
_OTHERS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
    (b"{\0\0\0", "utf-32-le"), (b"\0\0\0{", "utf-32-be"), (b"{\0", "utf-16-le"), (b"\0{", "utf-16-be"))  # fmt: skip


def parse(view: View, report: Report) -> None:
    """Read one JSON text and judge every name in it."""
    value = _read(view, report)
    objects = [each for _, each in walk(value) if isinstance(each, dict) and _is_object(each)]
    if not isinstance(value, dict) or not (objects or _is_training(value) or value.keys() == _METADATA):
        raise NotMine
    Judge(report).judge(value)
    report.cover(0, len(view))
    if isinstance(value.get("keras_version"), str):
        report.describe("keras_version", value["keras_version"])
    if objects and isinstance(objects[0].get("class_name"), str):
        report.describe("model", objects[0]["class_name"])


def judge_metadata(report: Report, at: int, count: int) -> None:
    """Judge the JSON that Keras keeps beside an object of a SavedModel.

    Raises:
        Malformed: it is no JSON.
    """
    Judge(report, revived=True).judge(read_json(report.view, report, at, count))


def _read(view: View, report: Report) -> Json:
    """The JSON, in any encoding that Python's own reader takes and a reviewer's editor may not show."""
    for mark, encoding in _OTHERS:
        if view.begins(mark):
            try:
                text = view.raw(0, len(view)).decode(encoding)
                value = read(text.encode("utf-8", "surrogatepass")).value
            except (UnicodeDecodeError, Malformed) as error:
                raise NotMine from error
            if any(isinstance(each, dict) and _is_object(each) for _, each in walk(value)):
                report.fact("keras.encoding", f"the configuration is written in {encoding}", 0)
            return value
    try:
        return read_json(view, report)
    except Malformed as stop:
        if view.find(b"class_name") >= 0 and view.find(b"config") >= 0:
            raise
        raise NotMine from stop


def _is_object(value: dict[str, Json]) -> bool:
    return "class_name" in value and ("config" in value or "items" in value)


def _is_training(value: dict[str, Json]) -> bool:
    return "loss" in value and len(value.keys() & _TRAINING) > 1
