"""A small transformer that reads windows: Rampart, by onnxruntime.

Activations are quantized over everything that is read at once, so windows that were read together would change each
other's results. Each window is therefore read by itself, which also makes a result independent of where it stands.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.core.optional import require
from casemate.privacy.text import rampart

_KINDS: Final = (
    "GIVEN_NAME", "SURNAME", "EMAIL", "PHONE", "URL", "TAX_ID", "BANK_ACCOUNT", "ROUTING_NUMBER", "GOVERNMENT_ID",
    "PASSPORT", "DRIVERS_LICENSE", "BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "CITY", "STATE", "ZIP_CODE",
)  # fmt: skip
"""What the model tells apart, in the order of its outputs: nothing, then the begin and the inside of each."""
TYPES: Final = {
    "PERSON": ("GIVEN_NAME", "SURNAME"),
    "LOCATION": ("CITY", "STATE", "BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS"),
    "ZIP_CODE": ("ZIP_CODE",),
    "EMAIL_ADDRESS": ("EMAIL",),
    "PHONE_NUMBER": ("PHONE",),
    "URL": ("URL",),
}
"""Our types, and what of the model's belongs to them; numbers of documents and accounts are left to the recognizers,
which know check digits."""
_MOST: Final = 510
"""Pieces of words that the model takes, without its two marks."""


class Read(NamedTuple):
    """What the model says of a window.

    Attributes:
        start, end: (k,) code points of the pieces of words.
        odds: (k, 1 + types) logarithms of the probabilities of nothing and of each of ``TYPES``.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    odds: NDArray[np.float64]


class Transformer:
    """Reads windows, one at a time, on one thread.

    Args:
        model: bytes of the ONNX file, checked by `casemate.privacy.text.rampart.read`.
        tokenizer: bytes of tokenizer.json.

    Raises:
        MissingPartError: onnxruntime or tokenizers is not installed.
    """

    def __init__(self, model: bytes, tokenizer: bytes) -> None:
        runtime = require("onnxruntime", extra="names")
        settings = runtime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        self._session = runtime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
        self._tokenizer = require("tokenizers", extra="names").Tokenizer.from_buffer(tokenizer)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._ends = [self._tokenizer.token_to_id(each) for each in ("[CLS]", "[SEP]")]
        self._lock = threading.Lock()

    def read(self, text: str) -> Read:
        """One window."""
        pieces = self._tokenizer.encode(text.encode("utf-8", "replace").decode(), add_special_tokens=False)
        ids, offsets = pieces.ids, np.array(pieces.offsets, dtype=np.int64).reshape(-1, 2)
        made = [self._odds(ids[at : at + _MOST]) for at in range(0, len(ids), _MOST)]
        return Read(offsets[:, 0], offsets[:, 1], np.concatenate([np.zeros((0, 1 + len(TYPES))), *made]))

    def _odds(self, ids: list[int]) -> NDArray[np.float64]:
        given = np.array([[self._ends[0], *ids, self._ends[1]]], dtype=np.int64)
        feed = {"input_ids": given, "attention_mask": np.ones_like(given), "token_type_ids": np.zeros_like(given)}
        with self._lock:
            raw = self._session.run(None, feed)[0][0, 1:-1].astype(np.float64)
        raw = np.exp(raw - raw.max(axis=1, keepdims=True))
        return np.asarray(np.log(raw / raw.sum(axis=1, keepdims=True) @ _grouped() + 1e-6))


@cache
def _grouped() -> NDArray[np.float64]:
    """(35, 1 + types) sums the model's outputs; what belongs to no type of ours counts as nothing."""
    matrix = np.zeros((1 + 2 * len(_KINDS), 1 + len(TYPES)))
    matrix[0, 0] = 1
    for at, kind in enumerate(_KINDS):
        column = next((1 + place for place, kinds in enumerate(TYPES.values()) if kind in kinds), 0)
        matrix[1 + 2 * at : 3 + 2 * at, column] = 1
    return matrix


def load(place: Path | None = None) -> Transformer | None:
    """The transformer, once a process and folder; None where its files have not been fetched.

    Args:
        place: where the files lie; see `casemate.privacy.text.rampart.folder`.

    Raises:
        UnreadableError: the files have changed since they were fetched.
        MissingPartError: onnxruntime or tokenizers is not installed.
    """
    return _loaded(place or rampart.folder())


@cache
def _loaded(place: Path) -> Transformer | None:
    found = rampart.read(place)
    return Transformer(*found) if found else None
