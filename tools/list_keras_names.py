"""Prints names/keras.toml: what a saved Keras model may name, from Keras 3 (imported) and Keras 2 (its wheel, read).

    python tools/list_keras_names.py tf_keras-2.X-py3-none-any.whl

A class is listed by every public path and by the module that defines it, because files hold both; without a module, as
Keras 2 writes it, by its name. What a model may never name stands in DENIED, by hand, with the reason beside it in the
rules. Reviewed by reading the printed list: nothing on it takes code, a path or a URL from its configuration, except
what the parser looks at itself (vocabulary, TFOpLambda's function).
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
import sys
import zipfile
from types import ModuleType

import keras
import tensorflow as tf
from keras.src.dtype_policies.dtype_policy import DTypePolicy
from keras.src.ops.operation import Operation
from keras.src.quantizers.quantizers import Quantizer

BASES = (
    keras.layers.Layer, keras.Initializer, keras.Regularizer, keras.constraints.Constraint, keras.Optimizer,
    keras.optimizers.schedules.LearningRateSchedule, keras.Loss, keras.Metric, keras.Model, DTypePolicy, Quantizer,
    Operation,
)  # fmt: skip
FUNCTIONS = """
activations initializers losses metrics regularizers constraints ops ops.nn ops.numpy
""".split()  # noqa: SIM905
DENIED = {
    "Lambda": "keras.lambda",
    "TorchModuleWrapper": "keras.foreign", "FlaxLayer": "keras.foreign", "JaxLayer": "keras.foreign",
    "TFSMLayer": "keras.foreign",
}  # fmt: skip
DENIED_FUNCTIONS = """
get_file enable_unsafe_deserialization load_model load_weights deserialize_keras_object
register_keras_serializable exec eval system popen Popen run call check_output __import__ import_module loads
load open getattr compile breakpoint model_from_json image_dataset_from_directory
""".split()  # noqa: SIM905
PACKAGES = """
numpy torch pandas joblib dill cloudpickle requests urllib3 httpx setuptools pip IPython mlflow scipy sklearn
matplotlib paramiko fabric sh yaml jinja2 numexpr distutils pkg_resources _pytest pytest cffi ray dask nltk absl
h5py
""".split()  # noqa: SIM905
HELPERS = ("get", "serialize", "deserialize", "get_file")
TENSORFLOW = """
math nn linalg signal image strings bitwise sparse random ragged dtypes keras.backend keras.activations
__operators__
""".split()  # noqa: SIM905
NO_TENSORFLOW = """
py_function numpy_function function eval print load_library load_op_library get_static_value map_fn while_loop
cond case switch_case scan foldl foldr vectorized_map custom_gradient recompute_grad init_scope device
name_scope variable_creator_scope call_for_each import_graph_def make_tensor_proto make_ndarray
grad_pass_through nondifferentiable_batch_function
""".split()  # noqa: SIM905
OPERATORS = """
add sub mul truediv div floordiv mod pow neg abs getitem eq ne lt le gt ge and or xor not invert matmul radd
rsub rmul rtruediv rdiv rpow ragged_getitem
""".split()  # noqa: SIM905
KERAS_2 = """
layers initializers optimizers losses metrics regularizers constraints models mixed_precision Model Sequential
dtensor
""".split()  # noqa: SIM905


def packages() -> list[ModuleType]:
    """The public modules of Keras."""
    found = [keras]
    for info in pkgutil.walk_packages(keras.__path__, "keras."):
        skip = ("keras.src", "keras._tf_keras", "keras.api", "keras.wrappers", "keras.datasets", "keras.applications")
        if info.ispkg and not info.name.startswith(skip):
            found.append(__import__(info.name, fromlist=["x"]))
    return found


def keras_3() -> tuple[set[str], set[str]]:
    """Objects ("module:Class") and functions ("module:function") of Keras 3."""
    objects, functions = set(), set()
    for module in packages():
        for name, value in vars(module).items():
            if inspect.isclass(value) and issubclass(value, BASES) and name not in DENIED:
                objects |= {f"{module.__name__}:{name}", f"{value.__module__}:{value.__name__}"}
            where = module.__name__.removeprefix("keras.")
            if inspect.isfunction(value) and where in FUNCTIONS and name not in HELPERS:
                functions |= {f"{module.__name__}:{name}", f"builtins:{name}", f"{value.__module__}:{value.__name__}"}
    for value in subclasses(Operation):
        if value.__module__.startswith("keras.src.ops.") and value.__name__ not in DENIED:
            objects.add(f"{value.__module__}:{value.__name__}")
    objects |= {"keras.src.models.functional:Functional", "keras.src.engine.functional:Functional"}
    return objects, functions


def subclasses(base: type) -> set[type]:
    """All classes below a class."""
    return {base}.union(*(subclasses(each) for each in base.__subclasses__()))


def keras_2(wheel: str) -> tuple[set[str], set[str], set[str]]:
    """Objects with their modules, bare class names, and functions that Keras 2 exports, by reading its source."""
    objects, classes, functions = set(), set(), set()
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if not member.endswith(".py") or "/src/" not in member:
                continue
            for node in ast.parse(archive.read(member)).body:
                if not isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                    continue
                for path in exports(node):
                    module, _, name = path.rpartition(".")
                    part = module.partition(".")[2].partition(".")[0] or name
                    if isinstance(node, ast.ClassDef) and part in KERAS_2 and not DENIED.keys() & {name, node.name}:
                        objects.add(f"{module}:{name}")
                        classes |= {name, node.name}
                    if isinstance(node, ast.FunctionDef) and part in FUNCTIONS and name not in HELPERS:
                        functions |= {f"{module}:{name}", f"builtins:{name}"}
    return objects, classes, functions


def exports(node: ast.ClassDef | ast.FunctionDef) -> list[str]:
    """Public paths in a ``keras_export`` decorator."""
    found = []
    for each in node.decorator_list:
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "keras_export":
            texts = [*each.args, *(keyword.value for keyword in each.keywords)]
            leaves = [leaf for text in texts for leaf in ast.walk(text)]
            found += [leaf.value for leaf in leaves if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)]
    return found


def tensorflow() -> set[str]:
    """Functions of TensorFlow that Keras 2 writes for operations on its tensors (TFOpLambda)."""
    found = {f"__operators__.{name}" for name in OPERATORS} | {
        "compat.v1.shape",
        "compat.v1.transpose",
        "compat.v1.pad",
    }
    for path in ("", *TENSORFLOW):
        holder = tf
        for part in path.split(".") if path else ():
            holder = getattr(holder, part, None)
        for name in dir(holder) if holder is not None else ():
            value = getattr(holder, name)
            if inspect.isfunction(value) and not name.startswith("_") and name not in NO_TENSORFLOW:
                found.add(f"{path}.{name}" if path else name)
    return {name for name in found if not name.startswith(("image.decode", "io.", "sparse.map"))}


def show(kind: str, unknown: str, allow: set[str], deny: dict[str, str]) -> None:
    """Print one table."""
    print(f'\n["{kind}"]\nunknown = "{unknown}"')
    print("allow = [\n" + "".join(f'    "{name}",\n' for name in sorted(allow)) + "]")
    if deny:
        print(f'["{kind}".deny]\n' + "".join(f'"{name}" = "{fact}"\n' for name, fact in sorted(deny.items())), end="")


def main() -> None:
    """Print the lists."""
    objects, functions = keras_3()
    more, classes, others = keras_2(sys.argv[1])
    objects, functions = objects | more, functions | others
    classes |= {name.partition(":")[2] for name in objects} | {"Functional", "Model", "Sequential", "ModuleWrapper"}
    classes |= {"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "Policy", "PolicyV1", "InputSpec"}
    classes -= {"TensorFlowOpLayer", "ModuleWrapper"}
    names = {name.partition(":")[2] for name in functions} | classes
    names |= {name.lower() for name in classes} | {"acc", "ce", "crossentropy", "accuracy", "linear"}
    names |= {snake(name) for name in classes}
    print(f"# Names of Keras {keras.__version__} and Keras 2; written by tools/list_keras_names.py.")
    show("keras.object", "keras.custom", objects, {})
    show("keras.class", "keras.custom", classes, DENIED)
    show("keras.function", "keras.custom-function", functions, {})
    show("keras.function-name", "keras.custom-function", set(), dict.fromkeys(DENIED_FUNCTIONS, "keras.call"))
    show("keras.package", "keras.custom", set(), dict.fromkeys(PACKAGES, "keras.import"))
    show("keras.named", "keras.custom-function", names, {})
    show("keras.operation", "keras.operation", tensorflow(), {})


def snake(name: str) -> str:
    """The name that Keras derives from a class for a string ("GlorotUniform" is "glorot_uniform")."""
    return "".join(
        "_" + c.lower() if c.isupper() and i and not name[i - 1].isupper() else c.lower() for i, c in enumerate(name)
    )


if __name__ == "__main__":
    main()
