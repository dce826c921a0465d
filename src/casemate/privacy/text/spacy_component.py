"""A component of spaCy pipelines: ``nlp.add_pipe("casemate_pii")``.

spaCy finds it through the entry point ``spacy_factories``; nothing has to be imported. It needs nothing else in the
pipeline, so a blank one will do. Offsets are those of spaCy: a token of which any part was found belongs to the span
whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from casemate.core.optional import require
from casemate.privacy.text.analyzer import Analyzer, Mode
from casemate.privacy.text.spans import Span

NAME: Final = "casemate_pii"
KEY: Final = "casemate"
"""Of ``doc.spans``."""


class Component:
    """Writes what it finds to ``doc.spans``, and on request to ``doc.ents``.

    ``doc.spans[key].attrs["scores"]`` are the scores, in order, as of spaCy's own span categorizer.

    Args:
        mode: how hard to look.
        languages: of the texts; all if none.
        types: that are looked for; all if none.
        threshold: least score of what is told.
        key: of ``doc.spans``.
        ents: whether ``doc.ents`` gets them too; entities of others that overlap them are left out then.
    """

    def __init__(
        self, mode: Mode = "balanced", languages: Sequence[str] = (), types: Sequence[str] = (),
        threshold: float = 0.5, key: str = KEY, ents: bool = False,
    ) -> None:  # fmt: skip
        self._options = (mode, tuple(languages), tuple(types), threshold, key, ents)
        self.key, self.ents = key, ents
        self.analyzer = Analyzer(mode, languages=languages, types=types, threshold=threshold)

    def __reduce__(self) -> tuple[type[Component], tuple[Any, ...]]:
        """For ``nlp.pipe(n_process=2)``: compiled expressions do not travel, what they are made of does."""
        return Component, self._options

    def __call__(self, doc: Any) -> Any:
        """A document with spans."""
        found = self.analyzer.find(doc.text)
        spans = [self._span(doc, each) for each in found]
        doc.spans[self.key] = spans
        doc.spans[self.key].attrs["scores"] = [each.score for each in found]
        if self.ents:
            mine = require("spacy.util", extra="spacy").filter_spans(spans)
            taken = {token.i for span in mine for token in span}
            others = [each for each in doc.ents if not any(token.i in taken for token in each)]
            doc.ents = sorted([*mine, *others], key=lambda each: int(each.start))
        return doc

    def _span(self, doc: Any, each: Span) -> Any:
        return doc.char_span(each.start, each.end, label=each.type, alignment_mode="expand")


def create(
    nlp: Any, name: str, mode: Mode, languages: list[str], types: list[str], threshold: float, key: str, ents: bool
) -> Component:
    """What spaCy calls, with the configuration of the pipeline."""
    del nlp, name
    return Component(mode, languages, types, threshold, key, ents)


def __getattr__(name: str) -> Any:
    """The factory, registered when spaCy asks for it; so that nothing else needs spaCy."""
    if name != NAME:
        raise AttributeError(name)
    language = require("spacy.language", extra="spacy").Language
    options = {"mode": "balanced", "languages": [], "types": [], "threshold": 0.5, "key": KEY, "ents": False}
    return language.factory(NAME, default_config=options, assigns=["doc.spans"])(create)
