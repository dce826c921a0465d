"""Write names of an installed framework that a saved model may hold, for review, as ``allow/PACKAGE-classes.toml``.

Listed: classes below given bases, in given modules, that are constructed empty and given a state. Left out: abstract
classes and those whose ``__setstate__`` or ``__reduce__`` is their own, unless it was read and is named here. Functions
are named one by one in the table, by hand. Usage: python tools/list_model_names.py torch > torch-classes.toml
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections import defaultdict
from types import ModuleType

ROOTS: dict[str, dict[str, tuple[str, ...]]] = {
    # package: modules (a star walks all below): bases
    "torch": {
        "torch.nn.modules.*": ("torch.nn.modules.module:Module",),
        "torch.optim.*": ("torch.optim.optimizer:Optimizer", "torch.optim.lr_scheduler:LRScheduler"),
        "torch.nn.utils.weight_norm": ("builtins:object",),
        "torch.nn.utils.spectral_norm": ("builtins:object",),
    },
    "xgboost": {"xgboost.sklearn": ("sklearn.base:BaseEstimator",), "xgboost.core": ("xgboost.core:Booster",)},
    "lightgbm": {"lightgbm.sklearn": ("sklearn.base:BaseEstimator",), "lightgbm.basic": ("lightgbm.basic:Booster",)},
    "catboost": {"catboost.core": ("catboost.core:_CatBoostBase",)},
    "nltk": {
        "nltk.tokenize.punkt": ("builtins:object",),
        "nltk.tag.*": ("nltk.tag.api:TaggerI",),
        "nltk.classify.*": ("nltk.classify.api:ClassifierI",),
        "nltk.probability": ("nltk.probability:ProbDistI", "nltk.probability:FreqDist"),
    },
    "gensim": {"gensim.models.*": ("gensim.utils:SaveLoad",), "gensim.corpora.dictionary": ("gensim.utils:SaveLoad",)},
}
REFUSED = ("nltk.classify.weka", "nltk.tag.stanford", "nltk.tag.senna", "nltk.tag.hunpos", "nltk.tag.crf")
"""Modules whose instances run another program, of a path that they carry."""

READ = frozenset(
    """
    torch.nn.modules.module:Module torch.optim.optimizer:Optimizer xgboost.core:Booster lightgbm.basic:Booster
    catboost.core:_CatBoostBase catboost.core:CatBoost sklearn.base:BaseEstimator nltk.probability:FreqDist
    torch.nn.modules.activation:MultiheadAttention torch.nn.modules.rnn:RNNBase
    torch.nn.modules.transformer:TransformerEncoderLayer torch.nn.modules.transformer:TransformerDecoderLayer
    torch.nn.modules.batchnorm:_NormBase
    torch.nn.modules.activation:Softmax torch.nn.modules.activation:Softmin torch.nn.modules.activation:LogSoftmax
    torch.nn.modules.conv:_ConvNd torch.nn.modules.pooling:AvgPool3d torch.nn.modules.upsampling:Upsample
    torch.optim.adadelta:Adadelta torch.optim.adagrad:Adagrad torch.optim.adam:Adam torch.optim.adamw:AdamW
    torch.optim.adamax:Adamax torch.optim.asgd:ASGD torch.optim.nadam:NAdam torch.optim.radam:RAdam
    torch.optim.rmsprop:RMSprop torch.optim.rprop:Rprop torch.optim.sgd:SGD torch.nn.utils.weight_norm:WeightNorm
    """.split()  # noqa: SIM905 - a table of words
)
"""Classes whose own ``__setstate__`` was read: it sets attributes, fills in defaults, or hands bytes to a parser."""


def modules(pattern: str) -> list[ModuleType]:
    """The module of that name, and with a star all below it that can be imported."""
    top = importlib.import_module(pattern.removesuffix(".*"))
    found = [top]
    if pattern.endswith(".*"):
        for entry in pkgutil.walk_packages(top.__path__, top.__name__ + "."):
            try:
                found.append(importlib.import_module(entry.name))
            except Exception as error:
                print(f"# not importable here: {entry.name} ({type(error).__name__})", file=sys.stderr)
    return found


def fetched(name: str) -> type:
    """The class of that name."""
    module, _, attribute = name.partition(":")
    kind: type = getattr(importlib.import_module(module), attribute)
    return kind


def plain(kind: type) -> bool:
    """Whether nothing but reviewed code runs when an instance is given a state."""
    for special in ("__setstate__", "__reduce__", "__reduce_ex__", "__getnewargs__", "__getnewargs_ex__", "__del__"):
        for base in kind.__mro__:
            if special in vars(base) and base is not object:
                if f"{base.__module__}:{base.__name__}" not in READ:
                    return False
                break
    return True


def main() -> None:
    """Print the table."""
    package = sys.argv[1]
    version = getattr(importlib.import_module(package), "__version__", "")
    table: dict[str, set[str]] = defaultdict(set)
    for pattern, bases in ROOTS[package].items():
        wanted = tuple(map(fetched, bases))
        for module in modules(pattern):
            for name, kind in vars(module).items():
                own = isinstance(kind, type) and kind.__module__ == module.__name__ and kind.__qualname__ == name
                own = own and module.__name__ not in REFUSED
                if own and issubclass(kind, wanted) and not inspect.isabstract(kind):
                    if plain(kind):
                        table[module.__name__].add(name)
                    else:
                        print(f"# to be read first: {module.__name__}:{name}", file=sys.stderr)
    print(f"# Classes of {package} {version} that a saved model may hold, by tools/list_model_names.py.")
    for module_name in sorted(table):
        print(
            f'\n["{module_name}"]\nconstruct = [\n' + "".join(f'    "{n}",\n' for n in sorted(table[module_name])) + "]"
        )


if __name__ == "__main__":
    main()
