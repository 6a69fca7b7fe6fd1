"""The routes that count: one document, two to compare, a batch of them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson
from flask import Blueprint, Response, request

from service.comparing import compare
from service.costing import cost
from service.counting import Options, count
from service.errors import ArchitectureError, Problems, TooLarge, UnknownFormat, did_you_mean
from service.model import Report
from service.reading import check, recognise, understand
from service.registry import Format
from service.rendering import RENDERERS
from service.rendering.comparison import comparison_as_json, comparison_as_text
from service.rendering.cost import cost_as_json
from service.rendering.exports import EXPORTS
from service.rendering.json import as_json
from service.web import asking, metrics
from service.web.asking import JSON
from service.web.problems import HTTPProblem, sentence
from service.web.tracing import span

counts = Blueprint("counts", __name__)

Asked = Mapping[str, Any]
"""What was asked, loaded: an envelope's members, or their like from a query."""


class Counted(NamedTuple):
    """A report, and the format that its document came in."""

    report: Report
    form: str


@counts.post("/v1/count")
def count_envelope() -> Response:
    asked = asking.envelope(request)
    return _answer(counted_envelope(asked), asked)


@counts.post("/v1/count/<name>")
def count_document(name: str) -> Response:
    try:
        found = recognise(None, name)
    except UnknownFormat as error:
        raise HTTPProblem(HTTPStatus.NOT_FOUND, sentence(error.detail)) from None
    asked = asking.query(request)
    return _answer(_counted(asking.payload(request, found), found, asking.options(asked)), asked)


@counts.post("/v1/export/<registry>")
def export_envelope(registry: str) -> Response:
    if registry not in EXPORTS:
        detail = f'"{registry[:100]}" is no registry that is known{did_you_mean(registry, EXPORTS)}'
        raise HTTPProblem(HTTPStatus.NOT_FOUND, sentence(detail))
    counted = counted_envelope(asking.envelope(request))
    return Response(orjson.dumps(EXPORTS[registry](*counted)), content_type=JSON)


@counts.post("/v1/compare")
def compare_envelopes() -> Response:
    media = asking.accepted(request, (JSON, "text/plain"))
    asked = asking.comparison(request)
    sides = []
    problems: list[ArchitectureError] = []
    for side in ("before", "after"):
        try:
            sides.append(counted_envelope(asked[side]))
        except Problems as found:
            problems += _within(f"/{side}", found).problems
    if problems:
        raise Problems(problems)
    before, after = sides
    try:
        comparison = compare(before.report, after.report)
    except TooLarge as error:
        raise Problems([error]) from None
    if media == JSON:
        return Response(orjson.dumps(comparison_as_json(comparison, before.form, after.form)), content_type=JSON)
    return Response(comparison_as_text(comparison, before.form, after.form), content_type="text/plain; charset=utf-8")


def counted_envelope(asked: Asked) -> Counted:
    """The count of an envelope's document. Raises Problems, as pointers into the envelope."""
    document = asked["architecture"]
    try:
        found = recognise(document, asked.get("format"))
    except UnknownFormat as error:
        error.pointer = "/format" if "format" in asked else "/architecture"
        raise Problems([error]) from None
    options = asking.options(asked)
    try:
        return _counted(document, found, options)
    except Problems as problems:
        raise _within("/architecture", problems) from None


def _counted(payload: Any, found: Format, options: Options) -> Counted:
    try:
        with span("validate"):
            check(payload, found)
        with span("read"):
            document = understand(payload, found)
        with span("count"):
            report = count(document, options, asking.limits())
    except Problems as problems:
        metrics.refused(problems)
        raise
    metrics.COUNTED.labels(found.name).inc(report.rows)
    return Counted(report, found.name)


def _answer(counted: Counted, asked: Asked) -> Response:
    """A report in the form that the client accepts."""
    media = asking.accepted(request, RENDERERS)
    with span("render"):
        if media == JSON:
            return Response(orjson.dumps(answered(counted, asked)), content_type=JSON)
        rendered = RENDERERS[media](*counted, asked["detail"], _bounded(counted.report, asked))
        return Response(rendered, content_type=f"{media}; charset=utf-8")


def answered(counted: Counted, asked: Asked) -> dict[str, Any]:
    """A report as JSON, with what training it takes where that is asked for."""
    answer = as_json(*counted, asked["detail"], _bounded(counted.report, asked))
    if "optimizer" in asked:
        answer["training"] = cost_as_json(cost(counted.report, asked["optimizer"], asked["precision"]))
    return answer


def _bounded(report: Report, asked: Asked) -> int:
    """How many levels of layers to tell; more rows than one answer holds are a problem."""
    depth: int = asked["depth"]
    most = asking.settings().max_rows
    if asked["detail"] != "totals" and report.rows > most:
        raise Problems([TooLarge(f"has {report.rows:,} rows, more than {most:,}: ask with detail=totals")])
    return depth


def _within(place: str, problems: Problems) -> Problems:
    """The problems of a document, as pointers into what holds it."""
    for error in problems.problems:
        error.pointer = place + error.pointer
    return problems
