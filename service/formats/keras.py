"""keras: what `model.to_json()` writes, and `config.json` in a .keras archive holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from service.graph import flatten
from service.model import DTYPE_NAMES, Call, Document, Graph, Layer, Ref
from service.registry import reader

_MODELS = frozenset(("Functional", "Model", "Sequential"))
_BASE = frozenset(("name", "trainable", "dtype", "autocast", "activity_regularizer", "dynamic"))
"""Arguments of every layer (keras.Layer), which are not its type's own."""

_EXAMPLE = {
    "class_name": "Sequential",
    "config": {
        "name": "classifier",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "pixels", "batch_shape": [None, 784]}},
            {"class_name": "Dense", "config": {"name": "digit", "units": 10}},
        ],
    },
}


class KerasLayer(Schema):
    """A layer or a model as Keras serializes it: its class, and the arguments that rebuild it."""

    class Meta:
        unknown = INCLUDE

    class_name = fields.String(required=True, validate=validate.Length(1, 200))
    config = fields.Nested(lambda: KerasConfig(), required=True)


class KerasConfig(Schema):
    """The arguments of a layer's constructor; for a model, its layers and how they are wired."""

    class Meta:
        unknown = INCLUDE

    name = fields.String()
    trainable = fields.Boolean()
    layers = fields.List(fields.Nested(KerasLayer))


def _claims(payload: Any) -> bool:
    return isinstance(payload, dict) and "class_name" in payload and "config" in payload


@reader("keras", claims=_claims, schema=KerasLayer, example=_EXAMPLE)
def keras(payload: Mapping[str, Any]) -> Document:
    """The JSON of a Keras 3 model: Functional or Sequential, nested, shared, frozen."""
    root = _layer(payload, "")
    return Document(root, "keras", "keras", part=_layer, type_at="/class_name", config_at="/config", lenient=True)


def _layer(item: Mapping[str, Any], pointer: str) -> Layer:
    config = item["config"]
    layer = Layer(
        name=config.get("name") or item.get("name") or item["class_name"].lower(),
        type=item["class_name"],
        trainable=config.get("trainable", True),
        calls=tuple(_call(node) for node in item.get("inbound_nodes", ())),
        dtype=_variable_dtype(config.get("dtype")),
        pointer=pointer,
    )
    if item["class_name"] not in _MODELS and "input_layers" not in config:
        arguments = {name: value for name, value in config.items() if name not in _BASE}
        return layer._replace(config=arguments | _quantization(config.get("dtype")))
    children = tuple(_layer(child, f"{pointer}/config/layers/{i}") for i, child in enumerate(config.get("layers", ())))
    # Keras counts by each layer's own flag: one that was thawed inside a frozen model trains.
    layer = layer._replace(children=children, trainable=True)
    return layer._replace(graph=_graph(config, children)) if "input_layers" in config else layer


def _graph(config: Mapping[str, Any], children: tuple[Layer, ...]) -> Graph:
    """How a Functional model is wired."""
    # Functional.get_config counts a nested Functional's own node, for outputs only: its first call is number 1.
    nested = frozenset(child.name for child in children if child.graph is not None)
    inputs = tuple(ref.layer for ref in flatten(_refs(config["input_layers"], frozenset())))
    outputs = _refs(config["output_layers"], nested)
    return Graph(inputs, outputs[0] if isinstance(outputs, list) and len(outputs) == 1 else outputs)


def _call(node: Any) -> Call:
    """One of a layer's `inbound_nodes`."""
    return Call(
        tuple(map(_tensors, node.get("args", ()))),
        {name: _tensors(value) for name, value in node.get("kwargs", {}).items()},
    )


def _tensors(value: Any) -> Any:
    """An argument of a call, each tensor in it as the ref that fed it."""
    if isinstance(value, list):
        return [_tensors(item) for item in value]
    if not isinstance(value, dict):
        return None
    if value.get("class_name") != "__keras_tensor__":
        return {name: _tensors(item) for name, item in value.items()}
    config = value["config"]
    name, call, output = config["keras_history"]
    return Ref(name, call, output, tuple(config["shape"]))


def _refs(value: Any, nested: frozenset[str]) -> Any:
    """`input_layers` and `output_layers`: [name, node, tensor], alone or in lists and dicts."""
    if isinstance(value, dict):
        return {name: _refs(item, nested) for name, item in value.items()}
    if len(value) == 3 and isinstance(value[0], str):
        name, call, output = value
        return Ref(name, call - 1 if name in nested else call, output)
    return [_refs(item, nested) for item in value]


def _quantization(policy: Any) -> dict[str, str]:
    """The argument that a quantized dtype policy is to a formula: its mode ("int8", "int4/128")."""
    mode = policy.get("config", {}).get("mode") if isinstance(policy, dict) else None
    return {"quantization_mode": mode} if mode else {}


def _variable_dtype(policy: Any) -> str:
    """The dtype of a layer's variables, of a name or of a serialized policy; mixed policies hold float32."""
    if isinstance(policy, dict):
        config = policy.get("config") or {}
        policy = config.get("name") or config.get("source_name")
    if not isinstance(policy, str) or policy.startswith("mixed_"):
        return ""
    return DTYPE_NAMES.get(policy, "")
