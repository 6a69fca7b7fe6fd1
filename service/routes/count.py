"""POST /v1/count: an envelope, or a document alone, is counted; what the other routes that count share with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Request, Response

from paramcount.counting.freezing import Rule
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.rendering import JSON, MEDIA_TYPES, TEXT
from paramcount.requests.count import count_request, render
from paramcount.requests.envelope import CountRequest, load_envelope
from paramcount.requests.schemas import Envelope
from paramcount.requests.uploads import load_files, load_upload
from service.context import current_request, current_settings
from service.contract import schemas
from service.contract.operations import BODY_PROBLEMS, json_response, operation
from service.middleware import metrics
from service.middleware.tracing import start_span
from service.problems import log_faulty_formulas
from service.requests.body import read_body
from service.requests.media_types import check_media_type, is_json, negotiate_media_type
from service.requests.queries import CountForm, CountQuery, Query, parse_options
from service.requests.uploads import MULTIPART, read_upload
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
_FILE = {"type": "string", "format": "binary"}

BODY = {"anyOf": [Envelope, _DOCUMENT]}
"""Schema of a body that holds a document: an envelope, or the document alone."""


@operation(
    blueprint.post,
    "/v1/count",
    "count",
    summary="Count a model, whatever its format",
    tag="count",
    request={
        JSON: {"schema": BODY, "example": _EXAMPLE},
        TEXT: {"schema": {"type": "string"}},
        "application/octet-stream": {"schema": _FILE},
        MULTIPART: {"schema": CountForm},
    },
    query=CountQuery,
    response=REPORT,
    problems=BODY_PROBLEMS,
)
def post_envelope(query: Query) -> Response:
    request, settings = current_request(), current_settings()
    media = request.mimetype
    load = _LOADERS.get(media, load_envelope)
    if media not in _LOADERS and not is_json(media):
        check_media_type(media, {*_LOADERS})
    raw = read_body(request, settings)

    def compute() -> Answer:
        envelope = load(raw, query.members, query.rules)
        return render_answer(measure_count(envelope, settings), envelope, request, settings)

    return get_or_compute(request, raw, compute)


def _load_form(raw: bytes, options: Mapping[str, Any], rules: Sequence[Rule]) -> CountRequest:
    """Load the files and fields of a form. Raises HTTPProblem, Problems or NotJSON."""
    upload = read_upload(raw, current_request())
    joined = Query(dict(options), tuple(rules)).join(parse_options(upload.options, CountQuery))
    members = {**joined.members, **{name: value for name, value in upload.members.items() if name != "base"}}
    if upload.document is not None:
        return load_upload(upload.document.encode(), members, joined.rules)
    return load_files(upload.files, upload.members.get("base"), members, joined.rules)


_LOADERS: Mapping[str, Callable[[bytes, Mapping[str, Any], Sequence[Rule]], CountRequest]] = {
    JSON: load_envelope,
    TEXT: load_upload,
    "application/octet-stream": load_upload,
    MULTIPART: _load_form,
}
"""Loaders of bodies by content type."""


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
    media = negotiate_media_type(request, MEDIA_TYPES)
    with start_span("render"):
        body = render(report, options, settings, media)
    return Answer(body, media, report.format, report.row_count)
