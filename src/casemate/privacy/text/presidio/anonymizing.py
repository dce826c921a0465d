"""``presidio_anonymizer``: operators on what was found, and back."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from casemate.core.errors import UsageError
from casemate.privacy.text.presidio.analyzing import RecognizerResult


class OperatorConfig:
    """An operator by name, and its parameters."""

    def __init__(self, operator_name: str, params: Mapping[str, Any] | None = None) -> None:
        if not operator_name:
            raise UsageError("Invalid input, operator config must contain operator_name", next_step="name one")
        self.operator_name, self.params = operator_name, dict(params or {})

    @classmethod
    def from_json(cls, params: Mapping[str, Any]) -> OperatorConfig:
        """From ``{"type": "mask", ...}``."""
        return cls(params["type"], {name: each for name, each in params.items() if name != "type"})


class OperatorResult:
    """What stands in the result, and where."""

    def __init__(
        self, start: int, end: int, entity_type: str, text: str = "", operator: str = "", score: float | None = None
    ) -> None:
        self.start, self.end, self.entity_type = start, end, entity_type
        self.text, self.operator, self.score = text, operator, score

    def to_dict(self) -> dict[str, Any]:
        """All of it, by name."""
        return dict(self.__dict__)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OperatorResult:
        """From what `to_dict` gave."""
        return cls(data["start"], data["end"], data["entity_type"], data.get("text", ""), data.get("operator", ""))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OperatorResult) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[int, int, str, str, str]:
        return self.start, self.end, self.entity_type, self.text, self.operator

    def __repr__(self) -> str:
        return str(self.to_dict())


class EngineResult:
    """A text, and what was replaced in it; last first, as Presidio has it."""

    def __init__(self, text: str = "", items: Iterable[OperatorResult] = ()) -> None:
        self.text, self.items = text, list(items)

    def to_json(self) -> str:
        """As JSON."""
        return json.dumps({"text": self.text, "items": [each.to_dict() for each in self.items]})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EngineResult) and (self.text, self.items) == (other.text, other.items)

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        items = ",\n    ".join(map(str, self.items))
        return f"text: {self.text}\nitems:\n[\n    {items}\n]\n"


class AnonymizerEngine:
    """Replaces what was found.

    Example:
        >>> found = [RecognizerResult("PERSON", 11, 15, 0.8)]
        >>> AnonymizerEngine().anonymize(text="My name is Bond", analyzer_results=found).text
        'My name is <PERSON>'
    """

    def anonymize(
        self,
        text: str,
        analyzer_results: Iterable[Any],
        operators: Mapping[str, OperatorConfig] | None = None,
        merge_entities_with_spaces: bool = True,
        **_: Any,
    ) -> EngineResult:
        """A text with what was found replaced; see Presidio's ``AnonymizerEngine.anonymize``.

        Raises:
            UsageError: a result lies outside the text, or an operator or one of its parameters is unknown.
        """
        found = _apart(text, analyzer_results, merge_entities_with_spaces)
        return _operated(text, found, operators or {}, OPERATORS, OperatorConfig("replace"))

    def get_anonymizers(self) -> list[str]:
        """Names of operators."""
        return list(OPERATORS)


class DeanonymizeEngine:
    """Turns what was encrypted back."""

    def deanonymize(
        self, text: str, entities: Iterable[OperatorResult], operators: Mapping[str, OperatorConfig]
    ) -> EngineResult:
        """A text as it was; entities are those of the result that is turned back.

        Raises:
            UsageError: the key is another, or a stretch is not what was encrypted.
        """
        found = [RecognizerResult(each.entity_type, each.start, each.end, 1.0) for each in entities]
        found.sort(key=lambda each: each.start)
        _check(text, found)
        return _operated(text, found, operators, BACK, OperatorConfig("deanonymize_keep"))

    def get_deanonymizers(self) -> list[str]:
        """Names of operators."""
        return list(BACK)


def _check(text: str, found: Iterable[RecognizerResult]) -> None:
    for each in found:
        if not 0 <= each.start < each.end <= len(text):
            raise UsageError(
                f"Invalid analyzer result, start: {each.start} and end: {each.end}, "
                f"while text length is only {len(text)}.",
                next_step="give the results of this very text",
            )


def _apart(text: str, given: Iterable[Any], merge: bool) -> list[RecognizerResult]:
    """In order, none overlapping another: the surest gives the type, and nothing that was found stays."""
    found = [RecognizerResult(each.entity_type, each.start, each.end, each.score or 0.0) for each in given]
    _check(text, found)
    kept: list[RecognizerResult] = []
    for each in sorted(found, key=lambda one: (one.start, -one.end, -one.score)):
        last = kept[-1] if kept else None
        if last is None or each.start >= last.end:
            blank = last is not None and each.start > last.end and not text[last.end : each.start].strip(" ")
            if merge and blank and last is not None and last.entity_type == each.entity_type:
                last.end = each.end
            else:
                kept.append(each)
        elif each.end <= last.end or each.entity_type == last.entity_type:
            last.end = max(last.end, each.end)
        else:  # Presidio replaces both, each where it stands
            each.start = last.end
            kept.append(each)
    return kept


def _operated(
    text: str,
    found: list[RecognizerResult],
    operators: Mapping[str, OperatorConfig],
    known: Mapping[str, Callable[[str, dict[str, Any]], str]],
    default: OperatorConfig,
) -> EngineResult:
    parts, items, at, length = [], [], 0, 0
    for each in found:
        config = operators.get(each.entity_type) or operators.get("DEFAULT") or default
        if config.operator_name not in known:
            raise UsageError(
                f"Invalid operator class '{config.operator_name}'.", next_step=f"use one of: {', '.join(known)}"
            )
        new = known[config.operator_name](
            text[each.start : each.end], {**config.params, "entity_type": each.entity_type}
        )
        parts += [text[at : each.start], new]
        start = length + each.start - at
        length = start + len(new)
        items.append(OperatorResult(start, length, each.entity_type, new, config.operator_name, each.score))
        at = each.end
    return EngineResult("".join((*parts, text[at:])), reversed(items))


def _parameter(params: Mapping[str, Any], name: str, kind: type) -> Any:
    value = params.get(name)
    if not isinstance(value, kind):
        raise UsageError(f"Expected parameter {name}", cause=f"it must be {kind.__name__}", next_step="give it")
    return value


def _replace(text: str, params: dict[str, Any]) -> str:
    del text
    new = params.get("new_value")
    return f"<{params['entity_type']}>" if new is None else str(new)


def _mask(text: str, params: dict[str, Any]) -> str:
    sign: str = _parameter(params, "masking_char", str)
    if len(sign) != 1:
        raise UsageError("Invalid input, masking_char must be a character", next_step="give one")
    count: int = min(max(_parameter(params, "chars_to_mask", int), 0), len(text))
    if _parameter(params, "from_end", bool):
        return text[: len(text) - count] + sign * count
    return sign * count + text[count:]


def _hash(text: str, params: dict[str, Any]) -> str:
    """SHA-2 with a salt; without one given, each has its own, so that nobody finds it by trying names."""
    kind = params.get("hash_type", "sha256")
    if kind not in ("sha256", "sha512"):
        raise UsageError(f"there is no hash {kind!r}", next_step="use sha256 or sha512")
    salt = params.get("salt") or os.urandom(16)
    raw = salt.encode() if isinstance(salt, str) else bytes(salt)
    return hashlib.new(kind, raw + text.encode("utf-8", "surrogatepass")).hexdigest()


def _key(params: Mapping[str, Any]) -> bytes:
    key = params.get("key", b"")
    raw = key.encode() if isinstance(key, str) else bytes(key)
    if len(raw) not in (16, 24, 32):
        raise UsageError("Invalid input, key must be of length 128, 192 or 256 bits", next_step="give such a key")
    return raw


def _encrypt(text: str, params: dict[str, Any]) -> str:
    """AES in CBC mode with a random IV, as Presidio has it, so that each can open the other's."""
    padder = padding.PKCS7(128).padder()
    data = padder.update(text.encode("utf-8", "surrogatepass")) + padder.finalize()
    start = os.urandom(16)
    aes = Cipher(algorithms.AES(_key(params)), modes.CBC(start)).encryptor()
    return base64.urlsafe_b64encode(start + aes.update(data) + aes.finalize()).decode()


def _decrypt(text: str, params: dict[str, Any]) -> str:
    key = _key(params)
    try:
        data = base64.urlsafe_b64decode(text)
        aes = Cipher(algorithms.AES(key), modes.CBC(data[:16])).decryptor()
        unpadder = padding.PKCS7(128).unpadder()
        plain = unpadder.update(aes.update(data[16:]) + aes.finalize())
        return (plain + unpadder.finalize()).decode("utf-8", "surrogatepass")
    except ValueError as error:
        raise UsageError(
            "this cannot be decrypted", cause="the key is another, or the text was changed", next_step="check both"
        ) from error


def _custom(text: str, params: dict[str, Any]) -> str:
    made = params.get("lambda")
    if not callable(made):
        raise UsageError("New value must be a callable function", next_step='give it as {"lambda": function}')
    return str(made(text))


OPERATORS: Final[dict[str, Callable[[str, dict[str, Any]], str]]] = {
    "custom": _custom, "encrypt": _encrypt, "hash": _hash, "keep": lambda text, _: text, "mask": _mask,
    "redact": lambda *_: "", "replace": _replace,
}  # fmt: skip
BACK: Final[dict[str, Callable[[str, dict[str, Any]], str]]] = {
    "decrypt": _decrypt, "deanonymize_keep": lambda text, _: text, "custom": _custom,
}  # fmt: skip
