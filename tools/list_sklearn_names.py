"""Write the names of the installed scikit-learn that a saved model may hold, for review, as ``allow/sklearn.toml``.

Listed, never loaded: estimators (all of them define no state of their own beyond BaseEstimator's), the small classes
they keep, pure functions that users pass to them. Whoever reviews the diff reads each new class's __setstate__,
__reduce__ and __new__. Usage: python tools/list_sklearn_names.py > sklearn.toml, in the room's pickles/allow.
"""

from __future__ import annotations

import importlib
import inspect
from collections import defaultdict
from types import ModuleType

import sklearn
from sklearn.gaussian_process.kernels import Kernel
from sklearn.model_selection import BaseCrossValidator
from sklearn.model_selection._split import _RepeatedSplits
from sklearn.neural_network._stochastic_optimizers import BaseOptimizer
from sklearn.utils import all_estimators

CALLED = {
    "sklearn._loss._loss": ("Cy*",),
    "sklearn.linear_model._sgd_fast": ("EpsilonInsensitive", "Hinge", "ModifiedHuber", "SquaredEpsilonInsensitive",
                                       "SquaredHinge", "Log", "Huber", "SquaredLoss"),
    "sklearn.utils._weight_vector": ("WeightVector*",),
}  # fmt: skip
SET = {
    "sklearn._loss._loss": ("CyHalfMultinomialLoss", "__pyx_unpickle_CyHalfMultinomialLoss"),
    "sklearn.metrics._dist_metrics": ("newObj",),
    "sklearn.neighbors._ball_tree": ("newObj",),
    "sklearn.neighbors._kd_tree": ("newObj",),
    "sklearn.tree._tree": ("Tree",),
}
CONSTRUCTED = {
    "sklearn._loss.link": ("*Link", "*Logit", "Interval"),
    "sklearn._loss.loss": ("*Loss*", "*Error"),
    "sklearn.calibration": ("_CalibratedClassifier", "_SigmoidCalibration", "_TemperatureScaling"),
    "sklearn.cluster._birch": ("_CFNode", "_CFSubcluster"),
    "sklearn.cluster._bisect_k_means": ("_BisectingTree",),
    "sklearn.compose._column_transformer": ("make_column_selector", "_RemainderColsList"),
    "sklearn.ensemble._gb_losses": ("*",),
    "sklearn.ensemble._hist_gradient_boosting.binning": ("_BinMapper",),
    "sklearn.ensemble._hist_gradient_boosting.predictor": ("TreePredictor",),
    "sklearn.gaussian_process._gpc": ("_BinaryGaussianProcessClassifierLaplace",),
    "sklearn.gaussian_process.kernels": ("Hyperparameter",),
    "sklearn.impute._iterative": ("_ImputerTriplet",),
    "sklearn.metrics._scorer": ("_CurveScorer", "_PassthroughScorer", "_Scorer", "_MultimetricScorer"),
    "sklearn.model_selection._split": ("_CVIterableWrapper",),
    "sklearn.multiclass": ("_ConstantPredictor",),
    "sklearn.utils._bunch": ("Bunch",),
    "sklearn.utils._metadata_requests": ("MetadataRequest", "MethodMetadataRequest", "MethodMapping", "MetadataRouter"),
}
IMPORTED = {
    "sklearn.cluster._kmeans": ("_kmeans_single_lloyd", "_kmeans_single_elkan"),
    "sklearn.feature_selection._mutual_info": ("mutual_info_*",),
    "sklearn.feature_selection._univariate_selection": (
        "chi2",
        "f_classif",
        "f_oneway",
        "f_regression",
        "r_regression",
    ),
    "sklearn.metrics._classification": ("*_score", "*_loss", "confusion_matrix"),
    "sklearn.metrics._ranking": ("*_score", "*_loss", "auc", "*_error"),
    "sklearn.metrics._regression": ("*_score", "*_error", "*_loss", "*_deviance"),
    "sklearn.metrics.pairwise": ("*_kernel", "*_distances", "*_similarity"),
    "sklearn.metrics._dist_metrics": ("*Distance64", "*Distance32", "*Distance"),
    "sklearn.neighbors._ball_tree": ("BallTree*",),
    "sklearn.neighbors._kd_tree": ("KDTree*",),
    "sklearn.utils.validation": ("check_array",),
}
REFUSED = {"PyFuncDistance", "PyFuncDistance32", "PyFuncDistance64"}  # call what they are given from compiled code


def matching(module: ModuleType, patterns: tuple[str, ...]) -> list[str]:
    """Names defined by a module that match one of the patterns (a star at either end)."""

    def fits(name: str, pattern: str) -> bool:
        core = pattern.strip("*")
        if pattern.startswith("*") and pattern.endswith("*"):
            return core in name
        if pattern.startswith("*"):
            return name.endswith(core)
        return name.startswith(core) if pattern.endswith("*") else name == core

    return [
        name
        for name, value in vars(module).items()
        if callable(value)
        and any(fits(name, pattern) for pattern in patterns)
        and getattr(value, "__module__", "") == module.__name__
        and getattr(value, "__name__", "") == name
        and not inspect.isabstract(value)
        and name not in REFUSED
    ]


def subclasses(base: type) -> set[type]:
    """All classes below a class."""
    return {base}.union(*(subclasses(each) for each in base.__subclasses__())) if base is not object else set()


def main() -> None:
    """Print the table."""
    table: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    importlib.import_module("sklearn.experimental.enable_halving_search_cv")
    importlib.import_module("sklearn.experimental.enable_iterative_imputer")
    classes = [kind for _, kind in all_estimators()]
    for base in (Kernel, BaseCrossValidator, _RepeatedSplits, BaseOptimizer, *_others()):
        classes += [kind for kind in subclasses(base) if not inspect.isabstract(kind)]
    for kind in classes:
        if kind.__module__.startswith("sklearn."):
            table[kind.__module__]["construct"].add(kind.__name__)
    for role, wanted in (
        ("call", CALLED), ("call-and-set", SET), ("construct", CONSTRUCTED), ("import", IMPORTED),
    ):  # fmt: skip
        for name, patterns in wanted.items():
            try:
                module = importlib.import_module(name)
            except ModuleNotFoundError:
                continue
            table[name][role].update(matching(module, patterns))
    table["sklearn.utils._bunch"]["fill"].add("Bunch")
    print(
        f"# Names of scikit-learn {sklearn.__version__} that a saved model may hold; see tools/list_sklearn_names.py."
    )
    for module_name in sorted(table):
        print(f'\n["{module_name}"]')
        for role in sorted(table[module_name]):
            names = sorted(table[module_name][role])
            if names:
                print(f"{role} = [\n" + "".join(f'    "{name}",\n' for name in names) + "]")


def _others() -> tuple[type, ...]:
    module = importlib.import_module("sklearn.model_selection._split")
    return module.BaseShuffleSplit, module._UnsupportedGroupCVMixin


if __name__ == "__main__":
    main()
