"""Replays the case tables of keras on the real layers: names, shapes, what trains, what comes out, what is refused.

    python -m tools.oracle.keras_layers

Needs Keras 3 with a backend (KERAS_BACKEND), and TensorFlow for the layers that look words up.
"""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
from keras.src.applications import convnext, inception_resnet_v2

from paramcount.schema.registry import LAYERS, load_plugins
from tools.cases.layers import Case, cases, is_shape
from tools.oracle.refusals import check_refusal

DOCS = Path(__file__).parents[2] / "docs/keras.md"
BASE = frozenset(("name", "trainable", "dtype", "autocast", "activity_regularizer"))
"""Arguments of every layer, which the reader takes for itself."""
DERIVED = frozenset(("quantization_mode", "adds_widths"))
"""Arguments of the formulas that the reader derives from a dtype policy, or from the Keras that wrote the document."""


DROPPED = ("paramcount.layers.keras.dropped", "paramcount.layers.keras.feature_columns")
"""Modules of layers that Keras 3 does not have."""


def class_of(kind: str) -> Any:
    """The real class."""
    homes = (keras.layers, convnext, inception_resnet_v2)
    return next(getattr(home, kind) for home in homes if hasattr(home, kind))


def layer_of(kind: str, config: dict[str, Any], name: str = "it") -> Any:
    """The real layer, layers inside it included."""
    config = dict(config)
    signature = LAYERS[f"keras.{kind}"].signature
    for part in signature.parts & config.keys():
        value = config[part]
        config[part] = [part_of(one) for one in value] if isinstance(value, list) else part_of(value)
    if mode := config.pop("quantization_mode", None):
        config["dtype"] = _policy(mode)
    if isinstance(config.get("quantization_config"), dict):
        config["quantization_config"] = keras.saving.deserialize_keras_object(config["quantization_config"])
    return class_of(kind)(**config, **({"name": name} if "name" not in config else {}))


def part_of(item: Any) -> Any:
    """The real layer inside another; what is no layer goes to Keras as it is, which has to refuse it."""
    if not isinstance(item, dict):
        return item
    config = {name: value for name, value in item.items() if name not in ("type", "name")}
    return layer_of(item["type"], config, item.get("name", "inner"))


def _policy(mode: str) -> Any:
    name, _, history = mode.partition("/")
    if name == "float8" and history:
        return keras.dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32", int(history))
    return f"{mode}_from_float32"


def tensor_of(value: Any) -> Any:
    """A symbolic input, or a structure of them."""
    if is_shape(value):
        return keras.KerasTensor(tuple(value))
    return [tensor_of(one) for one in value] if isinstance(value, list) else {k: tensor_of(v) for k, v in value.items()}


def run(case: Case) -> tuple[Any, Any]:
    """The layer as built by a call, and the shapes that come out."""
    keras.backend.clear_session()
    layer = layer_of(case.type.partition(".")[2], case.config)
    if isinstance(layer, keras.layers.InputLayer):
        return layer, layer.output
    kwargs = {name: tensor_of(value) for name, value in case.kwargs.items()}
    return layer, layer(*map(tensor_of, case.inputs), **kwargs, **case.flags)


def observe(case: Case) -> dict[str, Any]:
    """Build the real layer of a case, and return what its table states: tensors, output shape, total."""
    layer, output = run(case)
    trainable = {id(variable) for variable in layer.trainable_weights}
    names = {_name(variable): variable for variable in layer.weights}
    shapes = [list(tensor.shape) for tensor in keras.tree.flatten(output)]
    return {
        "tensors": {name: list(v.shape) for name, v in names.items() if id(v) in trainable},
        "others": {name: list(v.shape) for name, v in names.items() if id(v) not in trainable},
        "output": shapes[0] if len(shapes) == 1 else shapes,
        "total": layer.count_params(),
        "count": len(layer.weights),
    }


def _name(variable: Any) -> str:
    return str(variable.path).partition("/")[2].replace("/", ".")


def compare(case: Case, accepted: Sequence[Case]) -> str:
    """Return how the real layer differs from a case's table, or ''."""
    if case.error:
        return check_refusal(run, case, accepted)
    real = observe(case)
    table = {
        "tensors": case.tensors,
        "others": case.frozen | case.buffers,
        "output": case.output,
        "total": case.total,
        "count": len(case.tensors) + len(case.frozen) + len(case.buffers),
    }
    return "; ".join(f"{key}: {real[key]}, not {table[key]}" for key in table if real[key] != table[key])


def compare_arguments() -> Iterator[str]:
    """Constructor arguments that a formula neither takes nor ignores, and those that no constructor has."""
    replayed = {case.type for case in cases("keras") if case.replay}  # Keras 3 has no class of the others
    for name, kind in LAYERS.items():
        dialect, _, bare = name.partition(".")
        if (
            dialect != "keras"
            or kind.origin in DROPPED
            or (name not in replayed and kind.origin.startswith("paramcount."))
        ):
            continue
        real = class_of(bare)
        stated = set(inspect.signature(real.__init__).parameters) - {"self", "args", "kwargs"} - BASE
        inherited = {p for base in real.__mro__[:-1] for p in inspect.signature(base.__init__).parameters}
        popped = {name for base in real.__mro__[:-1] for name in _popped_arguments(base)}
        known = kind.signature.arguments | kind.signature.ignored
        if missing := stated - known:
            yield f"{name} does not know {', '.join(sorted(missing))}"
        if strange := known - inherited - popped - DERIVED:
            yield f"{name} has arguments of its own: {', '.join(sorted(strange))}"
        calls = set(inspect.signature(real.call).parameters)
        takes = {one.name for one in kind.signature.inputs} | kind.signature.flags
        if bare != "InputLayer" and (unknown := takes - calls):
            yield f"{name} is called with what Keras does not have: {', '.join(sorted(unknown))}"


def _popped_arguments(base: type) -> list[str]:
    try:
        return re.findall(r"kwargs\.pop\(\s*\"(\w+)\"", inspect.getsource(base))
    except (OSError, TypeError):
        return []


def list_unregistered() -> Iterator[str]:
    """Classes of keras.layers that are neither registered nor explained in the docs."""
    names: dict[type, list[str]] = {}
    for name, value in vars(keras.layers).items():
        if inspect.isclass(value):
            names.setdefault(value, []).append(name)
    documented = set(re.findall(r"^\| `(\w+)` \|", DOCS.read_text(), re.MULTILINE))
    for aliases in names.values():
        if not any(f"keras.{alias}" in LAYERS or alias in documented for alias in aliases):
            yield f"keras.layers.{aliases[0]} is not registered, and docs/keras.md does not say why"


def main() -> int:
    warnings.simplefilter("ignore")
    load_plugins()
    passed, failures = 0, [*compare_arguments(), *list_unregistered()]
    replayed = [case for case in cases("keras") if case.replay and LAYERS[case.type].origin not in DROPPED]
    accepted: list[Case] = []
    for case in sorted(replayed, key=lambda case: bool(case.error)):  # what must be refused comes last
        try:
            wrong = compare(case, accepted)
        except Exception as error:  # noqa: BLE001  any error of the real layer is a disagreement
            wrong = f"Keras refuses it: {type(error).__name__}: {str(error)[:300]}"
        if wrong:
            failures.append(f"{case.id}: {wrong}")
        elif not case.error:
            accepted.append(case)
        passed += not wrong
    for failure in failures:
        print(failure)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
