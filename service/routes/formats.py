"""GET /v1/formats: the registered formats, with an example each."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from flask import Blueprint, Response
from marshmallow import fields

from paramcount.rendering import JSON
from paramcount.requests.schemas import Strict
from paramcount.schema.registry import FORMATS, Format
from service.contract.operations import json_response, operation
from service.middleware.proxy import cacheable
from service.requests.queries import Query
from service.responses import respond_json
from service.routes.layers import describe_source

blueprint = Blueprint("formats", __name__)


class FormatsQuery(Strict):
    """Options of the list of formats."""

    media_type = fields.String(metadata={"description": "Media type of documents.", "example": "text/plain"})


class FormatDetail(Strict):
    """A format of documents."""

    format = fields.String(required=True)
    doc = fields.String(required=True)
    media_types = fields.List(fields.String(), required=True)
    source = fields.String(required=True)
    example = fields.Raw(
        required=True, metadata={"description": "An example document; a file is given as {base64: ...}."}
    )


class FormatList(Strict):
    """The formats of documents."""

    formats = fields.List(fields.Nested(FormatDetail), required=True)


@operation(
    blueprint.get,
    "/v1/formats",
    "formats",
    summary="The formats, with an example of each",
    tag="registry",
    query=FormatsQuery,
    response=json_response(FormatList, "The registered formats."),
)
@cacheable
def list_formats(query: Query) -> Response:
    media, formats = query.members.get("media_type"), map(_describe, FORMATS.values())
    return respond_json({"formats": [each for each in formats if media is None or media in each["media_types"]]})


def _describe(document_format: Format) -> dict[str, Any]:
    example = document_format.example
    return {
        "format": document_format.name,
        "doc": document_format.doc,
        "media_types": sorted({JSON, document_format.media}),
        "source": describe_source(document_format.read.__module__),
        "example": {"base64": b64encode(example).decode()} if isinstance(example, bytes) else example,
    }
