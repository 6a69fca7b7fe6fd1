"""GET /v1/models: the models and classes that can be counted of a name or a config, of all libraries."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response
from marshmallow import fields, validate

from paramcount.formats import catalogue
from paramcount.formats.huggingface.catalogue import describe_model
from paramcount.model.errors import UnknownLayer
from paramcount.requests.schemas import Strict
from service.contract.operations import json_response, operation
from service.contract.schemas import open_enum
from service.middleware.proxy import cacheable
from service.problems import HTTPProblem, end_sentence
from service.requests.queries import Query, name_filter
from service.responses import respond_json

blueprint = Blueprint("models", __name__)


_LIBRARY = fields.String(required=True, metadata={"example": "transformers"})


class ModelSummary(Strict):
    """A model, or a class whose config can be counted."""

    name = fields.String(required=True, metadata={"example": "LlamaForCausalLM"})
    model_types = fields.List(
        fields.String(), required=True, metadata={"description": "Values of `model_type` in the configs of this class."}
    )
    library = _LIBRARY
    verified = fields.String(
        required=True,
        metadata={
            "description": "Configs that were verified: `any`; `pinned`: some fields must have one value; `defaults`: "
            "the default config alone. Any other is refused.",
            **open_enum(("any", "pinned", "defaults")),
        },
    )


class RefusedModel(Strict):
    """A model or a class that was not verified."""

    name = fields.String(required=True)
    reason = fields.String(required=True)
    library = _LIBRARY


class LibraryVersion(Strict):
    """A library, and its release that the counts follow."""

    name = fields.String(required=True)
    version = fields.String(required=True)


class ModelQuery(Strict):
    """A search of the models. Without `q` and `library`, the classes of transformers are listed."""

    name = fields.String(
        validate=validate.Length(1, 200),
        metadata={"description": "Glob over the names of the models.", "example": "*ForCausalLM"},
    )
    model_type = fields.String(metadata={"description": "Value of `model_type` in a config.", "example": "llama"})
    q = fields.String(validate=validate.Length(max=200), metadata={"description": "Words that the name holds."})
    library = fields.String(validate=validate.OneOf(tuple(catalogue.list_versions())))
    limit = fields.Integer(
        strict=True, validate=validate.Range(1, 10_000), metadata={"description": "The most models of either list."}
    )


class ModelList(Strict):
    """The models that can be counted, and those that are refused."""

    transformers = fields.String(
        required=True, metadata={"description": "Version of transformers that the counts follow."}
    )
    libraries = fields.List(fields.Nested(LibraryVersion), required=True)
    models = fields.List(fields.Nested(ModelSummary), required=True)
    refused = fields.List(fields.Nested(RefusedModel), required=True)


class ModelField(Strict):
    """A field of a config that sizes the model."""

    field = fields.String(required=True, metadata={"description": "Dotted path of the field."})
    values = fields.String(
        required=True, metadata={"description": "Values that the field may have.", "example": "an integer or null"}
    )
    default = fields.Raw(required=True, allow_none=True)


class ModelConfig(Strict):
    """The fields that a class reads from the config of one model type."""

    model_type = fields.String(required=True)
    members = fields.List(fields.Nested(ModelField), required=True)
    only_defaults = fields.Boolean(
        required=True, metadata={"description": "True if only the default config was verified; any other is refused."}
    )
    assumed = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Conditions that a config must meet; any other is refused."},
    )
    example = fields.Dict(required=True)


class ModelDetail(Strict):
    """A class of transformers, with the configs that it takes."""

    name = fields.String(required=True)
    transformers = fields.String(required=True)
    configs = fields.List(fields.Nested(ModelConfig), required=True)


@operation(
    blueprint.get,
    "/v1/models",
    "models",
    summary="The models of all libraries",
    tag="registry",
    query=ModelQuery,
    response=json_response(ModelList, "The models that can be counted, and those that are refused."),
)
@cacheable
def list_models(query: Query) -> Response:
    members, matches = query.members, name_filter(query, "name")
    listing = catalogue.search(members.get("q", ""), members.get("library", ""))
    model_type, limit = members.get("model_type"), members.get("limit")
    listing["models"] = [
        model
        for model in listing["models"]
        if matches(model["name"]) and (model_type is None or model_type in model["model_types"])
    ][:limit]
    refused = [refused for refused in listing["refused"] if matches(refused["name"]) and model_type is None]
    listing["refused"] = refused[:limit]
    return respond_json(listing)


@operation(
    blueprint.get,
    "/v1/models/<name>",
    "model",
    summary="One class of transformers, with the fields of its config that change its size",
    tag="registry",
    parameters=(
        {"in": "path", "name": "name", "required": True, "schema": {"type": "string"}, "example": "LlamaForCausalLM"},
    ),
    response=json_response(ModelDetail, "The class."),
    problems=(HTTPStatus.NOT_FOUND,),
)
@cacheable
def show_model(name: str) -> Response:
    try:
        return respond_json(describe_model(name))
    except UnknownLayer as error:
        raise HTTPProblem(HTTPStatus.NOT_FOUND, end_sentence(error.detail)) from None
