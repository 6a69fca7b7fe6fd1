"""GET /v1/layers: the registered layer types, and the config of each."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response
from marshmallow import fields, validate

from paramcount.model.errors import ArchitectureError, UnknownLayer
from paramcount.requests.schemas import Strict
from paramcount.schema.registry import LAYERS, LayerType, resolve
from service.contract.operations import json_response, operation
from service.middleware.proxy import cacheable
from service.problems import HTTPProblem, end_sentence
from service.requests.queries import Query, name_filter
from service.responses import respond_json

blueprint = Blueprint("layers", __name__)


class LayersQuery(Strict):
    """Options of the list of layer types."""

    type = fields.String(
        validate=validate.Length(1, 200),
        metadata={"description": "Glob over the types, with or without the framework.", "example": "*norm*"},
    )
    framework = fields.String(metadata={"description": "What is before the dot of a type.", "example": "keras"})


class LayerSummary(Strict):
    """A registered layer type."""

    type = fields.String(required=True, metadata={"example": "keras.Dense"})
    doc = fields.String(required=True)
    source = fields.String(required=True, metadata={"description": "'built-in', or the module of a plug-in."})


class LayerDetail(LayerSummary):
    """A registered layer type, with the schema of its config."""

    inputs = fields.List(
        fields.String(), required=True, metadata={"description": "Names of the inputs whose shapes the layer needs."}
    )
    config = fields.Dict(required=True, metadata={"description": "JSON Schema of the layer's config."})


class LayerList(Strict):
    """The registered layer types."""

    layers = fields.List(fields.Nested(LayerSummary), required=True)


@operation(
    blueprint.get,
    "/v1/layers",
    "layers",
    summary="The layer types",
    tag="registry",
    query=LayersQuery,
    response=json_response(LayerList, "The registered layer types."),
)
@cacheable
def list_layers(query: Query) -> Response:
    matches, framework = name_filter(query, "type"), query.members.get("framework")
    summaries = [
        _summarize(layer_type)
        for layer_type in LAYERS.values()
        if (matches(layer_type.name) or matches(layer_type.name.partition(".")[2]))
        and framework in (None, layer_type.name.partition(".")[0])
    ]
    return respond_json({"layers": summaries})


@operation(
    blueprint.get,
    "/v1/layers/<kind>",
    "layer",
    summary="One layer type, with the schema of its config",
    tag="registry",
    parameters=(
        {"in": "path", "name": "type", "required": True, "schema": {"type": "string"}, "example": "keras.Dense"},
    ),
    response=json_response(LayerDetail, "The layer type."),
    problems=(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
)
@cacheable
def show_layer(kind: str) -> Response:
    try:
        layer_type = resolve(kind, "")
    except ArchitectureError as error:
        status = HTTPStatus.NOT_FOUND if isinstance(error, UnknownLayer) else HTTPStatus.UNPROCESSABLE_ENTITY
        raise HTTPProblem(status, end_sentence(error.detail)) from None
    signature = layer_type.signature
    inputs = [parameter.name for parameter in signature.inputs]
    detail = _summarize(layer_type) | {"inputs": inputs, "config": signature.json_schema}
    return respond_json(detail)


def _summarize(layer_type: LayerType) -> dict[str, Any]:
    return {"type": layer_type.name, "doc": layer_type.doc, "source": describe_source(layer_type.origin)}


def describe_source(module: str) -> str:
    """Return "built-in", or the module of a plug-in."""
    return "built-in" if module.partition(".")[0] == "paramcount" else module
