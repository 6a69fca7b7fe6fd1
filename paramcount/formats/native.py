"""native: layers as a person writes them, the config of each beside its type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from math import inf
from typing import Any, NamedTuple

from marshmallow import INCLUDE, RAISE, Schema, fields, validate

from paramcount.counting.count import Options, count
from paramcount.model.document import Document, ModelFacts
from paramcount.model.dtypes import DTYPE_CHOICES, DTYPE_NAMES
from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems, ShapeMismatch, raise_problems, token
from paramcount.model.layers import Call, Graph, Layer, Ref
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Totals
from paramcount.schema.components import json_schema
from paramcount.schema.registry import FRAMEWORKS, LAYERS, reader, resolve
from paramcount.schema.signature import MAX_DIMENSION
from paramcount.schema.validator import Validator

_MAX_INPUT_AXES = 32
"""The most axes of an input; the contract states it."""

_SHAPE = {
    "type": "array",
    "maxItems": _MAX_INPUT_AXES,
    "items": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_DIMENSION},
}
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
    dtype = fields.String(validate=validate.OneOf(DTYPE_CHOICES), metadata={"description": "of its tensors"})


class NativeDocument(Schema):
    """Layers, one after the other or wired by `inputs`."""

    class Meta:
        unknown = RAISE

    name = fields.String()
    framework = fields.String(validate=validate.OneOf(FRAMEWORKS))
    input_shape = fields.Raw(
        metadata={
            "description": "a shape, its batch axis left out or null, or an object of such by input name",
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


@reader("native", claims=_claims, members=("layers",), schema=NativeDocument, example=_EXAMPLE)
def native(payload: Mapping[str, Any]) -> Document:
    """Layers as a person writes them: a list, in order; or wired by the names of their inputs."""
    dialects = _Dialects()
    framework = payload.get("framework") or dialects.find_framework(payload["layers"])
    native_reader = NativeReader(framework)
    input_shapes = _input_shapes(payload)
    root = Layer(payload.get("name", ""), "Model", trainable=payload.get("trainable", True))
    root = native_reader.read_group(root, payload["layers"], "", tuple(input_shapes) or ("input",))
    document = Document(
        root,
        "torch" if framework == "torch" else "keras",
        framework,
        inputs=tuple([(None, *shape) for shape in input_shapes.values()]),
        read_nested_layer=native_reader.read_nested_layer,
        read_facts=partial(ModelFacts, types_are_classes=True),
        warnings_from_totals=None if framework else dialects.warn_of_mixture,
    )
    return _read_batch_axis(document)


def _input_shapes(payload: Mapping[str, Any]) -> Mapping[str, list[int | None]]:
    """Return the shapes of the model's inputs by name, as they are stated."""
    stated = payload.get("input_shape")
    if stated is None:
        return {}
    return stated if isinstance(stated, dict) else {"input": stated}


def _read_batch_axis(document: Document) -> Document:
    """Return the document with the first axis of its inputs as their batch axis, where it is null in all of them.

    Keras writes `batch_shape` so; a person may mean a sequence of any length too. What no layer takes is not meant.
    """
    if not document.inputs or [shape for shape in document.inputs if shape[1:2] != (None,)]:
        return document
    with_batch_axis = document._replace(inputs=tuple(shape[1:] for shape in document.inputs))
    return document if not _counts(with_batch_axis) and _counts(document) else with_batch_axis


def _counts(document: Document) -> bool:
    """Return whether a document is counted without a problem, unknown layers aside."""
    try:
        count(document, Options(unknown="report"))
    except Problems:
        return False
    return True


class _Dialects:
    """The frameworks of the layers of a document that states none."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}  # framework -> the first type that is of no other

    def find_framework(self, items: Sequence[Mapping[str, Any]]) -> str:
        """Return the only framework that has all types of some layers; '' if there is none, or more than one."""
        frameworks = set(FRAMEWORKS)
        for layer_type in _leaf_types(items):
            owners = _find_frameworks(layer_type)
            for owner in owners if len(owners) == 1 else ():
                self._first.setdefault(owner, layer_type)
            frameworks &= owners or frameworks
        return next(iter(frameworks)) if len(frameworks) == 1 else ""

    def warn_of_mixture(self, totals: Totals) -> tuple[ReportWarning, ...]:
        """Return a warning if the layers are of several frameworks; only of buffers do these count differently."""
        if len(self._first) < 2:
            return ()
        owners = ", ".join(f"{layer_type[:100]} of {framework}" for framework, layer_type in self._first.items())
        detail = f"layers of several frameworks ({owners}) are no model of either; buffers are counted as Keras does"
        return (ReportWarning("mixed_frameworks", "", detail, exact=not totals.buffers),)


def _leaf_types(items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for item in items:
        if "layers" in item:
            yield from _leaf_types(item["layers"])
        else:
            yield item["type"]


@lru_cache(maxsize=1024)
def _find_frameworks(layer_type: str) -> frozenset[str]:
    """Return the frameworks that have a layer of that name; none for a plug-in's, and for an unknown one."""
    if layer_type in LAYERS:
        return frozenset((layer_type.partition(".")[0],)).intersection(FRAMEWORKS)
    return frozenset(framework for framework in FRAMEWORKS if f"{framework}.{layer_type}" in LAYERS)


class NativeReader:
    """Reads the layers of one document."""

    def __init__(self, framework: str) -> None:
        self._framework = framework

    def read_group(
        self, group: Layer, items: Sequence[Mapping[str, Any]], pointer: str, inputs: tuple[str, ...] = ("input",)
    ) -> Layer:
        """Return a layer with the layers in it. Raises Problems."""
        taken = {item["name"]: 0 for item in items if "name" in item}
        children = [
            self._read_layer(item, item.get("name") or _new_name(item["type"], taken), f"{pointer}/layers/{index}")
            for index, item in enumerate(items)
        ]
        return self._wire(group._replace(children=tuple(children)), items, inputs)

    def read_nested_layer(self, item: Any, pointer: str) -> Layer:
        """Return the layer that another's config holds; no schema has checked it yet. Raises Problems."""
        raise_problems(_LAYER_VALIDATOR.problems(item, pointer))
        return self._read_layer(item, item.get("name", "inner"), pointer)

    def _read_layer(self, item: Mapping[str, Any], name: str, pointer: str) -> Layer:
        """Return the layer that an item describes, with those inside it. Raises Problems."""
        config = dict(item)  # what is left of it when all is taken that places the layer in its model
        take = config.pop
        take("name", None)
        take("inputs", None)
        items, dtype = take("layers", None), take("dtype", "")
        layer = Layer(
            name=name,
            type=take("type"),
            config=config if items is None else None,
            trainable=take("trainable", True),
            repeat=take("repeat", 1),
            shares=take("shares", ""),
            dtype=DTYPE_NAMES.get(dtype, dtype),
            pointer=pointer,
        )
        if items is None:
            return layer
        raise_problems(
            InvalidDocument("a layer made of layers takes no arguments", pointer + token(member), "unknown_member")
            for member in config
        )
        return self.read_group(layer, items, pointer)

    def _wire(self, parent: Layer, items: Sequence[Mapping[str, Any]], inputs: tuple[str, ...]) -> Layer:
        """Return the layer with its children's inputs; children that state none follow each other. Raises Problems."""
        arities = [self._arity(child) for child in parent.children]
        is_chain = len(inputs) == 1 and not [item for item in items if "inputs" in item]
        if is_chain and max(arities, default=_ANY_ARITY).least < 2:
            return parent
        previous, children, used, problems = inputs[0], [], set(), []
        for child, item, arity in zip(parent.children, items, arities, strict=True):
            names = item.get("inputs", [previous])
            if len(names) > arity.most:
                most = f"at most {arity.most} inputs" if arity.most > 1 else "one input"
                detail = f"takes {most}, not {len(names)}"
                problems.append(ShapeMismatch(detail, child.pointer))
            children.append(child.with_calls([_make_call(names, arity)]))
            used.update(names)
            previous = child.name
        raise_problems(problems)
        outputs = [Ref(child.name) for child in children if child.name not in used]
        graph = Graph(inputs, outputs[0] if len(outputs) == 1 else outputs)
        return parent._replace(children=tuple(children), graph=graph)

    def _arity(self, layer: Layer) -> _Arity:
        """Return how many inputs a layer takes one by one; a list of any length is one."""
        if layer.config is None:
            return _ANY_ARITY if layer.graph is None else _Arity(most=1)
        return _find_arity(layer.type, self._framework)


class _Arity(NamedTuple):
    """The least and the most inputs that a layer takes one by one."""

    least: int = 1
    most: float = inf


_ANY_ARITY = _Arity()


@lru_cache(maxsize=1024)
def _find_arity(layer_type: str, framework: str) -> _Arity:
    try:
        inputs = resolve(layer_type, framework, advise=False).signature.inputs
    except ArchitectureError:  # it is told when it is counted
        return _ANY_ARITY
    return _Arity(sum(each.required for each in inputs), len(inputs)) if len(inputs) > 1 else _ANY_ARITY


def _make_call(names: Sequence[str], arity: _Arity) -> Call:
    """Return the call of a layer on the outputs of others; a single one is all that the layer needs: self-attention."""
    refs = [Ref(name) for name in names]
    if arity.least > 1:
        return Call(tuple(refs * arity.least if len(refs) == 1 else refs))
    return Call((refs if len(refs) > 1 else refs[0],))


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
    taken[name] = 0
    return name


@lru_cache
def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", name).lower()
