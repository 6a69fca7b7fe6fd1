"""POST /v1/compare: two envelopes are counted, and their reports compared."""

from __future__ import annotations

from typing import get_args

from flask import Blueprint, Response
from marshmallow import fields, validate

from paramcount.analysis.compare import MatchedBy
from paramcount.rendering import JSON
from paramcount.rendering.comparison import COMPARISONS, NO_NAMES
from paramcount.requests.count import compare_envelopes
from paramcount.requests.envelope import load_comparison
from paramcount.requests.schemas import CONVENTIONS, Comparison, Strict
from service.context import current_request, current_settings
from service.contract import schemas
from service.contract.operations import BODY_PROBLEMS, json_response, operation
from service.requests.body import read_json_body
from service.requests.media_types import negotiate_media_type
from service.responses import content_type
from service.routes.count import measure_count

blueprint = Blueprint("compare", __name__)


class Side(Strict):
    """One of two compared documents."""

    name = fields.String(required=True)
    format = fields.String(required=True)
    exact = fields.Boolean(required=True)
    totals = fields.Nested(schemas.Totals, required=True)
    parameters = fields.Nested(schemas.Parameters, required=True)
    counted_by = fields.Nested(schemas.CountedBy, required=True)
    warnings = fields.List(fields.Nested(schemas.Warning), required=True)


class Concerned(Strict):
    """Layers and elements that one kind of change affects."""

    layers = fields.Integer(required=True)
    elements = fields.Integer(required=True)


class Change(Strict):
    """The changes of one layer."""

    path = fields.String(
        required=True, metadata={"description": "Path in the second model; for a removed layer, in the first."}
    )
    was = fields.String(metadata={"description": "Path in the first model, for a renamed layer."})
    matched_by = fields.String(
        validate=validate.OneOf(get_args(MatchedBy)),
        metadata={"description": "Why a renamed layer is taken for the same; `shape_and_order` is a guess."},
    )
    type = fields.String(required=True)
    kinds = fields.Dict(
        fields.String(),
        fields.Integer(),
        required=True,
        metadata={
            "description": "Kinds of change (added, removed, resized, frozen ...) and the elements each affects."
        },
    )
    before = fields.Nested(schemas.Totals, required=True)
    after = fields.Nested(schemas.Totals, required=True)
    detail = fields.String(required=True)


class Resized(Strict):
    """Tensors of one name in the resized layers."""

    tensor = fields.String(
        required=True, metadata={"description": "Name of the tensors; empty for all others together."}
    )
    layers = fields.Integer(required=True)
    elements = fields.Integer(
        required=True, metadata={"description": "Number of elements after, minus the number before."}
    )


class ComparisonReport(Strict):
    """The differences between two models."""

    convention = fields.String(required=True, validate=validate.OneOf(CONVENTIONS))
    exact = fields.Boolean(required=True)
    before = fields.Nested(Side, required=True)
    after = fields.Nested(Side, required=True)
    difference = fields.Nested(schemas.Totals, required=True)
    summary = fields.Dict(fields.String(), fields.Nested(Concerned), required=True)
    resized = fields.List(
        fields.Nested(Resized),
        required=True,
        metadata={"description": "The elements add up to those of `resized` in `summary`."},
    )
    changes = fields.List(fields.Nested(Change), required=True)


@operation(
    blueprint.post,
    "/v1/compare",
    "compare",
    summary="Compare two models, whatever their formats",
    tag="count",
    request={JSON: {"schema": Comparison}},
    response=json_response(
        ComparisonReport, "The layers that were added, removed, resized, renamed or frozen.", COMPARISONS
    ),
    problems=BODY_PROBLEMS,
)
def post_comparison() -> Response:
    request, settings = current_request(), current_settings()
    media = negotiate_media_type(request, COMPARISONS)
    before, after = load_comparison(read_json_body(request, settings))
    comparison = compare_envelopes(before, after, lambda side: measure_count(side, settings))
    return Response(COMPARISONS[media](comparison, NO_NAMES), content_type=content_type(media))
