"""The routes that count: one document, two to compare, a batch of them."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import orjson
from flask import Blueprint, Request, Response

from paramcount.analysis.compare import compare
from paramcount.formats.detect import detect
from paramcount.model.errors import ArchitectureError, Problems, TooLarge, UnknownFormat, did_you_mean
from paramcount.model.report import Report
from paramcount.rendering import RENDERERS
from paramcount.rendering.comparison import COMPARISONS
from paramcount.rendering.exports import EXPORTS
from paramcount.requests import envelope as envelopes
from paramcount.requests.envelope import CountRequest, answered, counting, within
from service import requests as asking
from service import response_cache as answers
from service.middleware import metrics
from service.middleware.request_log import itself
from service.middleware.tracing import span
from service.problems import HTTPProblem, sentence
from service.requests import JSON
from service.response_cache import Answer
from service.settings import Settings

counts = Blueprint("counts", __name__)


@counts.post("/v1/count")
def count_envelope() -> Response:
    request, ours = itself(), asking.settings()
    raw = asking.json_body(request, ours)

    def answer() -> Answer:
        asked = envelopes.envelope(asking.parsed(raw))
        return _answer(counted_envelope(asked, ours), asked, request, ours)

    return answers.once(request, raw, answer)


@counts.post("/v1/count/<name>")
def count_document(name: str) -> Response:
    try:
        found = detect(None, name)
    except UnknownFormat as error:
        raise HTTPProblem(HTTPStatus.NOT_FOUND, sentence(error.detail)) from None
    request, ours = itself(), asking.settings()
    asked, media = asking.query(request.query_string), request.mimetype
    raw = asking.document_body(request, found, ours)

    def count() -> Report:
        how = counting(asked, ours)
        if media.endswith("json") and (counted := envelopes.counted_lazily(raw, found, how, ours, span)):
            return counted
        return envelopes.counted_document(asking.document(raw, media), found, how, ours, span)

    def answer() -> Answer:
        return _answer(_measured(count), asked, request, ours)

    return answers.once(request, raw, answer)


@counts.post("/v1/export/<registry>")
def export_envelope(registry: str) -> Response:
    if registry not in EXPORTS:
        detail = f'"{registry[:100]}" is no registry that is known{did_you_mean(registry, EXPORTS)}'
        raise HTTPProblem(HTTPStatus.NOT_FOUND, sentence(detail))
    counted = counted_envelope(asking.envelope(itself()), asking.settings())
    return Response(orjson.dumps(EXPORTS[registry](counted)), content_type=JSON)


@counts.post("/v1/compare")
def compare_envelopes() -> Response:
    media = asking.accepted(itself(), COMPARISONS)
    asked, ours = asking.comparison(itself()), asking.settings()
    sides = []
    problems: list[ArchitectureError] = []
    for side in ("before", "after"):
        try:
            sides.append(counted_envelope(asked[side], ours))
        except Problems as found:
            problems += within(f"/{side}", found).problems
    if problems:
        raise Problems(problems)
    before, after = sides
    try:
        comparison = compare(before, after)
    except TooLarge as error:
        raise Problems([error]) from None
    rendered = COMPARISONS[media](comparison)
    return Response(rendered, content_type=media if media == JSON else f"{media}; charset=utf-8")


def counted_envelope(asked: CountRequest, ours: Settings) -> Report:
    """The count of an envelope's document. Raises Problems, as pointers into the envelope."""
    return _measured(lambda: envelopes.counted(asked, ours, span))


def _measured(count: Callable[[], Report]) -> Report:
    """What `count` returns; metrics tell of it."""
    try:
        counted = count()
    except Problems as problems:
        metrics.refused(problems)
        raise
    metrics.counted(counted.format, counted.row_count)
    return counted


def _answer(counted: Report, asked: CountRequest, request: Request, ours: Settings) -> Answer:
    """A report in the form that the client accepts."""
    media = asking.accepted(request, RENDERERS)
    with span("render"):
        if media == JSON:
            return Answer(orjson.dumps(answered(counted, asked, ours)), JSON, counted.format, counted.row_count)
        rendered = envelopes.rendered(counted, asked, ours, media)
        return Answer(rendered.encode(), f"{media}; charset=utf-8", counted.format, counted.row_count)
