"""Signatures of formulas: each annotated argument becomes a marshmallow field, all of them a JSON Schema."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from types import NoneType, UnionType
from typing import Annotated, Any, TypeGuard, Union, get_args, get_origin, get_type_hints

from marshmallow import RAISE, Schema, fields, validate

from paramcount.model.errors import ArchitectureError, InvalidConfig, RegistrationError, ShapeMismatch, UnknownInput
from paramcount.model.layers import NestedLayer
from paramcount.model.tensors import Dimensions, Formula, Output
from paramcount.schema.components import components
from paramcount.schema.validator import Validator

MAX_DIMENSION = 2**40
"""The largest dimension that is accepted: no array has a longer axis."""

MAX_RANK = 64
"""The most axes of a shape: torch and the ONNX runtimes allow as many."""


def is_dimension(value: object) -> TypeGuard[int]:
    """Return whether `value` is an integer from 0 to MAX_DIMENSION; a bool is none."""
    return type(value) is int and 0 <= value <= MAX_DIMENSION


def _one_or_more(minimum: int, description: str) -> fields.Field[Any]:
    item = {"type": "integer", "minimum": minimum, "maximum": MAX_DIMENSION}
    many = {"type": "array", "items": item, "minItems": 1, "maxItems": 16}
    return fields.Raw(metadata={"anyOf": [item, many], "description": description})


def _integer(minimum: int) -> fields.Field[Any]:
    return fields.Integer(strict=True, validate=validate.Range(minimum, MAX_DIMENSION))


# The types of a formula's arguments: first the Python type that the formula gets, then the field that validates it.
Dim = Annotated[int, _integer(1)]
Size = Annotated[int, _integer(0)]
Int = Annotated[int, _integer(-MAX_DIMENSION)]
Number = Annotated[float, fields.Float()]
Flag = Annotated[bool, fields.Boolean()]
Text = Annotated[str, fields.String()]
Shape = Annotated[list[int], fields.List(_integer(0), validate=validate.Length(max=MAX_RANK))]
Dims = Annotated[int | list[int], _one_or_more(1, "an integer of at least 1, or a list of such")]
Axes = Annotated[int | list[int], _one_or_more(-MAX_DIMENSION, "an integer or a list of integers")]
Anything = Annotated[Any, fields.Raw()]


class Marker:
    """The meaning of an annotated argument that is not validated as a config's: an input, a flag, a nested layer."""

    def __init__(self, meaning: str) -> None:
        self.meaning = meaning


Input = Annotated[Dimensions, Marker("input")]
"""The shape of one input; the argument has its name in the framework's `call`."""

Inputs = Annotated[list[Dimensions], Marker("inputs")]
"""The shapes of a list of inputs."""

CallFlag = Annotated[bool, Marker("flag")]
"""An argument of one call, beside its inputs, that decides what the call returns."""

Part = Annotated[NestedLayer, Marker("part")]
"""A layer inside this one's config, as wrappers have: `yield from` a call of it with the shapes of its inputs."""

Parts = Annotated[list[NestedLayer], Marker("parts")]

_PART_SCHEMA = {"type": "object", "description": "a layer, as it stands in a list of layers"}
_PARTS_SCHEMA = {"type": "array", "items": _PART_SCHEMA, "maxItems": 1000}


class _Config(Schema):
    class Meta:
        unknown = RAISE


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    meaning: str  # input, inputs, part, parts; or argument
    field: fields.Field[Any] | None
    required: bool
    default: Any
    nullable: bool


class Signature:
    """The arguments of a formula: its inputs by name, and its config with schema and validator."""

    def __init__(self, formula: Callable[..., Formula], name: str, ignores: str = "") -> None:
        parameters = list(_parameters(formula))
        self.inputs = tuple(p for p in parameters if p.meaning in ("input", "inputs"))
        self._names = [p.name for p in self.inputs]
        self.needs_inputs = any(p.required for p in self.inputs)
        self.flags = frozenset(p.name for p in parameters if p.meaning == "flag")
        self._only = self._names[0] if [p.meaning for p in self.inputs] == ["input"] and not self.flags else ""
        self._arguments = [p for p in parameters if p.meaning not in ("input", "inputs", "flag")]
        self.arguments = frozenset(p.name for p in self._arguments)
        self.parts = frozenset(p.name for p in self._arguments if p.field is None)
        self.ignored = frozenset(ignores.split())
        if clash := self.arguments & self.ignored:
            raise RegistrationError(f"{name} both takes and ignores {', '.join(sorted(clash))}")
        self._name = name

    @cached_property
    def schema(self) -> Schema:
        """The marshmallow schema of a config; made at its first use, since most layers are never used."""
        declared = {p.name: _field(p) for p in self._arguments}
        declared |= {n: fields.Raw(metadata={"description": "does not change the count"}) for n in sorted(self.ignored)}
        schema: Schema = type(self._name, (_Config,), dict(declared))()
        return schema

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of a config."""
        schema: dict[str, Any] = components({"config": self.schema})["config"]
        return schema

    @cached_property
    def _validator(self) -> Validator:
        return Validator(self.json_schema, InvalidConfig)

    def knows(self, config: Mapping[str, Any]) -> bool:
        """Return whether every member of `config` is an argument of this layer."""
        return all(name in self.arguments or name in self.ignored for name in config)

    def problems(self, config: Mapping[str, Any], pointer: str) -> list[ArchitectureError]:
        """Return the problems of a config that is at `pointer` of the payload."""
        return self._validator.problems(config, pointer)

    def select(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the members of a config that the formula takes."""
        if config.keys() <= self.arguments:
            return config
        return {name: config[name] for name in config if name in self.arguments}

    def bind(self, args: tuple[Output, ...], kwargs: Mapping[str, Output]) -> dict[str, Any]:
        """Return the shapes and flags of a call by the formula's names. Raises UnknownShape or ShapeMismatch."""
        if self._only and len(args) == 1 and not kwargs and isinstance(args[0], tuple):
            return {self._only: args[0]}
        shapes = dict(zip(self._names, args, strict=False)) | kwargs  # type: ignore[operator]
        bound: dict[str, Any] = {name: shapes[name] for name in self.flags if isinstance(shapes.get(name), bool)}
        for parameter in self.inputs:
            shape = shapes.get(parameter.name)
            if shape is None:
                if parameter.required:
                    raise UnknownInput(parameter.name)
                continue
            bound[parameter.name] = (
                _require_one_shape(shape) if parameter.meaning == "input" else _require_shapes(shape)
            )
        return bound


def _require_one_shape(shape: Output) -> Dimensions:
    if isinstance(shape, list) and len(shape) == 1:
        shape = shape[0]
    if shape is None:
        raise UnknownInput
    if not isinstance(shape, tuple):
        raise ShapeMismatch(f"takes one input, not {len(shape) if isinstance(shape, list | dict) else 'a flag'}")
    return shape


def _require_shapes(shape: Output) -> list[Output]:
    if _holds_flag(shape):
        raise ShapeMismatch("takes tensors, and no flag among them")
    return shape if isinstance(shape, list) else [shape]


def _holds_flag(shape: Output) -> bool:
    inner = shape.values() if isinstance(shape, dict) else shape if isinstance(shape, list) else ()
    return isinstance(shape, bool) or any(map(_holds_flag, inner))


def _parameters(formula: Callable[..., Formula]) -> Iterator[_Parameter]:
    hints = get_type_hints(formula, include_extras=True)
    for name, parameter in inspect.signature(formula).parameters.items():
        hint, nullable = hints.get(name), False
        if get_origin(hint) in (Union, UnionType):
            options = get_args(hint)
            nullable = NoneType in options
            (hint,) = (option for option in options if option is not NoneType)
        if get_origin(hint) is not Annotated:
            raise RegistrationError(
                f"{formula.__name__}: argument {name!r} is not annotated with a type of paramcount (Dim, Flag, ...)"
            )
        kind = get_args(hint)[-1]
        required = parameter.default is parameter.empty
        default = None if required else parameter.default
        if isinstance(kind, Marker):
            meaning, field = kind.meaning, None
        else:
            meaning, field = "argument", kind
        yield _Parameter(name=name, meaning=meaning, field=field, required=required, default=default, nullable=nullable)


def _field(parameter: _Parameter) -> fields.Field[Any]:
    if parameter.field is None:
        schema = _PART_SCHEMA if parameter.meaning == "part" else _PARTS_SCHEMA
        return fields.Raw(required=parameter.required, metadata=dict(schema))
    field = copy(parameter.field)
    field.required = parameter.required
    field.allow_none = parameter.nullable
    if parameter.nullable and "anyOf" in field.metadata:
        options = [*field.metadata["anyOf"], {"type": "null"}]
        field.metadata = {**field.metadata, "anyOf": options}
    if not parameter.required:
        field.load_default = parameter.default
    return field
