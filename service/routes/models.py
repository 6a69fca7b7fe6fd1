"""The classes of transformers that config.json files are counted by: the routes, and what they answer."""

from __future__ import annotations

from http import HTTPStatus

import orjson
from flask import Blueprint, Response
from marshmallow import fields

from paramcount.formats.huggingface import catalogue
from paramcount.model.errors import UnknownLayer
from paramcount.requests.schemas import Strict
from service.problems import HTTPProblem, sentence
from service.requests import JSON

models = Blueprint("models", __name__)


class ModelSummary(Strict):
    """A class of transformers whose config.json can be counted."""

    name = fields.String(required=True, metadata={"example": "LlamaForCausalLM"})
    model_types = fields.List(fields.String(), required=True, metadata={"description": "of the configs that it takes"})


class RefusedModel(Strict):
    """A class of transformers that has no verified blueprint."""

    name = fields.String(required=True)
    reason = fields.String(required=True)


class ModelList(Strict):
    """The classes of transformers."""

    transformers = fields.String(required=True, metadata={"description": "the version that they were compiled from"})
    models = fields.List(fields.Nested(ModelSummary), required=True)
    refused = fields.List(fields.Nested(RefusedModel), required=True)


class ModelField(Strict):
    """A field of a config that sizes the model."""

    field = fields.String(required=True, metadata={"description": "its dotted path"})
    values = fields.String(required=True, metadata={"description": "what it may be", "example": "an integer or null"})
    default = fields.Raw(required=True, allow_none=True)


class ModelConfig(Strict):
    """The config of one model type, as a class reads it."""

    model_type = fields.String(required=True)
    members = fields.List(fields.Nested(ModelField), required=True)
    only_defaults = fields.Boolean(
        required=True, metadata={"description": "no other config of it was verified: another is refused"}
    )
    assumed = fields.List(
        fields.String(), required=True, metadata={"description": "what must hold of a config; another is refused"}
    )
    example = fields.Dict(required=True)


class ModelDetail(Strict):
    """A class of transformers, and what its config may be."""

    name = fields.String(required=True)
    transformers = fields.String(required=True)
    configs = fields.List(fields.Nested(ModelConfig), required=True)


@models.get("/v1/models")
def list_models() -> Response:
    return Response(orjson.dumps(catalogue.list_models()), content_type=JSON)


@models.get("/v1/models/<name>")
def show_model(name: str) -> Response:
    try:
        return Response(orjson.dumps(catalogue.describe_model(name)), content_type=JSON)
    except UnknownLayer as error:
        raise HTTPProblem(HTTPStatus.NOT_FOUND, sentence(error.detail)) from None
