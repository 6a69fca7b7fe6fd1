"""POST /v1/count/{format}: a document as it is, with its options in the query."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response

from paramcount.formats.detect import detect
from paramcount.model.errors import UnknownFormat
from paramcount.model.report import Report
from paramcount.rendering import JSON
from paramcount.requests.count import count_document
from paramcount.requests.envelope import check_rules
from paramcount.schema.registry import FORMATS, Format
from service.context import current_request, current_settings
from service.contract.operations import BODY_PROBLEMS, Operation, operation
from service.middleware.tracing import start_span
from service.problems import HTTPProblem, end_sentence
from service.requests.body import make_source, read_document_body
from service.requests.queries import DocumentQuery, Query
from service.response_cache import Answer, get_or_compute
from service.routes.count import REPORT, measure, render_answer

blueprint = Blueprint("documents", __name__)


def _for_each_format(declared: Operation) -> Iterator[Operation]:
    for document_format in FORMATS.values():
        yield declared._replace(
            path=f"/v1/count/{document_format.name}",
            name=f"count_{document_format.name}",
            summary=document_format.doc.partition("\n")[0],
            request=_describe_body(document_format),
        )


def _describe_body(document_format: Format) -> dict[str, Any]:
    """Return the content that a request for one format may have, by media type."""
    media, example = document_format.media, document_format.example
    document = {"schema": document_format.schema or {}, "example": example}
    if media == JSON:
        return {JSON: document}
    if media.startswith("text/"):
        text = {"schema": {"type": "string"}, "example": example}
        return {media: text, JSON: text}
    content: dict[str, Any] = {media: {"schema": {"type": "string", "format": "binary"}}}
    return content if isinstance(example, bytes) else content | {JSON: document}


@operation(
    blueprint.post,
    "/v1/count/<name>",
    "count_document",
    summary="Count a model of one format",
    tag="count",
    query=DocumentQuery,
    response=REPORT,
    problems=BODY_PROBLEMS,
    expand=_for_each_format,
)
def post_document(name: str, query: Query) -> Response:
    try:
        document_format = detect(None, name)
    except UnknownFormat as error:
        raise HTTPProblem(HTTPStatus.NOT_FOUND, end_sentence(error.detail)) from None
    request, settings = current_request(), current_settings()
    options, media = query.options, request.mimetype
    raw = read_document_body(request, document_format, settings)

    def count() -> Report:
        check_rules(options.options.rules, settings.max_rules)
        source = make_source(raw, media)
        return count_document(source, document_format, options, settings, start_span)

    def compute() -> Answer:
        return render_answer(measure(count), options, request, settings)

    return get_or_compute(request, raw, compute)
