"""native: layers as a person writes them, the config of each beside its type."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from marshmallow import INCLUDE, RAISE, Schema, fields, validate

from paramcount.model.document import Document, ModelFacts
from paramcount.model.dtypes import DTYPES
from paramcount.model.errors import InvalidDocument, raise_problems, token
from paramcount.model.layers import Call, Graph, Layer, Ref
from paramcount.model.tensors import Convention
from paramcount.schema.components import json_schema
from paramcount.schema.registry import FRAMEWORKS, reader
from paramcount.schema.signature import MAX_DIMENSION
from paramcount.schema.validator import Validator

_MAX_INPUT_AXES = 32
"""The most axes of an input; the contract states it."""

_SHAPE = {
    "type": "array",
    "maxItems": _MAX_INPUT_AXES,
    "items": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_DIMENSION},
}
_MEMBERS = frozenset(("type", "name", "trainable", "inputs", "repeat", "layers", "shares", "dtype"))
"""The members that place a layer in its model; all others are its config."""

_EXAMPLE = {
    "framework": "keras",
    "input_shape": [3],
    "layers": [
        {"type": "Normalization", "name": "normalise", "mean": 0, "variance": 1},
        {"type": "Dense", "name": "hidden", "units": 4, "activation": "relu"},
        {"type": "Dense", "name": "answer", "units": 1},
    ],
}


class NativeLayer(Schema):
    """A layer: its type, its place in the model, and, beside these, its config."""

    class Meta:
        unknown = INCLUDE

    type = fields.String(required=True, validate=validate.Length(1, 200))
    name = fields.String(validate=validate.Length(1, 1000))
    trainable = fields.Boolean(metadata={"description": "false freezes it and all layers in it"})
    inputs = fields.List(fields.String(), validate=validate.Length(1, 1000))
    repeat = fields.Integer(strict=True, validate=validate.Range(1, MAX_DIMENSION))
    layers = fields.List(fields.Nested(lambda: NativeLayer()))
    shares = fields.String(metadata={"description": "the path of the layer whose tensors these are"})
    dtype = fields.String(validate=validate.OneOf(sorted(DTYPES)), metadata={"description": "of its tensors"})


class NativeDocument(Schema):
    """Layers, one after the other or wired by `inputs`."""

    class Meta:
        unknown = RAISE

    name = fields.String()
    framework = fields.String(validate=validate.OneOf(FRAMEWORKS))
    input_shape = fields.Raw(
        metadata={
            "description": "a shape without its batch axis, or an object of such by input name",
            "anyOf": [
                _SHAPE,
                {"type": "object", "additionalProperties": _SHAPE, "minProperties": 1, "maxProperties": 1000},
            ],
        }
    )
    layers = fields.List(fields.Nested(NativeLayer), required=True, validate=validate.Length(1))
    trainable = fields.Boolean()


_LAYER_VALIDATOR = Validator(json_schema("NativeLayer", NativeLayer))


def _claims(payload: Any) -> bool:
    return isinstance(payload, dict) and "layers" in payload and "class_name" not in payload


@reader("native", claims=_claims, schema=NativeDocument, example=_EXAMPLE)
def native(payload: Mapping[str, Any]) -> Document:
    """Layers as a person writes them: a list, in order; or wired by the names of their inputs."""
    framework = payload.get("framework", "")
    input_shapes = _input_shapes(payload)
    root = Layer(
        payload.get("name", ""),
        "Model",
        children=_read_layers(payload["layers"], "/layers"),
        trainable=payload.get("trainable", True),
    )
    convention: Convention = "torch" if framework == "torch" else "keras"
    return Document(
        _wire(root, payload["layers"], tuple(input_shapes) or ("input",)),
        convention,
        framework,
        inputs=tuple((None, *shape) for shape in input_shapes.values()),
        read_nested_layer=read_nested_layer,
        read_facts=partial(ModelFacts, types_are_classes=True),
    )


def _input_shapes(payload: Mapping[str, Any]) -> Mapping[str, list[int | None]]:
    """Return the shapes of the model's inputs by name, without batch axis."""
    stated = payload.get("input_shape")
    if stated is None:
        return {}
    return stated if isinstance(stated, dict) else {"input": stated}


def _read_layers(items: Sequence[Mapping[str, Any]], pointer: str) -> tuple[Layer, ...]:
    taken = {item["name"]: 0 for item in items if "name" in item}
    return tuple(
        [
            read_layer(item, item.get("name") or _new_name(item["type"], taken), f"{pointer}/{index}")
            for index, item in enumerate(items)
        ]
    )


def read_nested_layer(item: Any, pointer: str) -> Layer:
    """Return the layer that another's config holds; no schema has checked it yet. Raises Problems."""
    raise_problems(_LAYER_VALIDATOR.problems(item, pointer))
    return read_layer(item, item.get("name", "inner"), pointer)


def read_layer(item: Mapping[str, Any], name: str, pointer: str) -> Layer:
    """Return the layer that an item describes, with those inside it. Raises Problems."""
    config = {member: value for member, value in item.items() if member not in _MEMBERS}
    layer = Layer(
        name=name,
        type=item["type"],
        config=None if "layers" in item else config,
        trainable=item.get("trainable", True),
        repeat=item.get("repeat", 1),
        shares=item.get("shares", ""),
        dtype=item.get("dtype", ""),
        pointer=pointer,
    )
    if layer.config is not None:
        return layer
    raise_problems(
        InvalidDocument("a layer made of layers takes no arguments", pointer + token(member), "unknown_member")
        for member in config
    )
    layer = layer._replace(children=_read_layers(item["layers"], f"{pointer}/layers"))
    return _wire(layer, item["layers"], ("input",))


def _wire(parent: Layer, items: Sequence[Mapping[str, Any]], inputs: tuple[str, ...]) -> Layer:
    """Return the layer with its children's inputs; children that state none follow each other."""
    if len(inputs) == 1 and not any("inputs" in item for item in items):
        return parent
    previous, children, used = inputs[0], [], set()
    for child, item in zip(parent.children, items, strict=True):
        names = item.get("inputs", [previous])
        refs = [Ref(name) for name in names]
        children.append(child.with_calls([Call((refs if len(refs) > 1 else refs[0],))]))
        used.update(names)
        previous = child.name
    outputs = [Ref(child.name) for child in children if child.name not in used]
    graph = Graph(inputs, outputs[0] if len(outputs) == 1 else outputs)
    return parent._replace(children=tuple(children), graph=graph)


def _new_name(layer_type: str, taken: dict[str, int]) -> str:
    """Return Keras' name for a layer that has none: dense, dense_1, batch_normalization.

    `taken` holds each name with the number that its last namesake got, so that no number is tried twice.
    """
    base = _snake_case(layer_type.rpartition(".")[2])
    name, number = base, taken.get(base, 0)
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    taken[base] = number
    taken[name] = taken.get(name, 0)
    return name


@lru_cache
def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", name).lower()
