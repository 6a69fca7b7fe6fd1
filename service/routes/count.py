"""POST /v1/count: an envelope, or a document alone, is counted; what the other routes that count share with it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Request, Response

from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.rendering import JSON, MEDIA_TYPES
from paramcount.requests.count import count_request, render
from paramcount.requests.envelope import CountRequest, load_envelope
from paramcount.requests.schemas import Envelope
from service import requests, schemas
from service.context import current_request, current_settings
from service.middleware import metrics
from service.middleware.tracing import start_span
from service.operations import BODY_PROBLEMS, json_response, operation
from service.problems import log_faulty_formulas
from service.queries import CountQuery, Query
from service.response_cache import Answer, get_or_compute
from service.settings import Settings

blueprint = Blueprint("count", __name__)

REPORT = json_response(schemas.Report, "The report.", MEDIA_TYPES)

_EXAMPLE = {
    "architecture": {
        "framework": "keras",
        "input_shape": [3],
        "layers": [{"type": "Dense", "name": "out", "units": 4}],
    },
    "trainable": [{"match": "out.bias", "trainable": False}],
}

_DOCUMENT = {
    "type": "object",
    "additionalProperties": True,
    "description": "a document itself, in any format of JSON: an object without a member `architecture`",
}
BODY = {"anyOf": [Envelope, _DOCUMENT]}
"""Schema of a body that holds a document: an envelope, or the document alone."""


@operation(
    blueprint.post,
    "/v1/count",
    "count",
    summary="Count a document of any format",
    tag="count",
    request={JSON: {"schema": BODY, "example": _EXAMPLE}},
    query=CountQuery,
    response=REPORT,
    problems=BODY_PROBLEMS,
)
def post_envelope(query: Query) -> Response:
    request, settings = current_request(), current_settings()
    raw = requests.read_json_body(request, settings)

    def compute() -> Answer:
        envelope = load_envelope(raw, query.members, query.rules)
        return render_answer(measure_count(envelope, settings), envelope, request, settings)

    return get_or_compute(request, raw, compute)


def measure_count(envelope: CountRequest, settings: Settings) -> Report:
    """Count a request's document. Raises Problems, with pointers into its body, or NotJSON."""
    return measure(lambda: count_request(envelope, settings, start_span))


def measure(count: Callable[[], Report]) -> Report:
    """Return the report that `count` makes, and record its rows, or its unknown layers, in the metrics."""
    try:
        report = count()
    except Problems as problems:
        metrics.count_unknown_layers(problems)
        log_faulty_formulas(problems)
        raise
    metrics.count_rows(report.format, report.row_count)
    return report


def render_answer(report: Report, options: CountRequest, request: Request, settings: Settings) -> Answer:
    """Render a report in the media type that the client accepts. Raises HTTPProblem or Problems."""
    media = requests.negotiate_media_type(request, MEDIA_TYPES)
    with start_span("render"):
        body = render(report, options, settings, media)
    return Answer(body, media, report.format, report.row_count)
