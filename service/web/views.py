"""The routes, a few lines each."""

from __future__ import annotations

from base64 import b64encode
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import orjson
from flask import Blueprint, Response, request, send_from_directory

from service.counting import count
from service.errors import ArchitectureError, Problems, TooLarge, UnknownFormat, UnknownLayer
from service.model import Report
from service.reading import check, recognise, understand
from service.registry import FORMATS, LAYERS, Format, LayerType, resolve
from service.rendering.json import Detail, as_json
from service.rendering.text import as_text
from service.web import asking, metrics, openapi
from service.web.asking import JSON
from service.web.problems import HTTPProblem, sentence
from service.web.tracing import span

views = Blueprint("views", __name__)

_NOTHING_FROM_OUTSIDE = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


def answer(data: Any, status: int = HTTPStatus.OK) -> Response:
    """Data as a JSON response."""
    return Response(orjson.dumps(data), status, content_type=JSON)


@views.post("/v1/count")
def count_envelope() -> Response:
    asked = asking.envelope(request)
    document = asked["architecture"]
    try:
        found = recognise(document, asked.get("format"))
    except UnknownFormat as error:
        error.pointer = "/format" if "format" in asked else "/architecture"
        raise Problems([error]) from None
    try:
        return _report(document, found, asked)
    except Problems as problems:
        raise _within("/architecture", problems) from None


@views.post("/v1/count/<name>")
def count_document(name: str) -> Response:
    try:
        found = recognise(None, name)
    except UnknownFormat as error:
        raise HTTPProblem(HTTPStatus.NOT_FOUND, sentence(error.detail)) from None
    asked = asking.query(request)
    return _report(asking.payload(request, found), found, asked)


def _report(payload: Any, found: Format, asked: dict[str, Any]) -> Response:
    media = asking.accepted(request, _FORMS)
    try:
        with span("validate"):
            check(payload, found)
        with span("read"):
            document = understand(payload, found)
        with span("count"):
            report = count(document, asking.options(asked), asking.limits())
    except Problems as problems:
        metrics.refused(problems)
        raise
    metrics.COUNTED.labels(found.name).inc(report.rows)
    if asked["detail"] != "totals" and report.rows > asking.settings().max_rows:
        detail = f"has {report.rows:,} rows, more than {asking.settings().max_rows:,}: ask with detail=totals"
        raise Problems([TooLarge(detail)])
    with span("render"):
        return _FORMS[media](report, found.name, asked["detail"], asked["depth"])


def _json(report: Report, form: str, detail: Detail, depth: int) -> Response:
    return answer(as_json(report, form, detail, depth))


def _text(report: Report, form: str, detail: Detail, depth: int) -> Response:
    return Response(as_text(report, form, 0 if detail == "totals" else depth), content_type="text/plain; charset=utf-8")


_FORMS = {JSON: _json, "text/plain": _text}


def _within(place: str, problems: Problems) -> Problems:
    """The problems of a document, as pointers into what holds it."""
    for error in problems.problems:
        error.pointer = place + error.pointer
    return problems


@views.get("/v1/layers")
def layers() -> Response:
    return answer({"layers": [_summary(kind) for kind in LAYERS.values()]})


@views.get("/v1/layers/<kind>")
def layer(kind: str) -> Response:
    try:
        found = resolve(kind, "")
    except ArchitectureError as error:
        status = HTTPStatus.NOT_FOUND if isinstance(error, UnknownLayer) else HTTPStatus.UNPROCESSABLE_ENTITY
        raise HTTPProblem(status, sentence(error.detail)) from None
    signature = found.signature
    inputs = [parameter.name for parameter in signature.inputs]
    return answer(_summary(found) | {"inputs": inputs, "config": signature.json_schema})


def _summary(kind: LayerType) -> dict[str, Any]:
    return {"type": kind.name, "doc": kind.doc, "source": _source(kind.origin)}


def _source(module: str) -> str:
    return "built-in" if module.partition(".")[0] == "service" else module


@views.get("/v1/formats")
def formats() -> Response:
    described = [
        {
            "format": found.name,
            "doc": found.doc,
            "media_types": sorted({JSON, found.media}),
            "source": _source(found.read.__module__),
            "example": _example(found.example),
        }
        for found in FORMATS.values()
    ]
    return answer({"formats": described})


def _example(example: Any) -> Any:
    return {"base64": b64encode(example).decode()} if isinstance(example, bytes) else example


@views.get("/openapi.json")
def openapi_json() -> Response:
    return answer(openapi.document() | {"servers": [{"url": request.script_root or "/"}]})


@views.get("/openapi.yaml")
def openapi_yaml() -> Response:
    return Response(openapi.as_yaml(), content_type="application/yaml")


@views.get("/docs")
def docs() -> Response:
    page = (openapi.ASSETS / "index.html").read_bytes()
    return Response(
        page, headers={"Content-Security-Policy": _NOTHING_FROM_OUTSIDE}, content_type="text/html; charset=utf-8"
    )


@views.get("/docs/<path:name>")
def docs_asset(name: str) -> Response:
    return send_from_directory(openapi.ASSETS, name)


@views.get("/v1/limits")
def limits() -> Response:
    return answer(asking.settings().limits)


@views.get("/metrics")
def scrape() -> Response:
    return metrics.scrape()


@views.get("/livez")
def livez() -> Response:
    return answer({"status": "alive"})


@views.get("/readyz")
def readyz() -> Response:
    return answer({"status": "ready", "layers": len(LAYERS), "formats": len(FORMATS)})


@views.get("/")
def index() -> Response:
    return answer(
        {
            "name": "paramcount",
            "version": version("paramcount"),
            "what": "Counts the parameters of a neural network from its description, exactly and layer by layer.",
            "count": "/v1/count",
            "formats": "/v1/formats",
            "layers": "/v1/layers",
            "openapi": "/openapi.json",
            "docs": "/docs",
        }
    )
