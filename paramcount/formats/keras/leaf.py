"""A layer that is no model: its class, its arguments by the names of Keras 3, its dtype."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from paramcount.formats.keras import legacy, warnings
from paramcount.formats.keras.raw import RawLayer
from paramcount.model.cache import MAX_KEY_BYTES, Cache
from paramcount.model.dtypes import DTYPE_NAMES
from paramcount.model.layers import Call, Layer
from paramcount.model.report import ReportWarning
from paramcount.schema.registry import LAYERS

_BASE = frozenset(("name", "trainable", "dtype", "autocast", "activity_regularizer", "dynamic"))
"""Arguments of every layer (keras.Layer), which are not its type's own."""

_KERAS_MODULES = ("keras.", "tf_keras.", "tensorflow.keras.", "tensorflow.python.keras.")
_OPERATIONS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")


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
        """Whether it is not Keras' own."""
        if not self.has_module:
            return ">" in self.name
        return not isinstance(self.module, str) or not f"{self.module}.".startswith(_KERAS_MODULES)

    @property
    def is_operation(self) -> bool:
        """Whether it is a function of keras.ops or TensorFlow in the graph: it owns nothing, its output's shape is
        stated where it is used."""
        return str(self.module).startswith("keras.src.ops.") or self.name in _OPERATIONS

    @property
    def default_layer_name(self) -> str:
        """Its name in snake case."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.name.rpartition(">")[2]).lower()

    def qualify(self, name: str) -> str:
        """The type of a layer of this class: a custom class is never taken for a namesake of Keras."""
        bare = name.rpartition(">")[2]
        if not self.is_custom or f"keras.{bare}" not in LAYERS:
            return bare
        package = self.module or str(self.registered_name or name).rpartition(">")[0] or "custom"
        return f"{package}.{bare}"


class Leaf(NamedTuple):
    """What a layer that is no model is, wherever it stands; equal JSON shares it."""

    name: str  # as its config says
    type: str
    config: Mapping[str, Any] | None
    trainable: bool
    dtype: str
    cache_key: bytes  # of type and config: layers that differ in name only share it; empty where it is too long

    def layer(self, name: str, pointer: str, calls: tuple[Call, ...] = ()) -> Layer:
        return Layer(
            name=name,
            type=self.type,
            config=self.config,
            calls=calls,
            trainable=self.trainable,
            dtype=self.dtype,
            pointer=pointer,
            cache_key=self.cache_key,
        )


LEAVES: Cache[Leaf] = Cache(admit_on_second_use=True)
"""Leaves by the JSON of their layer."""


def is_cacheable(leaf: Leaf) -> bool:
    """Whether nothing must be said of such a layer each time: it is Keras' own, and holds no layers."""
    known = LAYERS.get(f"keras.{leaf.type}")
    return known is not None and not known.signature.parts


def read_leaf(keras_class: KerasClass, config: Mapping[str, Any], path: str) -> tuple[Leaf, list[ReportWarning]]:
    """A layer, an operation without weights, or a class that nobody here knows; and what to warn of."""
    noted: list[ReportWarning] = []
    name = config.get("name")
    name = name if isinstance(name, str) else keras_class.default_layer_name
    trainable = config.get("trainable", True) is True
    if keras_class.is_operation:
        return Leaf(name, keras_class.name, None, trainable, "", b""), noted
    if keras_class.name in warnings.CODE or _holds_code(config):
        noted.append(warnings.of_code(keras_class.name, path))
        if keras_class.name != "Lambda" and keras_class.name in warnings.CODE:
            return Leaf(name, keras_class.name, None, trainable, "", b""), noted
    class_name, arguments = legacy.modernize(keras_class.name, config)
    if class_name in warnings.COMPOSITES and not trainable:
        noted.append(warnings.of_flag(class_name, path))
        trainable = True
    policy = config.get("dtype")
    if isinstance(policy, dict) and policy.get("class_name") == "DTypePolicyMap":
        noted.append(warnings.of_policy_map(path))
    arguments = {argument: value for argument, value in arguments.items() if argument not in _BASE}
    arguments |= _quantization(class_name, policy)
    layer_type = keras_class.qualify(class_name)
    key = _cache_key(layer_type, arguments)
    return Leaf(name, layer_type, arguments, trainable, _variable_dtype(policy), key), noted


def _cache_key(layer_type: str, arguments: Mapping[str, Any]) -> bytes:
    try:
        key = orjson.dumps(("keras", layer_type, arguments))
    except TypeError:  # nested too deeply
        return b""
    return key if len(key) <= MAX_KEY_BYTES else b""


def _quantization(class_name: str, policy: Any) -> dict[str, str]:
    """The argument that a quantized dtype policy is to a formula: its mode ("int8", "int4/128")."""
    known = LAYERS.get(f"keras.{class_name}")
    if known is None or "quantization_mode" not in known.signature.arguments:
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


def _variable_dtype(policy: Any) -> str:
    """The dtype of a layer's variables, of a name or of a serialized policy; mixed policies hold float32."""
    if isinstance(policy, dict):
        config = policy.get("config")
        policy = (config.get("name") or config.get("source_name")) if isinstance(config, dict) else None
    if not isinstance(policy, str):
        return ""
    return DTYPE_NAMES.get(policy.rpartition("_from_")[2], "")


def _holds_code(config: Mapping[str, Any]) -> bool:
    """Whether an argument is a Python function written as bytes."""
    return any(isinstance(value, dict) and value.get("class_name") == "__lambda__" for value in config.values())
