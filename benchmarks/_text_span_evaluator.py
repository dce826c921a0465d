"""presidio-evaluator's own SpanEvaluator over what systems found; runs in the environment presidio-research.

In, a line of JSON: {"texts": [...], "truth": [[[start, end, type], ...], ...], "found": {system: [[[start, end, type,
score], ...], ...]}}. Out: {system: {"pii": [precision, recall, F2], "typed": [precision, recall, F2]}}. Tokens are
those of spaCy's English rules, tags are made by its ``span_to_tag``, everything else is its default (intersection
over union of .9 of characters, its skip words). ``pii`` ignores types, as its notebooks report; ``typed`` sums over
types.

Usage: python benchmarks/_text_span_evaluator.py FOLDER, the folder in which presidio_evaluator lies.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys


def scored(evaluator, frame) -> dict[str, list[float]]:
    """Precision, recall and F2, of any type and by type."""
    result = evaluator.calculate_score_on_df(frame, beta=2)
    each = result.per_type.values()
    right, said, true = (sum(getattr(one, name) for one in each)
                         for name in ("true_positives", "num_predicted", "num_annotated"))  # fmt: skip
    typed = [right / max(said, 1), right / max(true, 1), 5 * right / max(4 * true + said, 1)]
    return {"pii": [result.pii_precision, result.pii_recall, result.pii_f], "typed": typed}


def main() -> None:
    """Read, score, write."""
    logging.disable(logging.WARNING)
    sys.path.insert(0, sys.argv[1])
    import pandas as pd
    import spacy
    from presidio_evaluator import span_to_tag
    from presidio_evaluator.evaluation import SpanEvaluator

    given = json.loads(sys.stdin.readline())
    tokenize = spacy.blank("en")
    docs = [tokenize(text) for text in given["texts"]]
    truth = [tagged(span_to_tag, doc, [(*each, 1.0) for each in one])
             for doc, one in zip(docs, given["truth"], strict=True)]  # fmt: skip
    answer = {}
    for name, found in given["found"].items():
        rows = []
        for at, (doc, tags, one) in enumerate(zip(docs, truth, found, strict=True)):
            said = tagged(span_to_tag, doc, one)
            rows += [(at, token.text, tag, mine, token.idx) for token, tag, mine in zip(doc, tags, said, strict=True)]
        frame = pd.DataFrame(rows, columns=["sentence_id", "token", "annotation", "prediction", "start_indices"])
        answer[name] = scored(SpanEvaluator(), frame)
    print(json.dumps(answer), file=sys.__stdout__)


def tagged(span_to_tag, doc, spans) -> list[str]:
    """The type of each token."""
    starts, ends, types, scores = ([one[at] for one in spans] for at in range(4))
    return span_to_tag("IO", doc.text, starts, ends, types, scores, tokens=doc)


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        main()
