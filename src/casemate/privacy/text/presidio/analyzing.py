"""``presidio_analyzer``: the engine, results, and recognizers made of patterns or lists of words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.privacy.text.analyzer import Analyzer, Mode
from casemate.privacy.text.context import Words, around
from casemate.privacy.text.presidio.entities import ENTITIES, Choice, choice
from casemate.privacy.text.types import types

BOOST, FLOOR = 0.35, 0.4
"""What a context word adds to a score, and the least score with one (Presidio's LemmaContextAwareEnhancer)."""
KEPT = 32
"""Choices of entities and context whose analyzers an engine keeps."""


class RecognizerResult:
    """Something that was found: type, code points, score."""

    def __init__(
        self,
        entity_type: str,
        start: int,
        end: int,
        score: float,
        analysis_explanation: Any = None,
        recognition_metadata: dict[str, Any] | None = None,
    ) -> None:
        self.entity_type, self.start, self.end, self.score = entity_type, start, end, score
        self.analysis_explanation, self.recognition_metadata = analysis_explanation, recognition_metadata

    def to_dict(self) -> dict[str, Any]:
        """All of it, by name."""
        return dict(self.__dict__)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RecognizerResult:
        """From what `to_dict` gave."""
        return cls(data["entity_type"], data["start"], data["end"], data["score"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecognizerResult) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, int, int, float]:
        return self.entity_type, self.start, self.end, self.score

    def __repr__(self) -> str:
        return f"type: {self.entity_type}, start: {self.start}, end: {self.end}, score: {self.score}"


class Pattern:
    """An expression and its score."""

    def __init__(self, name: str, regex: str, score: float) -> None:
        if not 0 <= score <= 1:
            raise ValueError(f"Invalid score: {score}. Score should be between 0 and 1")
        self.name, self.regex, self.score = name, regex, score


class PatternRecognizer:
    """A recognizer of expressions, or of a list of words; subclasses may say more in ``validate_result``.

    Expressions run on RE2, in linear time; what RE2 does not know (look-around) is an error.
    """

    def __init__(
        self,
        supported_entity: str,
        name: str | None = None,
        supported_language: str = "en",
        patterns: Sequence[Pattern] | None = None,
        deny_list: Sequence[str] | None = None,
        context: Sequence[str] | None = None,
        deny_list_score: float = 1.0,
    ) -> None:
        if not supported_entity:
            raise ValueError("Pattern recognizer should be initialized with entity")
        if not patterns and not deny_list:
            raise ValueError("Pattern recognizer should be initialized with patterns or with deny list")
        self.supported_entities, self.supported_language = [supported_entity], supported_language
        self.name = name or type(self).__name__
        self.patterns, self.deny_list = list(patterns or ()), list(deny_list or ())
        self.context, self.deny_list_score = list(context or ()), deny_list_score
        engine = require("re2", extra="text")
        try:
            self._patterns = [(engine.compile(f"(?ims){each.regex}"), each.score) for each in self.patterns]
        except engine.error as error:
            raise UsageError(
                "this expression cannot run in linear time",
                cause=str(error)[:200],
                next_step="write it without look-around and back-references",
            ) from error
        words = sorted(self.deny_list, key=len, reverse=True)
        self._words = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)

    def validate_result(self, pattern_text: str) -> bool | None:
        """True is proof, False proof of the contrary."""
        del pattern_text
        return None

    def invalidate_result(self, pattern_text: str) -> bool | None:
        """True is proof of the contrary."""
        del pattern_text
        return None

    def analyze(
        self, text: str, entities: Sequence[str] | None = None, nlp_artifacts: Any = None, context: Sequence[str] = ()
    ) -> list[RecognizerResult]:
        """What it finds in a text, with words around it taken into account."""
        del entities, nlp_artifacts
        near = Words(tuple(self.context))
        found = [(match, score) for each, score in self._patterns for match in each.finditer(text)]
        if self.deny_list:
            found += [(match, self.deny_list_score) for match in self._words.finditer(text)]
        made: dict[tuple[int, int], RecognizerResult] = {}
        for match, base in found:
            start, end = match.span()
            proven = self.validate_result(match.group())
            if start == end or proven is False or self.invalidate_result(match.group()):
                continue
            score = 1.0 if proven else base
            told = {each.casefold() for each in context} & {each.casefold() for each in self.context}
            if self.context and (told or near.among(around(text, start, end))):
                score = max(min(score + BOOST, 1.0), FLOOR)
            if (score > 0 and (start, end) not in made) or score > made[start, end].score:
                meta = {"recognizer_name": self.name, "recognizer_identifier": self.name}
                made[start, end] = RecognizerResult(self.supported_entities[0], start, end, score, None, meta)
        return list(made.values())


class RecognizerRegistry:
    """The recognizers that were added."""

    def __init__(self, recognizers: Iterable[PatternRecognizer] = ()) -> None:
        self.recognizers = list(recognizers)

    def add_recognizer(self, recognizer: PatternRecognizer) -> None:
        """One more."""
        self.recognizers.append(recognizer)

    def remove_recognizer(self, recognizer_name: str) -> None:
        """Without those of this name."""
        self.recognizers = [each for each in self.recognizers if each.name != recognizer_name]

    def load_predefined_recognizers(self, *_: Any, **__: Any) -> None:
        """They are there already."""


class AnalyzerEngine:
    """Finds personal data.

    Args:
        registry: recognizers of the user's own; casemate's are always there.
        mode: how hard casemate looks.
        default_score_threshold: least score of what is told.
        supported_languages, nlp_engine: taken, and not needed.

    Example:
        >>> AnalyzerEngine(mode="fast").analyze(text="mail jane@example.com", language="en")
        [type: EMAIL_ADDRESS, start: 5, end: 21, score: 0.98]
    """

    def __init__(
        self,
        registry: RecognizerRegistry | None = None,
        nlp_engine: Any = None,
        default_score_threshold: float = 0.0,
        supported_languages: Sequence[str] | None = None,
        *,
        mode: Mode = "balanced",
    ) -> None:
        del nlp_engine
        self.registry, self.supported_languages = registry or RecognizerRegistry(), list(supported_languages or ["en"])
        self.default_score_threshold, self._mode = default_score_threshold, mode
        self._analyzers: dict[tuple[Choice, str], Analyzer] = {}

    def get_supported_entities(self, language: str | None = None) -> list[str]:
        """All types, and Presidio's own names for some of them."""
        mine = [each.supported_entities[0] for each in self._own(language)]
        return list(dict.fromkeys([*types(), *ENTITIES, *mine]))

    def _own(self, language: str | None) -> list[PatternRecognizer]:
        return [each for each in self.registry.recognizers if language in (None, each.supported_language)]

    def analyze(
        self,
        text: str,
        language: str,
        entities: Sequence[str] | None = None,
        correlation_id: str | None = None,
        score_threshold: float | None = None,
        return_decision_process: bool | None = False,
        ad_hoc_recognizers: Sequence[PatternRecognizer] | None = None,
        context: Sequence[str] | None = None,
        allow_list: Sequence[str] | None = None,
        allow_list_match: str = "exact",
        **_: Any,
    ) -> list[RecognizerResult]:
        """What is in a text; see Presidio's ``AnalyzerEngine.analyze``.

        Where ``entities`` are named, nothing else is looked for, and each may overlap another. ``context`` stands for
        words that are near although the text does not hold them.

        Raises:
            UsageError: ``allow_list_match`` is neither "exact" nor "regex".
        """
        del correlation_id, return_decision_process
        least = self.default_score_threshold if score_threshold is None else score_threshold
        wanted = frozenset(entities or ())
        found = self._built_in(text, language, sorted(wanted), context or ())
        for each in [*self._own(language), *(ad_hoc_recognizers or ())]:
            found += each.analyze(text, context=context or ())
        kept = [one for one in found if one.score >= least and (not wanted or one.entity_type in wanted)]
        if allow_list:
            kept = [one for one in kept if not _allowed(text[one.start : one.end], allow_list, allow_list_match)]
        return sorted(dict.fromkeys(kept), key=lambda one: (-one.score, one.start, one.end))

    def _built_in(
        self, text: str, language: str, wanted: Sequence[str], context: Sequence[str]
    ) -> list[RecognizerResult]:
        found: list[RecognizerResult] = []
        for entity in wanted or [""]:
            which = choice(entity, context)
            if which is None:
                continue
            key = (which, language)
            analyzer = self._analyzers.pop(key, None)
            if analyzer is None:
                analyzer = which.analyzer(self._mode, language)
            self._analyzers[key] = analyzer  # the last that was used comes last
            while len(self._analyzers) > KEPT:
                del self._analyzers[next(iter(self._analyzers))]
            found += [
                RecognizerResult(
                    entity or span.type, span.start, span.end, span.score, ", ".join(span.why) or None,
                    {"recognizer_name": span.source, "recognizer_identifier": span.source},
                )
                for span in analyzer.find(text)
            ]  # fmt: skip
        return found


def _allowed(value: str, words: Sequence[str], match: str) -> bool:
    if match == "exact":
        return value in words
    if match != "regex":
        raise UsageError("allow_list_match must be 'exact' or 'regex'", next_step="use one of them")
    engine = require("re2", extra="text")
    return any(engine.search(f"(?ims){each}", value) for each in words)
