"""Layers that are no models: class, arguments by the names of Keras 3, dtype."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from paramcount.formats.keras import keras_1, legacy, warnings
from paramcount.formats.keras.raw import RawLayer
from paramcount.formats.keras.writer import FlagRule, Writer
from paramcount.model.cache import MAX_KEY_BYTES, Cache
from paramcount.model.dtypes import DTYPE_NAMES
from paramcount.model.layers import Call, Layer
from paramcount.model.report import ReportWarning
from paramcount.schema.registry import LAYERS

_BASE = frozenset(("name", "trainable", "dtype", "autocast", "activity_regularizer", "dynamic"))
"""Arguments of keras.Layer, which every layer has."""

_KERAS_MODULES = ("keras.", "tf_keras.", "tensorflow.keras.", "tensorflow.python.keras.")


_REGISTERED = frozenset(("Custom>CustomScaleLayer",))  # as Keras 2 registers its own, without a package
OPERATIONS = frozenset(("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"))
"""Functions of TensorFlow, as Keras 2 puts them into a graph."""


@lru_cache(maxsize=256)
def _snake_case(class_name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", class_name.rpartition(">")[2]).lower()


class KerasClass(NamedTuple):
    """The class of a serialized object. Keras 2 names no module, and a registered class by `package>class`."""

    name: str
    has_module: bool
    module: Any
    registered_name: Any

    @classmethod
    def of(cls, item: RawLayer, name: str) -> KerasClass:
        return cls(name, "module" in item, item.get("module"), item.get("registered_name"))

    @property
    def is_custom(self) -> bool:
        """True for a class outside Keras."""
        if not self.has_module:
            return ">" in self.name and self.name not in _REGISTERED
        return not isinstance(self.module, str) or not f"{self.module}.".startswith(_KERAS_MODULES)

    @property
    def is_operation(self) -> bool:
        """True for a function of keras.ops or TensorFlow in the graph: it has no tensors, and the calls of other layers
        state the shape of its output."""
        return str(self.module).startswith("keras.src.ops.") or self.name in OPERATIONS

    @property
    def default_layer_name(self) -> str:
        """The name in snake case."""
        return _snake_case(self.name)

    def qualify(self, name: str) -> str:
        """Return the type of a layer of this class; a custom namesake of a Keras class has its package first."""
        bare = name.rpartition(">")[2]
        if not self.is_custom or f"keras.{bare}" not in LAYERS:
            return bare
        package = self.module or str(self.registered_name or name).rpartition(">")[0] or "custom"
        return f"{package}.{bare}"


class Leaf(NamedTuple):
    """A layer that is no model, without its place in the document; layers of equal JSON share it."""

    name: str  # in its config
    type: str
    config: Mapping[str, Any] | None
    trainable: bool
    dtype: str = ""
    cache_key: bytes = b""  # equal for layers that differ in name only; empty where it is too long
    names: int = 0  # in the JSON of its class, config and build_config, those of these members included

    def layer(self, name: str, pointer: str, calls: tuple[Call, ...], object_id: bytes) -> Layer:
        # By position: by name takes twice as long, and every layer needs this.
        return Layer(
            name,
            self.type,
            self.config,
            (),
            (),
            calls,
            None,
            self.trainable,
            1,
            "",
            self.dtype,
            pointer,
            self.cache_key,
            object_id,
        )


LEAVES: Cache[Leaf] = Cache(
    max_weight=8 * 2**20,
    weigh=lambda leaf: 1_000 + 10 * (len(leaf.cache_key) or MAX_KEY_BYTES),  # a config takes ten times its JSON
    admit_on_second_use=True,
)
"""Leaves by the JSON of their layers."""


def is_cacheable(leaf: Leaf) -> bool:
    """Return whether a layer may be cached: a custom class has a warning each time, inner layers may have problems."""
    layer_type = LAYERS.get(f"keras.{leaf.type}")
    return layer_type is not None and not layer_type.signature.parts


def may_return_unknown(layer: Layer) -> bool:
    """Return whether the output of a layer or of a model may have a shape that the document does not state."""
    layer_type = LAYERS.get(f"keras.{layer.type}")
    return layer_type is None or bool(layer_type.signature.parts) or layer.config is None or layer.type == "Lambda"


def read_leaf(
    keras_class: KerasClass, config: Mapping[str, Any], path: str, writer: Writer
) -> tuple[Leaf, list[ReportWarning]]:
    """Return a layer, an operation without weights, or a class without a formula; and the warnings about it."""
    leaf_warnings: list[ReportWarning] = []
    name = config.get("name")
    name = name if isinstance(name, str) else keras_class.default_layer_name
    trainable = config.get("trainable", True) is True
    if keras_class.is_operation:
        return Leaf(name, keras_class.name, config=None, trainable=trainable), leaf_warnings
    if keras_class.name in warnings.CLASSES_WITH_CODE or _holds_code(config):
        leaf_warnings.append(warnings.warn_of_code(keras_class.name, path))
        if keras_class.name != "Lambda" and keras_class.name in warnings.CLASSES_WITH_CODE:
            return Leaf(name, keras_class.name, config=None, trainable=trainable), leaf_warnings
    class_name, arguments = legacy.modernize(keras_class.name, config, writer)
    if class_name in warnings.COMPOSITES:
        rule = writer.flag_rule(class_name)
        if not trainable and rule in (FlagRule.IGNORED, FlagRule.UNKNOWN):
            warn = warnings.warn_of_undecided_flag if rule is FlagRule.UNKNOWN else warnings.warn_of_flag
            if warnings.trains_inside(config):
                leaf_warnings.append(warn(class_name, path))
            trainable = True
        elif trainable and rule is FlagRule.REPLACED:
            arguments["layer"] = _thaw(arguments.get("layer"))
    if writer.generation == 1 and "data_format" not in arguments and class_name in keras_1.IMAGE_LAYERS:
        leaf_warnings.append(warnings.warn_of_data_format(class_name, path))
    policy = config.get("dtype")
    if isinstance(policy, dict) and policy.get("class_name") == "DTypePolicyMap":
        leaf_warnings.append(warnings.warn_of_dtype_map(path))
    arguments = {argument: value for argument, value in arguments.items() if argument not in _BASE}
    arguments |= _find_quantization_mode(class_name, policy)
    layer_type = keras_class.qualify(class_name)
    leaf = Leaf(
        name=name,
        type=layer_type,
        config=arguments,
        trainable=trainable,
        dtype=_find_dtype(policy),
        cache_key=_make_cache_key(layer_type, arguments),
    )
    return leaf, leaf_warnings


def _thaw(item: Any) -> Any:
    """Return a layer in a wrapper's config with its own flag set."""
    config = item.get("config") if isinstance(item, dict) else None
    return {**item, "config": {**config, "trainable": True}} if isinstance(config, dict) else item


def _make_cache_key(layer_type: str, arguments: Mapping[str, Any]) -> bytes:
    try:
        key = orjson.dumps(("keras", layer_type, arguments))
    except TypeError:  # nested too deeply
        return b""
    return key if len(key) <= MAX_KEY_BYTES else b""


def _find_quantization_mode(class_name: str, policy: Any) -> dict[str, str]:
    """Return the formula's argument for a quantized dtype policy, its mode ("int8", "int4/128"); none for another."""
    layer_type = LAYERS.get(f"keras.{class_name}")
    if layer_type is None or "quantization_mode" not in layer_type.signature.arguments:
        return {}
    config = policy.get("config") if isinstance(policy, dict) else None
    if isinstance(policy, dict) and policy.get("class_name") == "DTypePolicyMap":
        return {}
    mode = config.get("mode") if isinstance(config, dict) else None
    if isinstance(policy, str) and "_from_" in policy:
        mode = policy.partition("_from_")[0]
    if not isinstance(mode, str):
        return {}
    history = config.get("amax_history_length") if isinstance(config, dict) else None
    return {"quantization_mode": f"{mode}/{history}" if mode == "float8" and history is not None else mode}


def _find_dtype(policy: Any) -> str:
    """Return the dtype of a layer's variables, by a name or a serialized policy; float32 for mixed policies."""
    if isinstance(policy, dict):
        config = policy.get("config")
        policy = (config.get("name") or config.get("source_name")) if isinstance(config, dict) else None
    if not isinstance(policy, str):
        return ""
    return DTYPE_NAMES.get(policy.rpartition("_from_")[2], "")


def _holds_code(config: Mapping[str, Any]) -> bool:
    """Return whether an argument is a Python function, serialized as bytes."""
    for value in config.values():  # noqa: SIM110 # a generator takes twice the time
        if type(value) is dict and value.get("class_name") == "__lambda__":
            return True
    return False
