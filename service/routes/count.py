"""The routes that count: one document, two to compare, a batch of them."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import orjson
from flask import Blueprint, Request, Response

from paramcount.formats.detect import detect
from paramcount.model.errors import Problems, UnknownFormat, did_you_mean
from paramcount.model.report import Report
from paramcount.rendering import RENDERERS
from paramcount.rendering.comparison import COMPARISONS
from paramcount.rendering.exports import EXPORTS
from paramcount.requests.count import compare_envelopes, count_document, count_envelope, render, to_json
from paramcount.requests.envelope import CountRequest, check_rules, load_comparison, load_envelope
from service import requests, response_cache
from service.middleware import metrics
from service.middleware.request_log import itself
from service.middleware.tracing import span
from service.problems import HTTPProblem, sentence
from service.requests import JSON
from service.response_cache import Answer
from service.settings import Settings

counts = Blueprint("counts", __name__)


@counts.post("/v1/count")
def post_envelope() -> Response:
    request, settings = itself(), requests.settings()
    raw = requests.json_body(request, settings)

    def answer() -> Answer:
        loaded = load_envelope(raw)
        return _answer(measured_count(loaded, settings), loaded, request, settings)

    return response_cache.once(request, raw, answer)


@counts.post("/v1/count/<name>")
def post_document(name: str) -> Response:
    try:
        document_format = detect(None, name)
    except UnknownFormat as error:
        raise HTTPProblem(HTTPStatus.NOT_FOUND, sentence(error.detail)) from None
    request, settings = itself(), requests.settings()
    options, media = requests.query(request.query_string), request.mimetype
    raw = requests.document_body(request, document_format, settings)

    def count() -> Report:
        check_rules(options.options.rules, settings.max_rules)
        return count_document(requests.source(raw, media), document_format, options, settings, span)

    def answer() -> Answer:
        return _answer(_measured(count), options, request, settings)

    return response_cache.once(request, raw, answer)


@counts.post("/v1/export/<registry>")
def export_envelope(registry: str) -> Response:
    if registry not in EXPORTS:
        detail = f'"{registry[:100]}" is no registry that is known{did_you_mean(registry, EXPORTS)}'
        raise HTTPProblem(HTTPStatus.NOT_FOUND, sentence(detail))
    settings = requests.settings()
    report = measured_count(load_envelope(requests.json_body(itself(), settings)), settings)
    return Response(orjson.dumps(EXPORTS[registry](report)), content_type=JSON)


@counts.post("/v1/compare")
def post_comparison() -> Response:
    media, settings = requests.accepted(itself(), COMPARISONS), requests.settings()
    before, after = load_comparison(requests.json_body(itself(), settings))
    comparison = compare_envelopes(before, after, lambda side: measured_count(side, settings))
    return Response(COMPARISONS[media](comparison), content_type=media if media == JSON else f"{media}; charset=utf-8")


def measured_count(request: CountRequest, settings: Settings) -> Report:
    """The count of an envelope's document. Raises Problems, as pointers into the envelope, or NotJSON."""
    return _measured(lambda: count_envelope(request, settings, span))


def _measured(count: Callable[[], Report]) -> Report:
    """What `count` returns, with metrics of it."""
    try:
        report = count()
    except Problems as problems:
        metrics.refused(problems)
        raise
    metrics.counted(report.format, report.row_count)
    return report


def _answer(report: Report, options: CountRequest, request: Request, settings: Settings) -> Answer:
    """A report in the media type that the client accepts."""
    media = requests.accepted(request, RENDERERS)
    with span("render"):
        if media == JSON:
            body, content_type = orjson.dumps(to_json(report, options, settings)), JSON
        else:
            body, content_type = render(report, options, settings, media).encode(), f"{media}; charset=utf-8"
    return Answer(body, content_type, report.format, report.row_count)
